"""What a workbench does with text sets: list, read, join, delete."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from backend.bench.following import Follower
from backend.errors import InvalidRequest
from backend.forms.fingerprint import label_spec
from backend.jobs.inline import InlineExecutor
from backend.values.reading import ReadOptions, RowSample, TextColumns
from backend.values.specs import LabelSpec, TextSetSpec
from backend.values.tasks import JoinTask, PartTask, ReadTask, RenameClassesTask, SampleTask
from backend.values.texts import TextSetInfo, TextTable, made_of, named_set, row_runs

_DIGEST = re.compile(r"[0-9a-f]{40}")


class TextCalls(Follower):
    """The calls about texts."""

    def text_sets(self) -> list[TextSetInfo]:
        """The built-in text sets and the stored ones."""
        return self._listed("text sets", self._executor.text_sets)

    def text_set(self, which: TextSetSpec | TextSetInfo | str) -> TextTable:
        """The rows of a text set, by its spec, its table digest or its name."""
        if isinstance(which, TextSetInfo):
            which = which.spec
        if isinstance(which, TextSetSpec):
            return self._executor.text_table(which.table)
        return self._executor.text_table(which if _DIGEST.fullmatch(which) else self.text_set_info(which).spec.table)

    def read_texts(
        self,
        path: str | Path,
        *,
        text: str | int | None = None,
        pair: str | int | None = None,
        label: str | int | None = None,
        split: str | int | None = None,
        metadata: Sequence[str | int] | None = None,
        joined: Sequence[str | int] = (),
        ahead: Sequence[str | int] = (),
        header: bool | None = None,
        format: str | None = None,  # noqa: A002 - the word that users know
        encoding: str | None = None,
        separator: str | None = None,
        clean_wikitext: bool = False,
        task: str | None = None,
        rows: int | None = None,
        rows_by: str = "first",
        rows_seed: int = 0,
        name: str | None = None,
    ) -> TextSetInfo:
        """Read a file of texts into the store; a column is a name, or a number from 0 where there is no header.

        ``metadata`` are the columns to keep beside text, pair, label and split: all that can be kept, unless some are named.
        The cells of the columns ``joined`` follow the text's in each text, those of ``ahead`` come before it, with line breaks between.

        What is None is found out from the file: ``format``, ``header``, ``encoding``, and the ``separator`` of cells (a
        sign or its name: comma, semicolon, tab, pipe, caret, tilde, none).
        ``task`` is one of WORD_TASKS, for CoNLL-U files: what their words are labelled with. ``rows`` keeps so many:
        the "first", "random" ones, or by "label" in proportion, drawn by ``rows_seed``; every result says so.
        """
        from backend.textsets.limits import Limits
        from backend.textsets.reading import read_path

        part = None if rows is None else RowSample(rows, rows_by, rows_seed)
        kept = None if metadata is None else tuple(metadata)
        columns = TextColumns(text, pair, label, split, kept, tuple(joined), tuple(ahead))
        options = ReadOptions(columns, format, header, encoding, clean_wikitext, task, separator, part)
        shown = name or Path(path).name
        if isinstance(self._executor, InlineExecutor):
            return self._library.save(read_path(Path(path), shown, options, limits=Limits.of(self.settings)))
        blob = self.upload(file_content(Path(path), self.settings.max_upload_bytes))
        return cast(TextSetInfo, self.wait(ReadTask(blob, Path(path).name, shown, options, save=True)))

    def join_texts(self, train: TextSetInfo, test: TextSetInfo, *, name: str = "") -> TextSetInfo:
        """Join two text sets into one whose split column says "train" for the rows of the first, "test" for the rest."""
        from backend.textsets.joining import join

        shown = name or made_of(train.spec.name, test.spec.name)
        if isinstance(self._executor, InlineExecutor):
            return self._library.save(join(self._library.table(train.spec), self._library.table(test.spec), shown))
        return self.wait(JoinTask(train.spec.table, test.spec.table, shown))

    def sample_texts(
        self, texts: TextSetInfo, rows: int, *, by: str = "first", seed: int = 0, name: str = ""
    ) -> TextSetInfo:
        """Keep a part of a text set as one of its own: the first ``rows``, ``by`` "label" in proportion, or "random" ones."""
        return self.wait(self.sample_task(texts, rows, by=by, seed=seed, name=name))

    def sample_task(
        self, texts: TextSetInfo, rows: int, *, by: str = "first", seed: int = 0, name: str = ""
    ) -> SampleTask:
        """The task behind ``sample_texts``."""
        of_all = f", {'first ' if by == 'first' else ''}{rows:,}{'' if by == 'first' else f' by {by}'}"
        return SampleTask(texts.spec.table, name or made_of(texts.spec.name, said=of_all), RowSample(rows, by, seed))

    def part(self, texts: TextSetInfo, rows: Sequence[int], *, name: str = "", said: str = "selected") -> TextSetInfo:
        """Keep these rows (from 0) of a text set as one of its own: it, and every result of it, says what it is part of.

        ``said`` says which rows they are, after "300 of 6,920 rows of 'sst2', ". Raises InvalidRequest for no rows.
        """
        return self.wait(self.part_task(texts, rows, name=name, said=said))

    def part_task(self, texts: TextSetInfo, rows: Sequence[int], *, name: str = "", said: str = "selected") -> PartTask:
        """The task behind ``part``: whoever peeks at it learns whether the text set is there already."""
        runs = tuple(end for run in row_runs(sorted(set(rows))) for end in run)
        of_all = made_of(texts.spec.name, said=f", {len(set(rows)):,} {said}")
        return PartTask(texts.spec.table, name or of_all, runs, said)

    def rename_classes(
        self, texts: TextSetInfo, names: Mapping[str, str], *, column: str | None = None, name: str = ""
    ) -> TextSetInfo:
        """Keep a text set whose classes have other names, by their present ones, in ``column`` (default: its label).

        Classes that get one name become one class. The texts are the same, so that no model reads them again. Raises
        TextSetError for a column or a class that is not there.
        """
        chosen = column or texts.label
        if chosen is None:
            raise InvalidRequest(
                f"'{texts.spec.name}' has no label column.", "Name the column whose classes to rename."
            )
        task = RenameClassesTask(
            texts.spec.table,
            name or made_of(texts.spec.name, said=", renamed"),
            chosen,
            tuple(names),
            tuple(names.values()),
        )
        return self.wait(task)

    def add_texts(self, texts: Sequence[str], *, name: str = "texts") -> TextSetInfo:
        """Keep a list of texts as a text set."""
        lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
        task = ReadTask(self.upload(lines.encode()), f"{name}.jsonl", name, ReadOptions(TextColumns("text")), save=True)
        return cast(TextSetInfo, self.wait(task))

    def upload(self, content: bytes, *, vectors: bool = False) -> str:
        """Bring bytes to where they can be read; returns the digest for a ReadTask, or of ``vectors`` for a VectorsTask."""
        limit = self.settings.max_vector_bytes if vectors else self.settings.max_upload_bytes
        if len(content) > limit:
            raise InvalidRequest(
                f"The file has {len(content) / 2**20:.1f} MB; at most {limit / 2**20:.0f} MB are read.",
                f"Use a part of it, or raise {'EMBEDSCOPE_MAX_VECTOR_BYTES' if vectors else 'EMBEDSCOPE_MAX_UPLOAD_BYTES'}.",
            )
        return self._executor.upload(content, vectors=vectors)

    def delete_text_set(self, digest: str) -> int:
        """Delete a text set (by digest, or a name that only one has) with what was made from it; returns how many went."""
        table = self.text_set_info(digest).spec.table
        self._changed()
        return self._executor.delete_text_set(table)

    def text_set_info(self, name: str) -> TextSetInfo:
        """The line of the list for one text set, by digest or name; raises InvalidRequest for none, and for several."""
        return named_set(self.text_sets(), name)

    def _labels(self, texts: TextSetInfo, label: str | None) -> LabelSpec:
        """The labels in the column ``label``, or in the text set's own; raises InvalidRequest where there is no such column."""
        column = label or texts.label
        if column is None or column not in texts.columns:
            if not texts.columns:
                raise InvalidRequest(
                    f"The text set '{texts.spec.name}' has no labels: it has only its texts.",
                    "Choose another text set, or add this one again with a label column.",
                )
            listed = ", ".join(texts.columns)
            raise InvalidRequest(
                f"The text set '{texts.spec.name}' has no label column{f' {column!r}' if column else ''}.",
                f"Its columns: {listed}. Choose one, or add the text set again with a label column.",
            )
        return label_spec(self.text_set(texts), column)


def file_content(path: Path, limit: int, setting: str = "EMBEDSCOPE_MAX_UPLOAD_BYTES") -> bytes:
    """The bytes of a file; raises InvalidRequest where it cannot be read, or is larger than ``limit``, which ``setting`` sets."""
    try:
        if path.stat().st_size > limit:
            raise InvalidRequest(
                f"{path} is larger than {limit / 2**20:.0f} MB.",
                f"Use a part of it, or raise {setting}.",
            )
        return path.read_bytes()
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}.", "Check the path.") from None
