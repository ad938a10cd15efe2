"""Doing the tasks that make text sets: from an upload, from the hub, from other text sets."""

from backend.errors import InvalidRequest, TextSetError
from backend.settings import Settings
from backend.store import Store
from backend.store.selections import checked_runs
from backend.textsets.limits import LONGEST_CLASS, Limits
from backend.textsets.records import mark_of
from backend.textsets.tables import FORMATS
from backend.values.activations import Report
from backend.values.reading import WORD_TASKS, TextColumns
from backend.values.selections import rows_of
from backend.values.tasks import HubReadTask, JoinTask, PartTask, ReadTask, RenameClassesTask, SampleTask
from backend.values.texts import TextPreview, TextSetInfo
from backend.work.checks import check_digest, check_name, check_rows, check_text, one_of, within
from backend.work.kinds import Hands


def read_upload(hands: Hands, task: ReadTask, report: Report) -> TextPreview | TextSetInfo:
    """Read uploaded bytes: a preview, or the text set once it is to be saved."""
    from backend.textsets.reading import preview, read

    content, limits = uploaded(hands.store, task.blob), limits_of(hands.settings)
    if content is None:
        raise TextSetError("The uploaded file is no longer available.", "Upload it again.")
    if not task.save:
        return preview(content, task.file_name, task.options, limits=limits)
    table = read(content, task.file_name, task.name, task.options, limits=limits)
    return hands.library.save(table, upload=task.blob)


def uploaded(store: Store, digest: str) -> bytes | None:
    """What who asks has uploaded; None where they have not, or it is no longer there."""
    return store.get_blob(digest) if store.owners.mine("blobs", digest) else None


def read_hub_set(hands: Hands, task: HubReadTask, report: Report) -> TextSetInfo:
    """Read a data set from the hub and keep it."""
    from backend.textsets.hub import read_hub

    table = read_hub(
        task.path,
        config=task.config,
        split=task.split,
        columns=task.columns,
        name=task.name,
        limits=limits_of(hands.settings),
        rows=task.rows,
    )
    return hands.library.save(table)


def join_sets(hands: Hands, task: JoinTask, report: Report) -> TextSetInfo:
    """Join two text sets and keep the one that they make."""
    from backend.textsets.joining import join

    return hands.library.save(join(hands.library.table(task.train), hands.library.table(task.test), task.name))


def sample_set(hands: Hands, task: SampleTask, report: Report) -> TextSetInfo:
    """Keep a part of a text set."""
    from backend.textsets.sampling import sampled

    return hands.library.save(sampled(hands.library.table(task.table), task.rows, task.name))


def rename_classes(hands: Hands, task: RenameClassesTask, report: Report) -> TextSetInfo:
    """Keep a text set whose classes have other names."""
    from backend.textsets.renaming import renamed

    table = hands.library.table(task.table)
    return hands.library.save(renamed(table, task.column, dict(zip(task.before, task.after, strict=True)), task.name))


def part_set(hands: Hands, task: PartTask, report: Report) -> TextSetInfo:
    """Keep certain rows of a text set."""
    from backend.textsets.sampling import part_of

    return hands.library.save(part_of(hands.library.table(task.table), rows_of(task.runs), task.name, task.said))


def limits_of(settings: Settings) -> Limits:
    """The limits on what is read, from the settings."""
    return Limits.of(settings)


# What the table of tasks says of them


def read_title(task: ReadTask) -> str:
    """What the job is called."""
    return f"{'save' if task.save else 'read'} {task.file_name}"


def hub_title(task: HubReadTask) -> str:
    """What the job is called."""
    return f"fetch {task.path} from the hub"


def join_title(task: JoinTask) -> str:
    """What the job is called."""
    return f"join two text sets into {task.name}"


def sample_title(task: SampleTask) -> str:
    """What the job is called."""
    return f"take {task.rows.n:,} rows as {task.name}"


def renaming_title(task: RenameClassesTask) -> str:
    """What the job is called."""
    return f"rename classes of {task.column} as {task.name}"


def part_title(task: PartTask) -> str:
    """What the job is called."""
    return f"take selected rows as {task.name}"


def check_read(task: ReadTask) -> None:
    """Raise InvalidRequest for an upload, a form of it or a column that no file can have."""
    options = task.options
    check_digest("'blob'", task.blob)
    check_text("a file", task.file_name)
    if task.save:
        check_name("a text set", task.name)
    if options.format is not None:
        one_of("format", options.format, FORMATS)
    if options.task is not None:
        one_of("task", options.task, WORD_TASKS)
    if options.separator is not None:
        mark_of(options.separator)
    if options.rows is not None:
        check_rows(options.rows)
    _check_columns(options.columns)


def check_hub(task: HubReadTask) -> None:
    """Raise InvalidRequest for a name or a column that no data set can have."""
    check_text("a data set", task.path)
    check_name("a text set", task.name)
    if task.rows is not None:
        check_rows(task.rows)
    _check_columns(task.columns)


def check_join(task: JoinTask) -> None:
    """Raise InvalidRequest where the two tables are not named by digests, or the new set has no name."""
    check_digest("'train'", task.train)
    check_digest("'test'", task.test)
    check_name("a text set", task.name)


def check_sample(task: SampleTask) -> None:
    """Raise InvalidRequest where the table is not named by its digest, or the part is none."""
    check_digest("'table'", task.table)
    check_name("a text set", task.name)
    check_rows(task.rows)


def check_renaming(task: RenameClassesTask) -> None:
    """Raise InvalidRequest where the table is not named by its digest, or names and classes are not as many."""
    check_digest("'table'", task.table)
    check_name("a text set", task.name)
    if not task.before or len(task.before) != len(task.after):
        raise InvalidRequest(
            f"{len(task.before)} classes cannot get {len(task.after)} names.",
            "Give one name for each class to be renamed.",
        )
    for name in task.after:
        check_name("a class", name, LONGEST_CLASS)


def check_part(task: PartTask) -> None:
    """Raise InvalidRequest where the table is not named by its digest, or the rows are none or not ascending."""
    check_digest("'table'", task.table)
    check_name("a text set", task.name)
    check_text("what the rows are", task.said)
    if not checked_runs(list(task.runs)):
        raise InvalidRequest("A text set needs at least one row.", "Select some rows.")


def _check_columns(columns: TextColumns) -> None:
    for column in (
        columns.text,
        columns.pair,
        columns.label,
        columns.split,
        *columns.ahead,
        *columns.joined,
        *(columns.metadata or ()),
    ):
        if isinstance(column, int):
            within("the number of a column", column, 0, 1_000_000)
