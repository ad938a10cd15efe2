"""The field that names the models of every page; a series of checkpoints that is named there becomes models, too."""

import time
from collections.abc import Sequence

import streamlit as st

from backend import ModelInfo, ResolveTask, SeriesInfo, SeriesMember, SeriesTask, fingerprint, run_called
from pages._kit.charts.base import short_model
from pages._kit.flow.progress import obtain
from pages._kit.show.links import page_file
from pages._kit.state import ask, pinned
from pages._kit.state.session import plain, workbench
from pages._kit.state.view import set_value, value_of

DEFAULT_MODEL = "minilm"
MOST_MODELS = 6
MOST_NAME_CHARS = 300
AT_MOST = 12  # checkpoints of a series, where nobody says otherwise
DYNAMICS = page_file("training/dynamics")
LOOK_AGAIN_SECONDS = 60.0
CHANGED = "{name} now has other weights than the link's ({then} then, {now} now): what is drawn is of the present ones."
_KNOWN, _LOCAL = "_known_models", "_local_models"


def choose_models(names: Sequence[str]) -> None:
    """Make ``names`` the shared models; for button callbacks."""
    set_value("model", list(names))


def chosen_names() -> list[str]:
    """The names in the model field, resolved or not."""
    return list(value_of("model", [DEFAULT_MODEL]))


def is_name(name: object) -> bool:
    """Whether that can be the name of a model or a series at all."""
    return isinstance(name, str) and 0 < len(name.strip()) <= MOST_NAME_CHARS and name.isprintable()


def series_task(name: str, *, steps: tuple[int, ...] = (), at_most: int = AT_MOST) -> SeriesTask:
    """What finds the checkpoints of the series ``name``; of a run, the pattern ``@*`` means all of them."""
    name = name.strip()
    if name.startswith("run:"):
        name = name.removesuffix("@*")
    return SeriesTask(name, steps=steps, at_most=0 if steps else at_most)


def model_field() -> tuple[tuple[ModelInfo, ...], str, bool]:
    """The field and what it says: the models, what is missing, and whether waiting will not help."""
    known: dict[str, None] = st.session_state.setdefault(_KNOWN, {DEFAULT_MODEL: None})
    runs = [run.model for run in workbench().runs() if run.steps]
    pinned.take("model")
    names = ask.multiselect(
        "Models",
        list(dict.fromkeys([*known, *runs, *_local()])),
        default=[DEFAULT_MODEL],
        fits=is_name,
        accept_new_options=True,
        max_selections=MOST_MODELS,
        select_all=False,
        placeholder="Hub id, folder or alias",
        key="model",
        help="`minilm`, a Hugging Face id such as `gpt2` or `EleutherAI/pythia-160m@step1000`, or a local folder. "
        "Type a name and press Enter. Pages that compare models use all of them. A series of checkpoints (a folder of "
        "them, or `EleutherAI/pythia-160m@step*`) offers its steps.",
    )
    if not names:
        return (), "Choose a model in the sidebar.", False
    infos: list[ModelInfo] = []
    waiting: list[str] = []
    failures: list[str] = []
    commits: dict[str, str] = {}
    room = MOST_MODELS - len(names)
    for place, name in enumerate(names):
        found, identity, why = _look_up(name, place, room)
        if found:
            known[name], commits[name] = None, identity
            infos += [info for info in found if info.spec not in [other.spec for other in infos]]
            room -= len(found) - 1
        elif why:
            failures.append(why)
        else:
            waiting.append(name)
    pinned.settle("model", names, commits, CHANGED)
    if failures:
        return tuple(infos), failures[0], True
    problem = f"Looking up {', '.join(waiting)} (see the sidebar)." if waiting else ""
    return tuple(infos), problem, False


def _local() -> tuple[str, ...]:
    """Imported vectors and the models below the model roots, looked for once a minute: others may add some."""
    return _found()[0]


def local_series() -> tuple[str, ...]:
    """The series of checkpoints below the model roots, as of a minute ago at most."""
    return _found()[1]


def run_series() -> list[str]:
    """The fine-tuning runs made here that have steps, as series are called."""
    return [f"run:{run.name}" for run in workbench().runs() if run.steps]


