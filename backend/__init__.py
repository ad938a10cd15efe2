"""Embedscope's public API: everything that a page, a notebook or the command line may use.

    import backend
    bench = backend.open_workbench()
    texts = bench.read_texts("reviews.csv", text="text", label="label")
    result = bench.compute("cka", model="minilm", texts=texts, pooling="mean", layers="all")

Importing it loads neither torch nor transformers; those live in the worker processes.
"""

from typing import TYPE_CHECKING

from backend.errors import (
    Cancelled,
    EmbedscopeError,
    InvalidRequest,
    ModelError,
    ServiceError,
    ServiceLost,
    StoreError,
    TextSetError,
)
from backend.forms.documents import result_document, run_document, series_document
from backend.forms.fingerprint import fingerprint
from backend.forms.whole import cannot_write, write_whole
from backend.metrics.ablation.inner import InnerAblation, InnerAblationParams, network_runs
from backend.metrics.ablation.result import AblationParams, AblationResult
from backend.metrics.anisotropy.average_cosine_metric import AverageCosineParams, AverageCosineResult
from backend.metrics.anisotropy.metric import AnisotropyParams, AnisotropyResult
from backend.metrics.anisotropy.spectrum_metric import SpectrumParams, SpectrumResult
from backend.metrics.anisotropy.variance_ratio_metric import VarianceRatioParams, VarianceRatioResult
from backend.metrics.base import Metric, Outcome, param
from backend.metrics.components.metric import ComponentAccuracy, ComponentAccuracyParams
from backend.metrics.dimension.metric import DimensionParams, IntrinsicDimension
from backend.metrics.dimension.scale import DimensionScale, ScaleParams
from backend.metrics.direct_probe.kernel import growth as least_distance_growth
from backend.metrics.direct_probe.ranks import Extreme, least_distance_extremes
from backend.metrics.direct_probe.result import DirectProbeParams, DirectProbeResult
from backend.metrics.maps.density import Density, density, drawn_points, points_inside
from backend.metrics.maps.kernel import alignment_residual, laid_on
from backend.metrics.maps.placed import TextOnMap, TextOnMapParams
from backend.metrics.maps.projection import Projection, ProjectionParams, most_laid_out
from backend.metrics.maps.regions import Region, name_regions
from backend.metrics.maps.series import ProjectionSeries, ProjectionSeriesParams
from backend.metrics.movement.result import MovementParams, MovementResult
from backend.metrics.neighbors.moved import MovedParams, MovedTexts
from backend.metrics.neighbors.nearest import Neighbours, NeighboursParams
from backend.metrics.neighbors.overlap import NeighbourOverlap, OverlapParams
from backend.metrics.neighbors.typed import TypedParams
from backend.metrics.neurons.counts import AccuracyCounts, class_shares, count_by_accuracy
from backend.metrics.neurons.result import NeuronsParams, NeuronsResult
from backend.metrics.own import register_metric
from backend.metrics.probing.result import ProbingParams, ProbingResult
from backend.metrics.rogue.by_class import ClassSpikesParams, ClassSpikesResult
from backend.metrics.rogue.kernel import standard_scores
from backend.metrics.rogue.metric import RogueParams, RogueResult
from backend.metrics.rogue.overlap import RogueOverlapParams, RogueOverlapResult
from backend.metrics.rogue.shared import SharedRogueParams, SharedRogueResult
from backend.metrics.shared.offering import NOT_YET
from backend.metrics.shared.splits import SplitInfo
from backend.metrics.similarity.metric import CkaParams, CkaResult
from backend.metrics.threshold.metric import ThresholdParams, ThresholdResult
from backend.old_names import answer as answer_to_old_names
from backend.papers.addresses import TASKS, Address, address_of, own_address
from backend.papers.asked import Asked, Part, commands_of, found_of, parts_of
from backend.papers.chosen import OtherTask, PaperChoice, lacking, learned_from, runs_of_tasks
from backend.papers.estimates import FROM as ESTIMATED_FROM
from backend.papers.estimates import OwnEstimate, own_estimate, seconds_words
from backend.papers.markdown import estimate_words, general_commands, ours_words, own_words
from backend.papers.number import AGREES, DISAGREES, OPEN, Number
from backend.papers.ours import Ours, ours_of
from backend.papers.recorded import Record, record_of, recorded
from backend.papers.row import EACH, PaperRow
from backend.papers.table import ROWS as PAPER_ROWS
from backend.papers.table import row_called, rows_of
from backend.reports.colours import scale_ends, text_lengths
from backend.reports.compare import FITTED, compared, compared_networks, mean_change
from backend.reports.cross_task import CrossTaskRow, cross_task_rows, plan_cross_task
from backend.reports.differences import CkaDifference, Gap, cka_difference, cka_difference_document, widest_gap
from backend.reports.documents import cross_task_document, report_document
from backend.reports.figures import (
    ClassCounts,
    RankCorrelation,
    band_ends,
    bin_middles,
    common_components,
    error_bars,
    mean_sizes,
    merge_classes,
    rank_correlation,
    relative_depths,
)
from backend.reports.over_steps import complete_layers, mean_over_layers
from backend.reports.plan import SPLIT_FIELDS, ReportPlan, check_pair, plan_report
from backend.reports.rows import LabelChange, LayerRow, MovedRow, label_changes, layer_rows, moved_rows
from backend.reports.summary import SummaryRow, summary_rows
from backend.reports.words import number_texts
from backend.settings import DASHBOARD, SETTINGS, Settings, read_settings
from backend.textsets.classes import column_numbers
from backend.textsets.codec import safe_cell
from backend.values.activations import Labels, LayerStack, Report, no_report
from backend.values.jobs import LOOK_UPS, Choice, JobStatus
from backend.values.json_data import Document
from backend.values.labels import field_label, number_label, value_words
from backend.values.likeness import deviations, left_open, preset_status
from backend.values.lineage import Ordered
from backend.values.local import LocalModel, LocalModels
from backend.values.models import BrokenMember, ModelInfo, SeriesInfo, SeriesMember, short_model
from backend.values.numbers import NO_NUMBER, chance_text, hover_form, number_text, points_text
from backend.values.owned import Belonging, Owned
from backend.values.papers import PAPERS, Publication
from backend.values.people import NOBODY, Person, asked_by, asked_through, asking
from backend.values.preparing import NotPrepared, Prepared, PrepareTask
from backend.values.presets import GENERAL, PRESETS, Preset
from backend.values.reading import ReadOptions, RowSample, TextColumns
from backend.values.recipes import RECIPES, Recipe
from backend.values.results import (
    NormOutliers,
    Result,
    SeriesResult,
    Source,
    Undefined,
    result_of,
    results_of,
    values_of,
)
from backend.values.runs import RunForecast, RunInfo, moving_mean, run_called
from backend.values.selections import HOWS, NamedRows, combine_rows, other_rows
from backend.values.specs import (
    GIVEN,
    POOLINGS,
    POSTPROCESS_STEPS,
    ActivationSpec,
    AnalysisSpec,
    LabelSpec,
    ModelSpec,
    PostProcess,
    Request,
    TextSetSpec,
    TokenSample,
)
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
from backend.values.texts import Cost, TextPreview, TextSetInfo, TextTable, row_runs, sets_meant, told_apart
from backend.values.vectors import (
    FoundMatrix,
    SubLayersTask,
    VectorsInfo,
    VectorsPreview,
    VectorsTask,
    rows_misfit,
    sub_layers_name,
)
from backend.values.visible import only_seen, visible
from backend.version import __version__

