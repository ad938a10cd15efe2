"""The Hugging Face hub: a name to a commit, a commit to a folder, and every way in which that fails, in plain words.

Only the commit, configuration, tokenizer and safetensors files are ever asked for. The token (HF_TOKEN) is the client's
own business: messages are written here and never repeat what the client says, so that it cannot appear in one.
"""

import logging
from pathlib import Path
from typing import Any

from backend.errors import ModelError
from backend.models.folders import SMALL_PATTERNS, WEIGHT_PATTERNS
from backend.values.history import ROWS_FILE


def hub_commit(repo: str, revision: str | None) -> str:
    """The 40-hex commit that a branch, tag or commit of ``repo`` stands for; from the local cache when offline."""
    from huggingface_hub import HfApi

    _silence()
    try:
        return str(HfApi().resolve_revision(repo, revision=revision).resolved)
    except Exception as error:
        raise _hub_error(error, repo, revision) from None


def hub_revisions(repo: str) -> tuple[str, ...]:
    """The names of all branches and tags of ``repo``; needs the hub, which alone knows them."""
    from httpx2 import TransportError  # the hub client's own HTTP library
    from huggingface_hub import HfApi
    from huggingface_hub.errors import OfflineModeIsEnabled

    _silence()
    try:
        refs = HfApi().list_repo_refs(repo)
    except (TransportError, OfflineModeIsEnabled):
        raise ModelError(
            f"The hub cannot be reached, and it alone knows the revisions of '{repo}'.",
            "Connect to the network, or give a local folder of checkpoints.",
        ) from None
    except Exception as error:
        raise _hub_error(error, repo, None) from None
    return tuple(dict.fromkeys(ref.name for ref in (*refs.branches, *refs.tags)))


def hub_folder(repo: str, commit: str, *, weights: bool) -> Path:
    """Local folder with the files of ``repo`` at ``commit``, fetched where they are not in the hub cache yet.

    Without ``weights`` only the small files (configuration, tokenizer) are fetched. A file is in the folder whole or
    not at all: the client writes to a temporary file, checks the size and renames.
    """
    from huggingface_hub import snapshot_download

    _silence()
    patterns = [*SMALL_PATTERNS, ROWS_FILE, *(WEIGHT_PATTERNS if weights else ())]
    try:
        return Path(snapshot_download(repo, revision=commit, allow_patterns=patterns))
    except Exception as error:
        raise _hub_error(error, repo, commit) from None


def hub_files(repo: str, commit: str, folder: Path, under: str = "") -> tuple[str, ...]:
    """Names of the files at the top of ``repo`` (or in its folder ``under``) at ``commit``.

    From the listing that hub_folder left in the cache.
    """
    from huggingface_hub import get_cached_repo_tree
    from huggingface_hub.errors import CachedRepoTreeNotFoundError

    try:
        paths = [str(entry.path) for entry in get_cached_repo_tree(repo, revision=commit)]
    except CachedRepoTreeNotFoundError:  # a cache written by an older client: what is there is all that is known
        paths = [str(entry.relative_to(folder)) for entry in (folder / under).iterdir() if entry.is_file()]
    start = f"{under.strip('/')}/" if under else ""
    names = [path.removeprefix(start) for path in paths if path.startswith(start)]
    return tuple(sorted(name for name in names if "/" not in name))


def _silence() -> None:
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)


def _hub_error(error: Exception, repo: str, revision: str | None) -> ModelError:
    from huggingface_hub import errors

    at = f"{repo}@{revision}" if revision else repo
    if isinstance(error, errors.GatedRepoError):
        return ModelError(
            f"The model '{repo}' is gated: its owner gives access on request.",
            f"Accept its conditions on https://huggingface.co/{repo}, then set HF_TOKEN to a token of that account.",
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return ModelError(
            f"The model '{repo}' has no revision '{revision}'.", "Give a branch, a tag or a full commit after the @."
        )
    if isinstance(error, errors.RepositoryNotFoundError | errors.HFValidationError):
        return not_found(repo)
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return ModelError(
            f"The hub lists a file of '{at}' but does not have it.", "Try again, or choose another revision."
        )
    return _connection_error(error, repo, at)


def not_found(name: str) -> ModelError:
    """The error for a name that is neither an alias, nor on the hub, nor a folder."""
    return ModelError(
        f"There is no model '{name}': the hub has none of that name (or it is private), and there is no such folder.",
        "Check the spelling; a private model needs HF_TOKEN; a folder is given as ./folder or by its full path.",
    )


def _connection_error(error: Exception, repo: str, at: str) -> ModelError:
    from huggingface_hub import errors

    cause: Any = error
    lookup = errors.LocalEntryNotFoundError | errors.RevisionResolutionError | errors.OfflineModeIsEnabled
    if isinstance(error, lookup) and error.__cause__ is not None:
        cause = error.__cause__
    if isinstance(cause, errors.HfHubHTTPError):
        status = cause.response.status_code
        if status in (401, 403):
            return ModelError(
                f"The hub refused access to '{at}' (status {status}).", "Check that HF_TOKEN is valid and may read it."
            )
        return ModelError(f"The hub answered '{at}' with status {status}.", "Try again later.")
    if isinstance(error, lookup):
        offline = isinstance(cause, errors.OfflineModeIsEnabled)
        reason = "HF_HUB_OFFLINE is set" if offline else "no connection"
        return ModelError(
            f"The hub cannot be reached ({reason}), and '{at}' is not in the local cache.",
            "Connect to the network, or use 'minilm' or a local folder; they need no connection.",
        )
    detail = f": {error.strerror}" if isinstance(error, OSError) and error.strerror else ""
    return ModelError(
        f"The download of '{at}' from the hub broke off ({type(error).__name__}{detail}).",
        "Try again: files that arrived whole are kept.",
    )