def _found() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of imported vectors and local models, and which of them are series."""
    when, names, series = st.session_state.get(_LOCAL, (0.0, (), ()))
    if time.monotonic() - when > LOOK_AGAIN_SECONDS or not when:
        folders = workbench().local_folders().found
        names = (*(one.model_name for one in workbench().vector_sets()), *dict.fromkeys(one.name for one in folders))
        series = tuple(dict.fromkeys(one.name for one in folders if one.kind == "series"))
        st.session_state[_LOCAL] = time.monotonic(), names, series
    return names, series


def look_again() -> None:
    """Look for models anew in the next run: something was added or deleted here."""
    st.session_state.pop(_LOCAL, None)


def _say_step(name: str, info: ModelInfo) -> None:
    """What a run is called now, and which step its name stands for, where that may change: a link with the step in it does not."""
    if not name.strip().startswith("run:"):
        return
    runs, was = workbench().runs(), name.strip().removeprefix("run:").partition("@")[0]
    renamed = run_called(runs, was)
    if renamed is not None and renamed.name != was:
        st.caption(f"run:{plain(was)} is called run:{plain(renamed.name)} now.")
    short, _, step = info.spec.name.partition("@")
    run = next((one for one in runs if f"run:{one.name}" == short), None)
    if run is not None and run.state != "done" and info.spec.name != name.strip():
        st.caption(
            f"{plain(name)} is {plain(step)} of a run that is {run.state}; later it may be another step. "
            f"{plain(info.spec.name)} will not change."
        )


def _look_up(name: str, place: int, room: int) -> tuple[tuple[ModelInfo, ...], str, str]:
    """The model of one name, or of a series those that stand for it, and their identity; without one, why there is none.

    The reason is empty while it is still looked up. ``room`` is for how many more models there is room beside the names.
    """
    pattern = any(mark in name.partition("@")[2] for mark in "*?")
    offered: list[bool] = []

    def offer() -> bool:
        if pattern or name.startswith(("/", ".", "~")):
            offered.append(offer_series(name, f"series_{place}", quiet=not pattern, room=room))
        return bool(offered) and offered[-1]

    job = fingerprint(series_task(name) if pattern else ResolveTask(name.strip()))
    if pattern:
        offer()
    else:
        info = obtain(ResolveTask(name.strip()), f"model_{place}", what=f"Looking up {name}", otherwise=offer)
        if info is not None:
            _say_step(name, info)
            return (info,), info.spec.commit, ""
    if offered and offered[-1]:
        series: SeriesInfo | None = workbench().peek(series_task(name))
        return ((), "", "") if series is None else (_standing_for(series, room), series.identity, "")
    status = workbench().status(job)
    failed = status is not None and status.state == "failed"
    return (), "", f"{status.error} {status.hint}" if failed and status is not None else ""


def _standing_for(series: SeriesInfo, room: int) -> tuple[ModelInfo, ...]:
    """The models that a page shows while a series is named and no steps of it: the first and the last, or the last alone."""
    first, last = series.models[0], series.models[-1]
    return (first, last) if room > 0 and first.spec != last.spec else (last,)


def offer_series(name: str, key: str, *, quiet: bool, room: int | None = None) -> bool:
    """Offer the steps of a series as models; False where the name is no series (said here unless ``quiet``).

    With ``room`` (for how many more models there is) the series is one of the chosen models, and what stands for it is said.
    """
    task = series_task(name)
    what = f"Looking up the checkpoints of {short_model(name)}"
    found: SeriesInfo | None = obtain(task, key, what=what, otherwise=(lambda: True) if quiet else None)
    if found is None:
        status = workbench().status(fingerprint(task))
        return status is not None and status.active
    total = f" of {found.n_found:,}" if found.n_found > len(found.members) else ""
    with st.container(border=True, key=f"{key}_offer"):
        st.markdown(f"**{plain(short_model(name))}** is a series: {len(found.members)}{total} checkpoints.")
        ends = [found.members[0], found.members[-1]]
        if room is not None:
            several = len(_standing_for(found, room)) > 1
            which = f"steps {ends[0].step:,} and {ends[1].step:,}, the first and the last" if several else ""
            st.caption(f"Shown: {which or f'step {ends[1].step:,}, the last'}. Others can be taken in its place.")
        st.button(
            "Take first and last",
            key=f"{key}_ends",
            on_click=_take,
            args=(name, ends),
            help=" and ".join(f"Step {member.step:,}" for member in ends),
        )
        picked = st.multiselect(  # not in the address: it ends as models
            "Steps",
            found.steps,
            format_func=lambda step: f"{step:,}",
            select_all=False,
            max_selections=MOST_MODELS,
            placeholder="Choose steps",
            key=f"{key}_steps",
        )
        chosen = [member for member in found.members if member.step in picked]
        st.button("Take these", key=f"{key}_take", on_click=_take, args=(name, chosen), disabled=not chosen)
        st.page_link(
            DYNAMICS, label="All steps: Dynamics", query_params={"series": task.name}, icon=":material/timeline:"
        )
        if found.broken:
            listed = "; ".join(f"step {item.step:,}: {item.reason.rstrip('.')}" for item in found.broken)
            st.caption(f"Not usable: {plain(listed)}.")
    return True


def _take(name: str, members: Sequence[SeriesMember]) -> None:
    """Put these checkpoints in the place of the series, or after the others; no more than the field holds."""
    taken = [member.model.spec.name for member in members]
    names: list[str] = []
    for other in chosen_names():
        names += taken if other == name else [other]
    if name not in chosen_names():
        names += taken
    choose_models(list(dict.fromkeys(names))[:MOST_MODELS])
