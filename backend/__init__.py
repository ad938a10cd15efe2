"""Embedscope's public API: everything that a page, a notebook or the command line may use.

    import backend
    bench = backend.open_workbench()
    texts = bench.read_texts("reviews.csv", text="text", label="label")
    result = bench.compute("cka", model="minilm", texts=texts, pooling="mean", layers="all")

Importing it loads neither torch nor transformers; those live in the worker processes.
"""

from typing import TYPE_CHECKING

from backend.documents import result_document, series_document
from backend.errors import (
    Cancelled,
    EmbedscopeError,
    InvalidRequest,
    ModelError,
    ServiceError,
    StoreError,
    TextSetError,
)
from backend.fingerprint import fingerprint
from backend.recipes import RECIPES, Recipe
from backend.results import NormOutliers, Result, SeriesResult, Source, Undefined
from backend.runs import RunInfo
from backend.settings import SETTINGS, Settings, read_settings
from backend.specs import (
    ActivationSpec,
    AnalysisSpec,
    BatchTask,
    BrokenMember,
    EstimateTask,
    FinetuneTask,
    HubReadTask,
    JobStatus,
    JoinTask,
    LabelSpec,
    ModelInfo,
    ModelSpec,
    NormTask,
    PostProcess,
    ReadOptions,
    ReadTask,
    ResolveTask,
    SeriesInfo,
    SeriesMember,
    SeriesTask,
    TextColumns,
    TextSetSpec,
    TokenSample,
)
from backend.texts import Cost, TextPreview, TextSetInfo, TextTable

if TYPE_CHECKING:
    from backend.workbench import Workbench

__version__ = "0.1.0"

__all__ = [
    "RECIPES",
    "SETTINGS",
    "ActivationSpec",
    "AnalysisSpec",
    "BatchTask",
    "BrokenMember",
    "Cancelled",
    "Cost",
    "EmbedscopeError",
    "EstimateTask",
    "FinetuneTask",
    "HubReadTask",
    "InvalidRequest",
    "JobStatus",
    "JoinTask",
    "LabelSpec",
    "ModelError",
    "ModelInfo",
    "ModelSpec",
    "NormOutliers",
    "NormTask",
    "PostProcess",
    "ReadOptions",
    "ReadTask",
    "Recipe",
    "ResolveTask",
    "Result",
    "RunInfo",
    "SeriesInfo",
    "SeriesMember",
    "SeriesResult",
    "SeriesTask",
    "ServiceError",
    "Settings",
    "Source",
    "StoreError",
    "TextColumns",
    "TextPreview",
    "TextSetError",
    "TextSetInfo",
    "TextSetSpec",
    "TextTable",
    "TokenSample",
    "Undefined",
    "fingerprint",
    "open_workbench",
    "read_settings",
    "result_document",
    "series_document",
]


def open_workbench(settings: Settings | None = None) -> "Workbench":
    """A workbench on the store of ``settings`` (the environment's, if None): the way in for every caller.

    It computes in this process unless ``settings.backend`` names a service.
    """
    from backend.wiring import wire_workbench

    return wire_workbench(settings or read_settings())
