"""What a folder of the sentence-transformers library says beside its weights: length, pooling, and what it does further.

Read as that library reads it (modules.json and the files that it leads to, old and new forms), without the library.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.errors import ModelError
from backend.models.folders import broken, read_small
from backend.models.untyped import Untyped

MODULES = "modules.json"
SETTINGS = "sentence_*_config.json"
_TRANSFORMERS = ("Transformer", "BERT", "RoBERTa", "DistilBERT", "XLMRoBERTa", "CamemBERT", "ALBERT", "XLNet", "T5")
_POOLINGS = {"cls": "cls", "mean": "mean", "lasttoken": "last"}
_OLD_MODES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_MODES = {
    "max": "maximum",
    "mean_sqrt_len_tokens": "sum over the square root of the length",
    "weightedmean": "weighted mean",
}


@dataclass(frozen=True, slots=True)
class Package:
    """What sentence-transformers does with a model: the most tokens that it reads (2**20 for all that the model takes,
    None where the folder does not say), its pooling where there is the same one here, and in ``remarks`` what else it does
    to the texts and the vectors, as sentences."""

    max_length: int | None = None
    pooling: str | None = None
    remarks: tuple[str, ...] = ()


def transformer_path(model: str, folder: Path) -> str:
    """Where below ``folder`` its modules.json keeps the transformer, "" for the folder itself.

    Raises ModelError where the package has none: static word vectors, several encoders for several kinds of text.
    """
    modules = _modules(model, folder)
    for module in modules:
        if module["type"].rpartition(".")[2] in _TRANSFORMERS:
            return module["path"]
    kinds = ", ".join(module["type"].rpartition(".")[2] for module in modules) or "nothing"
    raise ModelError(
        f"The sentence-transformers package '{model}' does not hold exactly one transformer (its modules: {kinds}).",
        "Its vectors have no layers to look at. Choose a package built on one transformer; if it has several "
        "encoders, name the folder of one.",
    )


def read_package(model: str, folder: Path) -> Package:
    """The settings of the package in ``folder``; of a folder without modules.json its limit of tokens alone, if it has one."""
    if not (folder / MODULES).is_file():
        return Package(_max_length(model, folder))
    modules = _modules(model, folder)
    kinds = [module["type"].rpartition(".")[2] for module in modules]
    settings: dict[str, Any] = {}
    pooling, remarks = None, []
    for module, kind in zip(modules, kinds, strict=True):
        place = folder / module["path"]
        if kind in _TRANSFORMERS and not settings:
            settings = _settings(model, place)
        elif kind == "Pooling" and pooling is None:
            table = _read(model, place / "config.json") or {}
            pooling, said = _pooling(table)
            remarks += said
        elif kind not in ("Pooling", "Dropout"):  # dropout does nothing outside training
            remarks.append(_further(kind, _read(model, place / "config.json") or {}))
    remarks += _inputs(_read(model, folder / "config_sentence_transformers.json") or {}, settings)
    path = next((module["path"] for module, kind in zip(modules, kinds, strict=True) if kind in _TRANSFORMERS), "")
    return Package(_max_length(model, folder / path) or 2**20, pooling, tuple(remarks))


def lowers_case(model: str, folder: Path) -> bool:
    """Whether the package turns texts to lower case before its tokenizer sees them."""
    return bool(_settings(model, folder).get("do_lower_case"))


def settings_that_count(model: str, folder: Path) -> tuple[str, ...]:
    """The settings files in ``folder`` that change what the model reads, and so belong to its identity."""
    if not lowers_case(model, folder):
        return ()
    return tuple(sorted(path.name for path in folder.glob(SETTINGS)))


def lower_case(tokenizer: Untyped) -> None:
    """Let a tokenizer turn texts to lower case first, as sentence-transformers does."""
    from tokenizers import normalizers

    fast = getattr(tokenizer, "backend_tokenizer", None)
    if fast is None:
        tokenizer.do_lower_case = True
        return
    own: Any = fast.normalizer
    several = isinstance(own, normalizers.Sequence)
    parts = list(own) if several else [own] if own is not None else []
    if not any(isinstance(part, normalizers.Lowercase) for part in parts):
        fast.normalizer = normalizers.Sequence([normalizers.Lowercase(), *parts])


def _modules(model: str, folder: Path) -> list[dict[str, str]]:
    table = _read(model, folder / MODULES)
    if not isinstance(table, list) or not all(isinstance(module, dict) for module in table):
        raise broken(model, f"{MODULES} holds no list of modules")
    modules = [{key: str(module.get(key, "")) for key in ("path", "type")} for module in table]
    for module in modules:
        _check_inside(model, module["path"])
    return modules


def _check_inside(model: str, path: str) -> None:
    if Path(path).is_absolute() or ".." in Path(path).parts or "\0" in path:
        raise broken(model, f"its {MODULES} leads out of its folder ('{path}')")


def module_files(model: str, folder: Path) -> tuple[Path, ...]:
    """The folders of the modules below ``folder`` and the settings in them, as they are named, links not followed."""
    places = [folder / module["path"] for module in _modules(model, folder) if module["path"]]
    return tuple(item for place in places if place.is_dir() for item in (place, *sorted(place.glob("*.json"))))


def _settings(model: str, folder: Path) -> dict[str, Any]:
    for path in sorted(folder.glob(SETTINGS)):
        table = _read(model, path)
        if isinstance(table, dict) and table:
            return table
    return {}


def _max_length(model: str, folder: Path) -> int | None:
    settings = _settings(model, folder)
    inner = settings.get("processor_kwargs") or settings.get("tokenizer_args") or {}
    for value in (settings.get("max_seq_length"), inner.get("model_max_length") if isinstance(inner, dict) else None):
        if isinstance(value, int) and 0 < value < 2**20:
            return value
    return None


def _pooling(table: dict[str, Any]) -> tuple[str | None, list[str]]:
    """The pooling of a Pooling module, where there is the same one here, and what must be said of it."""
    modes = table.get("pooling_mode") or [mode for name, mode in _OLD_MODES.items() if table.get(name)] or ["mean"]
    modes = [modes] if isinstance(modes, str) else [str(mode) for mode in modes]
    if len(modes) == 1 and modes[0] in _POOLINGS:
        return _POOLINGS[modes[0]], []
    names = " and the ".join(_MODES.get(mode, f"{mode} token" if mode == "cls" else mode) for mode in modes)
    what = f"takes the {names} of the tokens' vectors" + (", side by side" if len(modes) > 1 else "")
    return None, [f"sentence-transformers {what}, a pooling that is not available here, so the vectors differ."]


def _further(kind: str, table: dict[str, Any]) -> str:
    if kind == "Normalize":
        return "sentence-transformers also scales each vector to length 1, which keeps all angles; here vectors keep their length."
    sizes = (
        f" ({table['in_features']} to {table['out_features']} dimensions)"
        if kind == "Dense" and "out_features" in table
        else ""
    )
    return f"sentence-transformers also applies {kind}{sizes} to the vectors; here they are as the model's layer gives them."


def _inputs(table: dict[str, Any], settings: dict[str, Any]) -> list[str]:
    """What the package does to the texts, which here are read as they are."""
    said = []
    prompts, name = table.get("prompts"), table.get("default_prompt_name")
    prompt = prompts.get(name) if isinstance(prompts, dict) and isinstance(name, str) else None
    if prompt:
        said.append(
            f"sentence-transformers puts {json.dumps(prompt, ensure_ascii=False)[:80]} before each text; here texts are read "
            "as they are."
        )
    task = settings.get("transformer_task")
    if task not in (None, "feature-extraction"):
        said.append(f"sentence-transformers uses the model for {task}, whose outputs are not the vectors of a layer.")
    kinds = settings.get("modality_config")
    if isinstance(kinds, dict) and kinds and "text" not in kinds:
        said.append(
            "sentence-transformers puts each text into the model's chat template; here texts are read as they are."
        )
    return said


def _read(model: str, path: Path) -> Untyped:
    """What a JSON file holds, None where there is none."""
    try:
        return json.loads(read_small(model, path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, RecursionError, OSError) as error:
        raise broken(model, f"{path.name} cannot be read as JSON ({type(error).__name__})") from None
