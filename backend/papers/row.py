"""What a row of the papers' table is: a figure or table of a paper, what makes it here, and what the paper says of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backend.values.papers import PAPERS, Publication

EACH, PAIR, COUPLE, SERIES, FAMILY = "each", "pair", "couple", "series", "family"
"""Of which models a row is: of each for itself, of a model before and after, of any two, of a series of checkpoints, of a model and
all that were made from it."""
ONE, AFTER_BEFORE, BEFORE_AFTER = "one", "after, before", "before, after"
"""In an analysis of a row: each model for itself, or two in this order."""
MODEL, BEFORE, AFTER, AFTERS = "{model}", "{before}", "{after}", "{afters}"
"""In the words of an address: names of the models on show; MODEL is each in turn, the last one in a link, AFTERS all but the first."""
EVERY, OTHERS = "{every}", "{others}"
"""In them, too: all models as panels of one figure, of two models or more; OTHERS where a page sets two side by side by itself."""


@dataclass(frozen=True, slots=True)
class Step:
    """One kind of analysis that a row is made of, with the settings of the paper (``backend.values.presets``).

    ``of`` is ONE or the order of two models; ``params`` change the preset's; ``against`` is "first" where each step of a
    series is compared with the first one.
    """

    metric: str
    of: str = ONE
    params: Mapping[str, Any] = field(default_factory=dict)
    against: str = ""


@dataclass(frozen=True, slots=True)
class OwnInput:
    """What the paper itself looks at: models and texts by their ids on the hub, and how long it is.

    ``recipe`` names the recipe (``backend.values.recipes``) that makes its fine-tuned models, where these are not published;
    ``series`` is a pattern of checkpoints, ``tasks`` are the runs of the tasks beside it. ``saved_as`` is what its
    text set is called here once it is fetched. ``n_texts`` texts of about ``n_tokens`` tokens are the ones that it evaluates, with the
    ``source`` of these numbers; they have ``n_rows`` rows (0: one a text, or a token) of ``n_classes`` classes in the column ``label``.
    """

    models: tuple[str, ...]
    texts: tuple[str, ...]
    n_texts: int
    n_tokens: int
    source: str
    saved_as: str
    recipe: str = ""
    series: str = ""
    note: str = ""
    n_rows: int = 0
    n_classes: int = 2
    label: str = "label"
    tasks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PaperRow:
    """A figure, a table or a section of a paper.

    ``shows`` says what it shows, ``printed`` its own numbers (what, and as printed), ``claim`` what the paper says, at ``said_at``, in
    words of this project, that a figure made here agrees with or not, and ``rule`` when it is taken to. ``page`` is the folder of the page that draws it with
    ``choices``, the fields of its address beside those of the sidebar, and ``switch`` the key of its "As in the paper". ``steps``
    are the analyses, of the models ``of``; ``labels`` says whether they need labels,
    ``mixed`` whether models of several poolings stand in one figure, ``together`` whether all its models are judged as one, ``tuned`` whether models
    and those made from them are compared in it though each is computed for itself, ``tasks`` whether its figure has other runs' tasks beside that of
    the texts, ``every_layer`` whether its
    figure has all layers where the paper's tables have the last one. ``figures`` are the beginnings of the keys of those figures of the page
    that are the row's; none where it is a table, and ``tables`` those of the tables that have files of their own. ``differs`` are reasons for a difference
    that hold whatever the models, ``open`` what the paper's text leaves open beside what the presets say, ``absent`` why there is
    nothing to compute.
    """

    key: str
    paper: str
    place: str
    shows: str
    page: str
    own: OwnInput
    of: str = EACH
    steps: Sequence[Step] = ()
    choices: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    switch: str = ""
    labels: bool = False
    mixed: bool = False
    together: bool = False
    tuned: bool = False
    tasks: bool = False
    every_layer: bool = False
    figures: Sequence[str] = ()
    tables: Sequence[str] = ()
    printed: Sequence[tuple[str, str]] = ()
    claim: str = ""
    said_at: str = ""
    rule: str = ""
    differs: Sequence[str] = ()
    open: Sequence[str] = ()
    absent: str = ""

    @property
    def publication(self) -> Publication:
        """The paper."""
        return PAPERS[self.paper]

    @property
    def heading(self) -> str:
        """The place as a heading: "Figure 1", "Appendix A"."""
        return self.place[0].upper() + self.place[1:]

    @property
    def page_name(self) -> str:
        """The last part of the page's address."""
        return self.page.rpartition("/")[2]

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics of its analyses, each once."""
        return tuple(dict.fromkeys(step.metric for step in self.steps))
