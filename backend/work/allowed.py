"""What whoever runs an instance allows: which models, how large they may be, whether to fine-tune, how much one person may keep."""

import fnmatch
import re

from backend.errors import InvalidRequest, ModelError
from backend.settings import Settings
from backend.store import Store
from backend.values.models import ModelInfo
from backend.values.people import NOBODY, asking
from backend.work.runlist import seen_runs

_HUB = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?(@.*)?", re.ASCII)
_OWN = ("minilm",)  # comes with the program


def require_allowed(name: str, settings: Settings) -> None:
    """Raise ModelError for a model of the hub that is in none of the patterns of the settings; other names are not looked at."""
    name = name.strip()
    if not settings.models or name in _OWN or not _HUB.fullmatch(name):
        return
    repository = name.partition("@")[0].casefold()
    if not any(fnmatch.fnmatchcase(repository, pattern.casefold()) for pattern in settings.models):
        raise ModelError(
            f"The model '{name[:80]}' is not among those that may be used here: {', '.join(settings.models)}.",
            "Use one of these, or ask whoever runs this instance (EMBEDSCOPE_MODELS).",
        )


def require_small(info: ModelInfo, settings: Settings) -> None:
    """Raise ModelError for a model whose weights take more bytes than the settings allow."""
    if settings.max_model_bytes and info.n_bytes > settings.max_model_bytes and not info.is_given:
        raise ModelError(
            f"The weights of '{info.spec.name}' take {info.n_bytes / 1e9:.2f} GB; at most "
            f"{settings.max_model_bytes / 1e9:.2f} GB are allowed here.",
            "Use a smaller model, or ask whoever runs this instance (EMBEDSCOPE_MAX_MODEL_BYTES).",
        )


def require_finetuning(settings: Settings) -> None:
    """Raise InvalidRequest where the settings allow no fine-tuning."""
    if not settings.finetune:
        raise InvalidRequest(
            "Fine-tuning is switched off on this instance.", "Ask whoever runs it (EMBEDSCOPE_FINETUNE)."
        )


def require_room(store: Store, settings: Settings, n_bytes: int) -> None:
    """Raise InvalidRequest where ``n_bytes`` more would be more than one person may keep; whoever runs the machine may keep all."""
    if not settings.user_bytes or asking() == NOBODY:
        return
    kept = bytes_of_asker(store, settings)
    if kept + n_bytes > settings.user_bytes:
        raise InvalidRequest(
            f"With {n_bytes / 1e6:.1f} MB more your text sets, vectors, uploads and runs would take "
            f"{(kept + n_bytes) / 1e6:.1f} MB; at most {settings.user_bytes / 1e6:.1f} MB are allowed for each person.",
            "Delete what you no longer need, or ask whoever runs this instance (EMBEDSCOPE_USER_BYTES).",
        )


def bytes_of_asker(store: Store, settings: Settings) -> int:
    """The bytes of all that belongs to who asks, also where others own it too."""
    person, runs = asking(), settings.runs_folder
    files = sum(
        store.size_of(kind, one.key)
        for kind in ("texts", "vectors", "blobs")
        for one in store.owners.all(kind)
        if person.id in one.owned.owners
    )
    folders = (runs / info.name for info in seen_runs(store, runs) if store.owners.mine("runs", info.name))
    return files + sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())
