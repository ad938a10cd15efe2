"""Text sets from the hub's data sets, streamed through the optional `datasets` package: no code of theirs is run."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from backend.errors import TextSetError
from backend.textsets.limits import Limits, check_cells
from backend.textsets.sampling import sampled
from backend.textsets.selection import find_column, select
from backend.textsets.tables import RawTable, listed, plain_cell, shortened, unique_names
from backend.values.reading import RowSample, TextColumns
from backend.values.texts import Cell, TextTable

_NAME = re.compile(r"(?:[\w.-]+/)?[\w.-]+", re.ASCII)
_SPLIT = re.compile(r"(?P<name>[^\[\]]+)(?:\[:(?P<count>[0-9]{1,12})\])?")
_KINDS = ("csv", "json", "parquet", "arrow", "text")
_SECONDS = 15.0  # how long the hub may take to say that it is there


def read_hub(
    path: str,
    *,
    config: str | None,
    split: str | None,
    columns: TextColumns,
    name: str,
    limits: Limits,
    rows: RowSample | None = None,
    allow_local: bool = False,
) -> TextTable:
    """Text set ``name`` from a data set of the hub such as "stanfordnlp/sst2", read row by row up to the limits.

    ``split`` may be a part, "train[:5000]"; None means the only split, or all of them with a column "split" beside. ``rows``
    keeps a part of what was read.
    Class numbers become class names, and -1 a missing label. ``allow_local``: ``path`` may also be a folder of data
    files on this machine, which only a caller who may read this machine's files should be given.
    Raises TextSetError, each with its own message: package missing, hub out of reach, no such data set, gated, made of
    code, no such config, split or column, over the limits.
    """
    datasets = _datasets()
    builder = _builder(datasets, path, config, allow_local=allow_local)
    try:
        streams = builder.as_streaming_dataset()
        parts = _chosen_splits(streams, path, split)
        table = _collect(datasets, streams, parts, columns, limits)
    except (TextSetError, MemoryError):
        raise
    except Exception as error:  # whatever the client, the file systems and the file formats below it raise
        if _is_unreachable(error):
            raise _offline(path) from None
        raise TextSetError(f"Reading data set '{path}' broke off: {_first_line(error)}", "Try again later.") from None
    if not table.n_rows:
        raise TextSetError(f"Data set '{path}' has no rows in {listed(part for part, _ in parts)}.", "Choose another.")
    found = select(table, name, _with_split(columns, parts, table), limits)
    part, count = parts[0]
    if count is not None:
        found = replace(found, sample=f"the first {table.n_rows:,} rows of the split '{part}' of '{path}'")
    return sampled(found, rows, of=path) if rows is not None else found


def _datasets() -> Any:
    try:
        import datasets
    except ImportError:
        raise TextSetError(
            "Data sets of the hub need the package 'datasets', which is not installed.", "pip install datasets"
        ) from None
    return datasets


def _builder(datasets: Any, path: str, config: str | None, *, allow_local: bool) -> Any:
    if allow_local and Path(path).is_dir():
        source, revision = str(Path(path).resolve()), None
        inside = f"{source}/"
    else:
        revision = _commit(path)
        source = f"hf://datasets/{path}"  # never a folder of this machine that happens to have the name
        inside = f"{source}@"
    try:
        builder = datasets.load_dataset_builder(source, name=config, revision=revision)
    except Exception as error:
        raise _builder_error(path, config, error) from None
    _check_builder(builder, path, inside)
    return builder


def _check_builder(builder: Any, path: str, inside: str) -> None:
    """Refuse a kind of data files that is no table, and data files elsewhere.

    A data set's card may name any path or address as its data files, this machine's own files among them.
    """
    kind = type(builder).__module__.rsplit(".", 1)[-1]
    if kind not in _KINDS:
        raise TextSetError(f"Data set '{path}' holds {kind} files.", f"Supported kinds: {', '.join(_KINDS)}.")
    files = [str(file) for listed_files in (builder.config.data_files or {}).values() for file in listed_files]
    outside = next((file for file in files if not file.startswith(inside) or ".." in file.split("/")), None)
    if outside is not None or not files:
        raise TextSetError(
            f"Data set '{path}' takes its rows from outside the repository: {shortened(outside or 'nowhere', 120)}",
            "Choose another data set.",
        )


def _commit(path: str) -> str:
    """Commit of the data set's main branch; asked first, for it fails at once where the loading would try for long."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, HFValidationError, RepositoryNotFoundError

    unknown = TextSetError(
        f"The hub has no data set '{shortened(path, 120)}' that you may read.",
        'Names look like "stanfordnlp/sst2". For a private one set HF_TOKEN.',
    )
    if not _NAME.fullmatch(path):
        raise unknown
    try:
        return str(HfApi().dataset_info(path, timeout=_SECONDS).sha)
    except GatedRepoError:
        raise _gated(path) from None
    except (RepositoryNotFoundError, HFValidationError):
        raise unknown from None
    except HfHubHTTPError as error:
        status = getattr(getattr(error, "response", None), "status_code", "an error")
        raise TextSetError(f"The hub answered {status} when asked for data set '{path}'.", "Try again later.") from None
    except Exception as error:
        if _is_unreachable(error):
            raise _offline(path) from None
        raise TextSetError(f"Data set '{path}' cannot be read: {_first_line(error)}", "Try again later.") from None


