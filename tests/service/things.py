"""What Ada has and what nobody has, and everything that can be asked about either: every address, every kind of task."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from backend.metrics import METRICS
from backend.metrics.anisotropy.metric import AnisotropyParams
from backend.values.people import Person
from backend.values.preparing import PrepareTask
from backend.values.reading import ReadOptions, RowSample
from backend.values.recipes import recipe
from backend.values.specs import ActivationSpec, AnalysisSpec, LabelSpec, ModelSpec, TextSetSpec
from backend.values.tasks import (
    BatchTask,
    EstimateTask,
    FinetuneTask,
    HubReadTask,
    JoinTask,
    NormTask,
    PartTask,
    ReadTask,
    RenameClassesTask,
    ResolveTask,
    SampleTask,
    SeriesTask,
    Task,
)
from backend.values.vectors import SubLayersTask, VectorsTask

ADA, BEN = Person("ada@here.org", "Ada"), Person("ben@here.org", "Ben")
BOSS = Person("boss@here.org", "The boss", admin=True)
SECRET = "quarterly figures"


@dataclass(frozen=True)
class Things:
    """What one person has, or what nobody has: everything by which it could be asked for."""

    table: str
    texts: str
    labels: str
    vectors: str
    commit: str
    run: str
    run_commit: str
    runs: Path
    selection: str
    rows: str  # the name of a saved selection
    blob: str
    job: str
    result: str
    name: str = SECRET

    @property
    def spec(self) -> TextSetSpec:
        return TextSetSpec(self.name, self.texts, 20, table=self.table)

    @property
    def given(self) -> ModelSpec:
        return ModelSpec(f"vectors:{self.vectors}", self.commit, "float32")

    @property
    def tuned(self) -> ModelSpec:
        return ModelSpec(f"run:{self.run}", self.run_commit, "float32")

    def values(self) -> list[str]:
        return [str(getattr(self, name)) for name in self.__dataclass_fields__ if name not in ("runs", "name")]


def absent(of: Things) -> Things:
    """Things as long as those, of which there are none."""
    made: dict[str, Any] = {
        name: secrets.token_hex(20) for name in ("table", "texts", "labels", "commit", "run_commit", "selection")
    }
    made |= {name: secrets.token_hex(20) for name in ("blob", "job", "result")}
    made |= {name: secrets.token_hex(20)[: len(getattr(of, name))] for name in ("vectors", "run", "rows")}
    return replace(of, **made)


def analysis(model: ModelSpec, texts: TextSetSpec, labels: LabelSpec | None = None) -> AnalysisSpec:
    given = model.name.startswith("vectors:")
    item = ActivationSpec(model, texts, 0, "given" if given else "mean", 1 if given else 256)
    return AnalysisSpec("anisotropy", METRICS["anisotropy"].version, AnisotropyParams(), (item,), labels)


# Every address: what is asked about somebody's things, as (path, body); () where the answer is a list or names nothing

LISTS = {"/health", "/jobs", "/runs", "/vectors", "/models", "/textsets", "/belongings"}
NAMED: dict[tuple[str, str], Callable[[Things], list[tuple[str, Any]]]] = {
    ("GET", "/jobs/{id}"): lambda of: [(f"/jobs/{of.job}", None)],
    ("POST", "/jobs/{id}/cancel"): lambda of: [(f"/jobs/{of.job}/cancel", {})],
    ("GET", "/metrics"): lambda of: [("/metrics", None)],
    ("GET", "/results/{digest}"): lambda of: [(f"/results/{of.result}", None)],
    ("DELETE", "/runs/{name}"): lambda of: [(f"/runs/{of.run}", None)],
    ("POST", "/runs/{name}/name"): lambda of: [(f"/runs/{of.run}/name", {"name": "taken-over"})],
    ("GET", "/runs/{name}/log"): lambda of: [(f"/runs/{of.run}/log", None)],
    ("DELETE", "/vectors/{name}"): lambda of: [(f"/vectors/{of.vectors}", None)],
    ("GET", "/selections/{digest}"): lambda of: [(f"/selections/{of.selection}", None)],
    ("GET", "/textsets/{digest}"): lambda of: [(f"/textsets/{of.table}", None), (f"/textsets/{of.texts}", None)],
    ("GET", "/textsets/{digest}/line"): lambda of: [(f"/textsets/{of.table}/line", None)],
    ("DELETE", "/textsets/{digest}"): lambda of: [(f"/textsets/{of.table}", None)],
    ("GET", "/textsets/{digest}/selections"): lambda of: [(f"/textsets/{of.table}/selections", None)],
    ("POST", "/textsets/{digest}/selections"): lambda of: [
        (f"/textsets/{of.table}/selections", {"name": "x", "runs": [1, 2], "story": ""})
    ],
    ("DELETE", "/textsets/{digest}/selections"): lambda of: [(f"/textsets/{of.table}/selections", {"name": of.rows})],
    ("POST", "/textsets/{digest}/selections/name"): lambda of: [
        (f"/textsets/{of.table}/selections/name", {"name": of.rows, "new": "y"})
    ],
    ("POST", "/belongings"): lambda of: [
        ("/belongings", {"kind": kind, "key": key, "shared": True})
        for kind, key in (
            ("texts", of.table), ("texts", of.texts), ("vectors", of.commit), ("runs", of.run),
            ("selections", of.selection), ("selections", f"{of.table}/{of.rows}"), ("blobs", of.blob), ("jobs", of.job),
        )
    ],
}  # fmt: skip
TASKS_GO_TO = {
    ("POST", "/jobs"),
    ("POST", "/cost"),
    ("POST", "/answers"),
    ("POST", "/looks"),
}  # gone through with every kind of task
UPLOADS = {("POST", "/blobs"), ("POST", "/vectors"), ("POST", "/selections")}  # answer with the digest of what was sent


def tasks_about(of: Things, mine: TextSetSpec) -> dict[type[Task], list[Task]]:
    """Of every kind of task those that are about somebody's things; none where a kind can be about nobody's."""
    minilm = ModelSpec("minilm", "d" * 40, "float32")
    labels = LabelSpec("label", of.labels, 2)
    about = [
        analysis(minilm, of.spec), analysis(minilm, of.spec, labels), analysis(of.given, of.spec), analysis(of.given, mine),
        analysis(of.tuned, mine), analysis(replace(of.given, name="minilm"), mine),
        analysis(minilm, replace(of.spec, table=mine.table)), replace(analysis(minilm, mine), beside=(of.tuned,)),
        analysis(replace(of.tuned, name=str(of.runs / of.run)), mine),
    ]  # fmt: skip
    plain, short = recipe("gptology", {}), RowSample(5)
    return {
        AnalysisSpec: list(about),
        BatchTask: [BatchTask((analysis(minilm, mine), one)) for one in about],
        PrepareTask: [PrepareTask((analysis(minilm, mine), one)) for one in about],
        EstimateTask: [EstimateTask(one.inputs) for one in about],
        ResolveTask: [
            ResolveTask(name)
            for name in (f"vectors:{of.vectors}", f"run:{of.run}", f"run:{of.run}@last", str(of.runs / of.run))
        ],
        SeriesTask: [SeriesTask(name) for name in (f"run:{of.run}", of.run, str(of.runs / of.run), str(of.runs))],
        ReadTask: [ReadTask(of.blob, "rows.csv", "x", ReadOptions(), save) for save in (True, False)],
        VectorsTask: [VectorsTask(of.blob, "x.npy", "x", mine), VectorsTask("c" * 40, "x.npy", "x", of.spec, save=True)],
        SubLayersTask: [SubLayersTask(minilm, of.spec, "x"), SubLayersTask(of.tuned, mine, "x")],
        JoinTask: [JoinTask(of.table, mine.table, "x"), JoinTask(mine.table, of.table, "x")],
        SampleTask: [SampleTask(of.table, "x", short)],
        PartTask: [PartTask(of.table, "x", (1, 2))],
        RenameClassesTask: [RenameClassesTask(of.table, "x", "label", ("a",), ("c",))],
        NormTask: [NormTask(of.tuned), NormTask(of.given)],
        FinetuneTask: [
            FinetuneTask(minilm, of.spec, labels, plain, "x"), FinetuneTask(of.tuned, mine, labels, plain, "x"),
        ],
        HubReadTask: [],
    }  # fmt: skip


def same_but_for_names(answer: str, of: Things) -> str:
    for number, value in enumerate(of.values()):
        answer = (
            answer.replace(value, f"<{number}>").replace(value[:12], f"<{number}>").replace(value[:10], f"<{number}>")
        )
    return answer
