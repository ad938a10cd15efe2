"""Embedscope's public API: everything that a page, a notebook or the command line may use.

    import backend
    bench = backend.open_workbench()
    texts = bench.read_texts("reviews.csv", text="text", label="label")
    result = bench.compute("cka", model="minilm", texts=texts, pooling="mean", layers="all")

Importing it loads neither torch nor transformers; those live in the worker processes.
"""

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
from backend.results import Result, Source, Undefined
from backend.settings import SETTINGS, Settings, read_settings
from backend.specs import (
    ActivationSpec,
    AnalysisSpec,
    EstimateTask,
    HubReadTask,
    JobStatus,
    LabelSpec,
    ModelInfo,
    ModelSpec,
    PostProcess,
    ReadOptions,
    ReadTask,
    ResolveTask,
    TextColumns,
    TextSetSpec,
    TokenSample,
)
from backend.texts import Cost, TextPreview, TextSetInfo, TextTable

__version__ = "0.1.0"

__all__ = [
    "SETTINGS",
    "ActivationSpec",
    "AnalysisSpec",
    "Cancelled",
    "Cost",
    "EmbedscopeError",
    "EstimateTask",
    "HubReadTask",
    "InvalidRequest",
    "JobStatus",
    "LabelSpec",
    "ModelError",
    "ModelInfo",
    "ModelSpec",
    "PostProcess",
    "ReadOptions",
    "ReadTask",
    "ResolveTask",
    "Result",
    "ServiceError",
    "Settings",
    "Source",
    "StoreError",
    "TextColumns",
    "TextPreview",
    "TextSetInfo",
    "TextTable",
    "TextSetError",
    "TextSetSpec",
    "TokenSample",
    "Undefined",
    "fingerprint",
    "read_settings",
]
