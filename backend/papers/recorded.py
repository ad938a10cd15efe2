"""What a run of all rows came to on models at hand: numbers, verdicts and times, as they are kept with the table."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePath
from typing import Any

from backend.papers.number import Number
from backend.values.json_data import Document
from backend.values.lineage import step_of

FILE = Path(__file__).with_name("recorded.json")


@dataclass(frozen=True, slots=True)
class Record:
    """A part of a row as it was computed: by which models on which texts, in how many seconds, and what came of it."""

    models: tuple[str, ...]
    texts: str
    seconds: float
    verdict: str
    numbers: tuple[Number, ...]
    by_model: tuple[tuple[str, str], ...] = ()
    caveat: str = ""


def document_of(record: Record) -> Document:
    """A record as JSON."""
    numbers = [[one.name, one.value, one.unit, one.model] for one in record.numbers]
    return {
        "models": list(record.models),
        "texts": record.texts,
        "seconds": round(record.seconds, 1),
        "verdict": record.verdict,
        "by_model": [list(one) for one in record.by_model],
        "numbers": numbers,
        **({"caveat": record.caveat} if record.caveat else {}),
    }


def record_of(data: Document) -> Record:
    """A record from its JSON."""
    numbers = tuple(Number(*one) for one in data["numbers"])
    judged = tuple((model, verdict) for model, verdict in data.get("by_model", ()))
    models, texts, seconds = tuple(data["models"]), data["texts"], data["seconds"]
    return Record(models, texts, seconds, data["verdict"], numbers, judged, str(data.get("caveat", "")))


@cache
def recorded() -> tuple[str, dict[str, tuple[Record, ...]]]:
    """On what the recorded run was made, in words, and the records by the key of their row; empty where there is none."""
    if not FILE.exists():
        return "", {}
    data: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return data["about"], {key: tuple(map(record_of, rows)) for key, rows in data["rows"].items()}


@cache
def pictures() -> dict[str, str]:
    """What the recorded picture of a row shows, by the key of the row: its figure, or the page with its table or form."""
    found: dict[str, str] = json.loads(FILE.read_text(encoding="utf-8")).get("pictures", {}) if FILE.exists() else {}
    return found


def shown_name(model: str) -> str:
    """A model by the end of its name, where that is a folder: of a checkpoint with the folder that it lies in."""
    if not model.startswith(("/", "~")):
        return model
    path = PurePath(model)
    return f"{path.parent.name}/{path.name}" if step_of(path.name) is not None else path.name


def in_words(record: Record) -> list[str]:
    """The numbers of a record, a phrase for each model: "minilm (disagrees): one dimension 52.8 %, all 79.0 %"."""
    judged = dict(record.by_model) if len(set(dict(record.by_model).values())) > 1 else {}
    by_model: dict[str, list[str]] = {}
    for one in record.numbers:
        name = " and ".join(map(shown_name, one.model.split(" and ")))
        name += f" ({judged[one.model]})" if one.model in judged else ""
        by_model.setdefault(name, []).append(f"{one.name} {one.text}")
    return [f"{model}: {', '.join(said)}" if model else ", ".join(said) for model, said in by_model.items()]