def _builder_error(path: str, config: str | None, error: Exception) -> TextSetError:
    text = str(error)
    available = ", ".join(re.findall(r"'([^']*)'", text.split("vailable", 1)[-1].split("]", 1)[0]))
    if "Config name is missing" in text:
        return TextSetError(f"Data set '{path}' has several configs: choose one.", f"There are: {available}.")
    if "BuilderConfig" in text and "not found" in text:
        return TextSetError(f"Data set '{path}' has no config '{config}'.", f"There are: {available}.")
    if "scripts are no longer supported" in text:
        return TextSetError(
            f"Data set '{path}' is built by a script of its own, and scripts from the hub are never run.",
            "Look for a copy of it in Parquet, CSV or JSONL.",
        )
    if "gated" in text.lower():
        return _gated(path)
    if _is_unreachable(error):
        return _offline(path)
    if isinstance(error, FileNotFoundError):
        return TextSetError(f"Data set '{path}' has no data files that can be read.", "Choose another data set.")
    return TextSetError(f"Data set '{path}' cannot be read: {_first_line(error)}", "Choose another data set.")


def _chosen_splits(streams: Any, path: str, split: str | None) -> list[tuple[str, int | None]]:
    """Names of the splits to read, each with the number of rows to stop after."""
    if split is None:
        return [(name, None) for name in streams]
    match = _SPLIT.fullmatch(split)
    if match is None or match["name"] not in streams:
        raise TextSetError(
            f"Data set '{path}' has no split '{split}'.",
            f'There are {listed(streams)}. To take only the first rows, write "{next(iter(streams))}[:1000]".',
        )
    return [(match["name"], int(match["count"]) if match["count"] else None)]


def _collect(
    datasets: Any, streams: Any, parts: list[tuple[str, int | None]], columns: TextColumns, limits: Limits
) -> RawTable:
    features = _features(streams[parts[0][0]])
    names = tuple(features)
    unreadable = {name: f"it holds {_kind(kind)}" for name, kind in features.items() if not _is_plain(datasets, kind)}
    wanted = _wanted(RawTable("hub", "utf-8", names, (), 0, unreadable), columns)
    cells: dict[str, list[Cell]] = {name: [] for name in wanted}
    of_split: list[Cell] = []
    n_chars = 0
    for part, count in parts:
        stream = streams[part]
        rows: Iterator[Any] = iter(stream.select_columns(wanted)) if wanted else iter(())
        for row in rows if count is None else islice(rows, count):
            of_split.append(part)
            limits.check_rows(len(of_split))
            for column in wanted:
                cell = _cell(datasets, features[column], row.get(column))
                n_chars += len(cell or "")
                cells[column].append(cell)
            limits.check_unpacked(n_chars)
    check_cells(len(of_split), len(wanted))
    missing: tuple[Cell, ...] = (None,) * len(of_split)
    columns_of_cells = tuple(tuple(cells[name]) if name in cells else missing for name in names)
    if len(parts) > 1:
        names, columns_of_cells = unique_names([*names, "split"])[0], (*columns_of_cells, tuple(of_split))
    return RawTable("hub", "utf-8", names, columns_of_cells, len(of_split), unreadable)


def _wanted(table: RawTable, columns: TextColumns) -> list[str]:
    """Names of the columns to transfer: the chosen ones, or all plain ones where the text column is to be guessed, or all are to be kept."""
    chosen = [item for item in (columns.text, columns.pair, columns.label, columns.split) if item is not None]
    named = [find_column(table, item) for item in (*chosen, *columns.ahead, *columns.joined, *(columns.metadata or ()))]
    if columns.text is None or columns.metadata is None:
        return [name for name in table.columns if name not in table.unreadable]
    return list(dict.fromkeys(named))


def _with_split(columns: TextColumns, parts: list[tuple[str, int | None]], table: RawTable) -> TextColumns:
    if len(parts) < 2 or columns.split is not None:
        return columns
    return replace(columns, split=table.columns[-1])


def _features(stream: Any) -> dict[str, Any]:
    if stream.features is None:
        stream = stream._resolve_features()
    return dict(stream.features)


def _is_plain(datasets: Any, feature: Any) -> bool:
    return isinstance(feature, datasets.ClassLabel) or (
        isinstance(feature, datasets.Value) and "binary" not in feature.dtype
    )


def _kind(feature: Any) -> str:
    return shortened(type(feature).__name__ if not isinstance(feature, dict) else "nested values", 40)


def _cell(datasets: Any, feature: Any, value: Any) -> Cell:
    if isinstance(feature, datasets.ClassLabel) and isinstance(value, int):
        return str(feature.int2str(value)) if 0 <= value < feature.num_classes else None
    return plain_cell(value)


def _gated(path: str) -> TextSetError:
    return TextSetError(
        f"Data set '{path}' is gated: its owner gives access by request.",
        f"Ask for access at huggingface.co/datasets/{path} and set HF_TOKEN.",
    )


def _offline(path: str) -> TextSetError:
    return TextSetError(
        f"The hub cannot be reached (offline), so data set '{path}' was not read.",
        "Check the network and HF_ENDPOINT, HF_HUB_OFFLINE; or download the data set elsewhere and read it as a file.",
    )


def _is_unreachable(error: BaseException | None) -> bool:
    """Whether the network is the cause; the client's transport errors come from one of several HTTP packages."""
    while error is not None:
        kinds = {kind.__name__ for kind in type(error).__mro__}
        if isinstance(error, ConnectionError | TimeoutError) or kinds & {"TransportError", "OfflineModeIsEnabled"}:
            return True
        error = error.__cause__ or error.__context__
    return False


def _first_line(error: Exception) -> str:
    return shortened((str(error).strip().splitlines() or [""])[0] or type(error).__name__, 200)
