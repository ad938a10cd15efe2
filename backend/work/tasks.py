"""The table of tasks: all that executors, runner and workbench know of each kind of thing that can be asked for.

A new kind is one module, with its class and the functions that a row names, and its row here.
"""

from backend.errors import InvalidRequest
from backend.forms.codec import Codec
from backend.metrics import PARAMS, RESULTS
from backend.values.models import ModelInfo, SeriesInfo
from backend.values.preparing import Prepared, PrepareTask
from backend.values.results import NormOutliers, Result
from backend.values.runs import RunInfo
from backend.values.specs import AnalysisSpec
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
from backend.values.texts import Cost, TextPreview, TextSetInfo
from backend.values.vectors import SubLayersTask, VectorsInfo, VectorsPreview, VectorsTask
from backend.work import (
    choices,
    estimating,
    lookups,
    measuring,
    norms,
    preparing,
    reading,
    sublayers,
    training,
    vectors,
)
from backend.work.analyses import check_analysis
from backend.work.kinds import FRESH, Kind

_ROWS = (
    Kind(
        AnalysisSpec,
        answer=Result,
        do=measuring.analyse,
        worker=measuring.analysis_steps,
        title=measuring.analysis_title,
        check=check_analysis,
        about=measuring.about_analysis,
        analyses=measuring.only_itself,
        find=measuring.find_result,
        choice=choices.of_analysis,
        asked_anew=True,
    ),
    Kind(
        ResolveTask,
        answer=ModelInfo,
        do=lookups.resolve,
        worker="resolver",
        title=lookups.resolve_title,
        check=lookups.check_resolve,
        lifetime=lookups.resolved_for,
        asked_anew=True,
    ),
    Kind(
        ReadTask,
        answer=TextPreview | TextSetInfo,
        do=reading.read_upload,
        worker="reader",
        title=reading.read_title,
        check=reading.check_read,
    ),
    Kind(
        VectorsTask,
        answer=VectorsPreview | VectorsInfo,
        do=vectors.read_upload,
        worker="reader",
        title=vectors.vectors_title,
        check=vectors.check_vectors,
        about=vectors.about_vectors,
        asked_anew=True,
    ),
    Kind(
        SubLayersTask,
        answer=VectorsInfo,
        do=sublayers.keep_sub_layers,
        worker="models",
        title=sublayers.sub_layers_title,
        check=sublayers.check_sub_layers,
        about=sublayers.about_sub_layers,
        asked_anew=True,
    ),
    Kind(
        HubReadTask,
        answer=TextSetInfo,
        do=reading.read_hub_set,
        worker="reader",
        title=reading.hub_title,
        check=reading.check_hub,
    ),
    Kind(
        JoinTask,
        answer=TextSetInfo,
        do=reading.join_sets,
        worker="reader",
        title=reading.join_title,
        check=reading.check_join,
        asked_anew=True,
    ),
    Kind(
        SampleTask,
        answer=TextSetInfo,
        do=reading.sample_set,
        worker="reader",
        title=reading.sample_title,
        check=reading.check_sample,
        asked_anew=True,
    ),
    Kind(
        PartTask,
        answer=TextSetInfo,
        do=reading.part_set,
        worker="reader",
        title=reading.part_title,
        check=reading.check_part,
        asked_anew=True,
    ),
    Kind(
        RenameClassesTask,
        answer=TextSetInfo,
        do=reading.rename_classes,
        worker="reader",
        title=reading.renaming_title,
        check=reading.check_renaming,
        asked_anew=True,
    ),
    Kind(
        EstimateTask,
        answer=Cost,
        do=estimating.estimate,
        worker="models",
        title=estimating.estimate_title,
        check=estimating.check_estimate,
        lifetime=FRESH,
        about=estimating.about_estimate,
        find=estimating.find_estimate,
    ),
    Kind(
        NormTask,
        answer=NormOutliers,
        do=norms.norm_outliers,
        worker="models",
        title=norms.norm_title,
        check=norms.check_norm,
        choice=choices.of_norms,
        about=norms.about_norm,
    ),
    Kind(
        SeriesTask,
        answer=SeriesInfo,
        do=lookups.find_series,
        worker="resolver",
        title=lookups.series_title,
        check=lookups.check_series,
        lifetime=FRESH,
        asked_anew=True,
    ),
    Kind(
        BatchTask,
        answer=tuple[Result, ...],
        do=measuring.analyse_all,
        worker=measuring.batch_steps,
        title=measuring.batch_title,
        check=measuring.check_batch,
        about=measuring.about_batch,
        analyses=measuring.all_of,
        find=measuring.find_results,
        choice=choices.of_batch,
        asked_anew=True,
    ),
    Kind(
        PrepareTask,
        answer=Prepared,
        do=preparing.prepare,
        worker=measuring.batch_steps,
        title=preparing.prepare_title,
        check=measuring.check_batch,
        about=measuring.about_batch,
        analyses=measuring.all_of,
        asked_anew=True,
        begin=preparing.prepare_own,
        find=preparing.find_prepared,
    ),
    Kind(
        FinetuneTask,
        answer=RunInfo,
        do=training.finetune_model,
        worker="training",
        title=training.finetune_title,
        check=training.check_finetuning,
        about=training.about_finetuning,
        find=training.find_run,
        choice=choices.of_finetuning,
        asked_anew=True,
    ),
)
TASKS: dict[type[Task], Kind] = {row.task: row for row in _ROWS}


def kind_of(task: Task) -> Kind:
    """The row of a task; raises InvalidRequest for one that is in no row."""
    try:
        return TASKS[type(task)]
    except KeyError:
        raise InvalidRequest(f"No task is called {type(task).__name__}.", "Update Embedscope.") from None


def codec() -> Codec:
    """The codec of the metrics and the tasks that there are now."""
    return Codec(PARAMS, RESULTS, {task.__name__: task for task in TASKS})
