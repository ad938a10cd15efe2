"""The table as Markdown: what docs/papers.md shows."""

import shlex
from collections.abc import Iterator, Sequence

from backend.papers.addresses import own_address
from backend.papers.estimates import FROM, own_estimate, seconds_words
from backend.papers.recorded import Record, in_words, pictures, recorded, shown_name
from backend.papers.row import AFTER_BEFORE, ONE, SERIES, PaperRow
from backend.papers.table import ROWS
from backend.values.likeness import preset_of
from backend.values.papers import PAPERS

PICTURES = "images/papers"  # beside the docs; one of a row is called by its key
RECORDED_UNDER = "## The rows\n\n"
_TEXTS, _LABEL = "TEXTS", "LABEL"


def general_commands(row: PaperRow) -> list[str]:
    """The commands of a row with words in capitals in the place of models, texts and label."""
    if not row.steps:
        recipe = dict(row.choices).get("finetune_recipe", "")
        if recipe:
            return [f"python -m backend finetune --name NAME --model MODEL --texts {_TEXTS} --recipe {recipe}"]
        return ["python -m backend models MODEL" if row.page == "data/models" else "python -m backend textsets"]
    found = []
    for step in row.steps:
        models = ["--model", "MODEL"] if step.of == ONE else ["--model", "TUNED", "--model", "BASE"]
        if step.of not in (ONE, AFTER_BEFORE):
            models = ["--model", "BASE", "--model", "TUNED"]
        if row.of == SERIES:
            models = ["--series", "SERIES", *(["--against", step.against] if step.against else [])]
            models += ["--layers", "LAYERS"] if row.every_layer else []
        label = ["--label", _LABEL] if row.labels else []
        texts = "general" if preset_of(step.metric).texts else _TEXTS
        params = [word for name, value in step.params.items() for word in ("--param", f"{name}={str(value).lower()}")]
        words = ["--metric", step.metric, *models, "--texts", texts, *label, *params, "--as-in-the-paper"]
        found.append(shlex.join(["python", "-m", "backend", "analyse", *words]))
    return found


def papers_table() -> str:
    """All rows, paper by paper: what each shows, how to have it, what the paper says, and what came of it here."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    about, records = recorded()
    if about:
        yield f"**Ours** below is of {about}"
        yield ""
    yield f"**The paper's own models on one GPU.** {FROM}"
    for paper, publication in PAPERS.items():
        yield ""
        yield f"## {paper}"
        yield ""
        address = f" {publication.address}" if publication.address else ""
        yield f"*{publication.title}*, {publication.authors}.{address}"
        for row in ROWS:
            if row.paper == paper:
                yield ""
                yield from _row(row, records.get(row.key, ()))


def _row(row: PaperRow, records: Sequence[Record]) -> Iterator[str]:
    """One row as a heading and a list, which stays readable where a table of ten columns would not."""
    yield f"### {row.heading}"
    yield ""
    yield f"{row.shows}"
    yield ""
    yield f"- Page `{row.page_name}`; key `{row.key}`"
    if row.absent:
        yield f"- {row.absent}"
    yield f"- Command: {'; '.join(f'`{one}`' for one in general_commands(row))}"
    yield f"- With the paper's own: [`{row.page_name}`](http://127.0.0.1:8501/{own_address(row).path}); {own_words(row)}"
    if row.steps:
        yield f"- On one GPU: {estimate_words(row)}"
    if row.printed:
        yield f"- The paper's numbers: {'; '.join(f'{what}: {value}' for what, value in row.printed)}"
    if row.claim:
        yield f"- It says ({row.said_at}) that {row.claim}. Here: {row.rule}."
    if row.key in pictures():
        how = "Drawn" if row.figures else "Shown"
        yield f"- {how} here: ![{row.paper}, {row.place}, here: {pictures()[row.key]}]({PICTURES}/{row.key}.png)"
    for record in records:
        yield f"- **Ours**, {ours_words(record)}"
    if row.steps and not records:
        yield "- **Ours**: not recorded: none of the models at hand has what it needs"
    if row.differs:
        yield f"- Reasons for a difference: {'; '.join(row.differs)}"
    if row.open:
        yield f"- Left open: {'; '.join(row.open)}"


def ours_words(record: Record) -> str:
    """A record in a line: the models, the verdict, the numbers, the seconds."""
    names = " and ".join(map(shown_name, record.models)) if len(record.models) < 3 else f"{len(record.models)} models"
    said = (
        f"{names} on {record.texts}, {record.verdict}: {'; '.join(in_words(record))} ({seconds_words(record.seconds)})"
    )
    return f"{said}. {record.caveat.rstrip('.')}" if record.caveat else said


def own_words(row: PaperRow) -> str:
    """The paper's own models, texts and recipe in a line."""
    own = row.own
    parts = [f"models: {', '.join(own.models)}"] if own.models else []
    parts += [f"series: {own.series}"] if own.series and row.of == SERIES else []
    which = "saved as" if len(own.texts) == 1 else "the first saved as"
    parts.append(f"texts: {'; '.join(own.texts)}, {which} {own.saved_as}")
    return "; ".join(parts) + "." + (f" {own.note}" if own.note else "")


def estimate_words(row: PaperRow) -> str:
    """What a row takes with the paper's own models on one GPU."""
    found = own_estimate(row)
    tuning = f"fine-tuning {seconds_words(found.tuning)}, " if found.tuning >= 1 else ""
    return f"{tuning}forward passes {seconds_words(found.passes)}, computation {seconds_words(found.metrics)} ({row.own.source})"
