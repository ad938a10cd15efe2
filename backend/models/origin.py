"""What a model's own files say of where it came from: the card of a run, a card of the hub, the base of an adapter."""

import json
import re
from pathlib import Path

_ROW = r"^\|\s*{}\s*\|\s*`?([^`|\n]+?)`?\s*\|\s*$"
_CARD_BASE = re.compile(_ROW.format("base model"), re.MULTILINE)
_CARD_COMMIT = re.compile(_ROW.format("commit of the base"), re.MULTILINE)
_FRONT = re.compile(r"\A---\s*\n(.*?)\n---\s*(?:\n|\Z)", re.DOTALL)
_YAML_BASE = re.compile(r"^base_model:[ \t]*(?:\n[ \t]*-[ \t]*)?['\"]?([^\s'\"#\[\]]+)", re.MULTILINE)
_MOST = 2**20  # characters of a card that are read


def read_origin(folder: Path, adapter: Path | None = None) -> tuple[str, str]:
    """Name and commit of the model that the one in ``folder`` was made from, "" for what is not known.

    By the card in the folder (a run's, or ``base_model`` of the hub's); for an ``adapter``, by its configuration where it has
    no such card.
    """
    for place in (folder,) if adapter is None else (adapter,):
        found = _from_card(_read(place / "README.md"))
        if found[0]:
            return found
    if adapter is None:
        return "", ""
    try:
        base = json.loads(_read(adapter / "adapter_config.json")).get("base_model_name_or_path")
    except (ValueError, AttributeError):
        return "", ""
    return (base, "") if isinstance(base, str) else ("", "")


def _from_card(text: str) -> tuple[str, str]:
    own = _CARD_BASE.search(text)
    if own is not None:
        commit = _CARD_COMMIT.search(text)
        return own[1].strip(), commit[1].strip() if commit is not None else ""
    front = _FRONT.match(text)
    named = _YAML_BASE.search(front[1]) if front is not None else None
    return (named[1], "") if named is not None else ("", "")


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(_MOST)
    except OSError:
        return ""