if TYPE_CHECKING:
    from backend.bench.workbench import Workbench

answer_to_old_names()

__all__ = [
    "AGREES",
    "DASHBOARD",
    "DISAGREES",
    "EACH",
    "ESTIMATED_FROM",
    "FITTED",
    "GENERAL",
    "GIVEN",
    "HOWS",
    "LOOK_UPS",
    "NOBODY",
    "NOT_YET",
    "NO_NUMBER",
    "OPEN",
    "PAPERS",
    "PAPER_ROWS",
    "POOLINGS",
    "POSTPROCESS_STEPS",
    "PRESETS",
    "RECIPES",
    "SETTINGS",
    "SPLIT_FIELDS",
    "TASKS",
    "AblationParams",
    "AblationResult",
    "AccuracyCounts",
    "ActivationSpec",
    "Address",
    "AnalysisSpec",
    "AnisotropyParams",
    "AnisotropyResult",
    "Asked",
    "AverageCosineParams",
    "AverageCosineResult",
    "BatchTask",
    "Belonging",
    "BrokenMember",
    "Cancelled",
    "Choice",
    "CkaDifference",
    "CkaParams",
    "CkaResult",
    "ClassCounts",
    "ClassSpikesParams",
    "ClassSpikesResult",
    "ComponentAccuracy",
    "ComponentAccuracyParams",
    "Cost",
    "CrossTaskRow",
    "Density",
    "DimensionParams",
    "DimensionScale",
    "DirectProbeParams",
    "DirectProbeResult",
    "Document",
    "EmbedscopeError",
    "EstimateTask",
    "Extreme",
    "FinetuneTask",
    "FoundMatrix",
    "Gap",
    "HubReadTask",
    "InnerAblation",
    "InnerAblationParams",
    "IntrinsicDimension",
    "InvalidRequest",
    "JobStatus",
    "JoinTask",
    "LabelChange",
    "LabelSpec",
    "Labels",
    "LayerRow",
    "LayerStack",
    "LocalModel",
    "LocalModels",
    "Metric",
    "ModelError",
    "ModelInfo",
    "ModelSpec",
    "MovedParams",
    "MovedRow",
    "MovedTexts",
    "MovementParams",
    "MovementResult",
    "NamedRows",
    "NeighbourOverlap",
    "Neighbours",
    "NeighboursParams",
    "NeuronsParams",
    "NeuronsResult",
    "NormOutliers",
    "NormTask",
    "NotPrepared",
    "Number",
    "Ordered",
    "OtherTask",
    "Ours",
    "Outcome",
    "OverlapParams",
    "OwnEstimate",
    "Owned",
    "PaperChoice",
    "PaperRow",
    "Part",
    "PartTask",
    "Person",
    "PostProcess",
    "PrepareTask",
    "Prepared",
    "Preset",
    "ProbingParams",
    "ProbingResult",
    "Projection",
    "ProjectionParams",
    "ProjectionSeries",
    "ProjectionSeriesParams",
    "Publication",
    "RankCorrelation",
    "ReadOptions",
    "ReadTask",
    "Recipe",
    "Record",
    "Region",
    "RenameClassesTask",
    "Report",
    "ReportPlan",
    "Request",
    "ResolveTask",
    "Result",
    "RogueOverlapParams",
    "RogueOverlapResult",
    "RogueParams",
    "RogueResult",
    "RowSample",
    "RunForecast",
    "RunInfo",
    "SampleTask",
    "ScaleParams",
    "SeriesInfo",
    "SeriesMember",
    "SeriesResult",
    "SeriesTask",
    "ServiceError",
    "ServiceLost",
    "Settings",
    "SharedRogueParams",
    "SharedRogueResult",
    "Source",
    "SpectrumParams",
    "SpectrumResult",
    "SplitInfo",
    "StoreError",
    "SubLayersTask",
    "SummaryRow",
    "Task",
    "TextColumns",
    "TextOnMap",
    "TextOnMapParams",
    "TextPreview",
    "TextSetError",
    "TextSetInfo",
    "TextSetSpec",
    "TextTable",
    "ThresholdParams",
    "ThresholdResult",
    "TokenSample",
    "TypedParams",
    "Undefined",
    "VarianceRatioParams",
    "VarianceRatioResult",
    "VectorsInfo",
    "VectorsPreview",
    "VectorsTask",
    "__version__",
    "address_of",
    "alignment_residual",
    "asked_by",
    "asked_through",
    "asking",
    "band_ends",
    "bin_middles",
    "cannot_write",
    "chance_text",
    "check_pair",
    "cka_difference",
    "cka_difference_document",
    "class_shares",
    "column_numbers",
    "combine_rows",
    "commands_of",
    "common_components",
    "compared",
    "compared_networks",
    "complete_layers",
    "count_by_accuracy",
    "cross_task_document",
    "cross_task_rows",
    "density",
    "deviations",
    "drawn_points",
    "error_bars",
    "estimate_words",
    "field_label",
    "fingerprint",
    "found_of",
    "general_commands",
    "hover_form",
    "label_changes",
    "lacking",
    "laid_on",
    "layer_rows",
    "learned_from",
    "least_distance_extremes",
    "least_distance_growth",
    "left_open",
    "mean_change",
    "mean_over_layers",
    "mean_sizes",
    "merge_classes",
    "most_laid_out",
    "moved_rows",
    "moving_mean",
    "name_regions",
    "network_runs",
    "no_report",
    "number_label",
    "number_text",
    "number_texts",
    "only_seen",
    "open_workbench",
    "other_rows",
    "ours_of",
    "ours_words",
    "own_address",
    "own_estimate",
    "own_words",
    "param",
    "parts_of",
    "plan_cross_task",
    "plan_report",
    "points_inside",
    "points_text",
    "preset_status",
    "rank_correlation",
    "read_settings",
    "record_of",
    "recorded",
    "register_metric",
    "relative_depths",
    "report_document",
    "result_document",
    "result_of",
    "results_of",
    "row_called",
    "row_runs",
    "rows_misfit",
    "rows_of",
    "run_called",
    "run_document",
    "runs_of_tasks",
    "safe_cell",
    "scale_ends",
    "seconds_words",
    "series_document",
    "sets_meant",
    "short_model",
    "standard_scores",
    "sub_layers_name",
    "summary_rows",
    "text_lengths",
    "told_apart",
    "value_words",
    "values_of",
    "visible",
    "widest_gap",
    "write_whole",
]


def open_workbench(settings: Settings | None = None) -> "Workbench":
    """A workbench on the store of ``settings`` (the environment's, if None): the way in for every caller.

    It computes in this process unless ``settings.backend`` names a service.
    """
    from backend.bench.wiring import wire_workbench

    return wire_workbench(settings or read_settings())
