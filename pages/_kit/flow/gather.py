"""What pages that are not open would show: each is run as its address would run it, in a session that no browser sees."""

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from streamlit.runtime import Runtime, RuntimeConfig
from streamlit.runtime.fragment import MemoryFragmentStorage
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import RerunData, ScriptRunner, ScriptRunnerEvent, get_script_run_ctx
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.runtime.state.session_state import SessionState

from backend import AnalysisSpec
from pages._kit.show.finding import Finding
from pages._kit.state import login
from pages._kit.state.gathering import ASKED, GATHERED

SECONDS = 60.0  # for one page, whose results are all stored
FIRST = "start"  # the first page, whose own address is the root
_SESSION = "pages that are not open"


@dataclass(frozen=True, slots=True)
class Visit:
    """A page by the last part of its address, with choices on it that are not those it opens with, by their keys."""

    page: str
    choices: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """The figures of one page, in the order in which they were shown; ``title`` is the page's."""

    title: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """What one page draws from: its analyses, and in its own words what it lacks where it draws nothing."""

    page: str
    title: str
    analyses: tuple[AnalysisSpec, ...]
    said: tuple[str, ...]


@dataclass(slots=True)
class _Seen:
    """What came of one run of a page."""

    figures: dict[str, Finding] = field(default_factory=dict)
    analyses: list[AnalysisSpec] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


Told = Callable[[int, str], object]  # which visit begins, and the title of its page


def figures_of(visits: Sequence[Visit], query: str, told: Told = lambda place, title: None) -> list[Found]:
    """The figures of pages whose results are stored, for the choice of the address ``query``; none is computed.

    Pages come in the order of their first visit, a figure once. To be called in a run of the app.
    """
    found: dict[str, dict[tuple[str, ...], Finding]] = {}
    titles: dict[str, str] = {}
    for visit, title, seen in _visited(visits, query, told):
        titles.setdefault(visit.page, title)
        figures = found.setdefault(visit.page, {})
        for finding in seen.figures.values():
            sources = (result.fingerprint for result in finding.results)
            figures.setdefault((finding.title, finding.caption, *sources), finding)
    return [Found(titles[page], tuple(figures.values())) for page, figures in found.items()]


def asked_by(visits: Sequence[Visit], query: str, told: Told = lambda place, title: None) -> list[Asked]:
    """What each visit would compute for the choice of the address ``query``; nothing is. To be called in a run of the app."""
    return [
        Asked(visit.page, title, tuple(dict.fromkeys(seen.analyses)), tuple(dict.fromkeys(seen.said)))
        for visit, title, seen in _visited(visits, query, told)
    ]


def figures_of_addresses(main: str, addresses: Iterable[tuple[Visit, str]]) -> Iterator[tuple[Finding, ...]]:
    """The figures of each visit for the choice of its own address, where no dashboard runs; none is computed.

    ``main`` is the file of the app. To be called in a process that has lent its workbench (``session.lend``).
    """
    if not Runtime.exists():  # pages ask it for files and parts of the browser's side, which nobody fetches here
        Runtime(
            RuntimeConfig(
                script_path=main,
                media_file_storage=MemoryMediaFileStorage("/none"),
                uploaded_file_manager=MemoryUploadedFileManager("/none"),
            )
        )
    PagesManager.uses_pages_directory = False
    cache = ScriptCache()
    pages = PagesManager(main, cache)
    _run(main, "", "", {}, cache, pages)
    known = {info.get("url_pathname") or FIRST: info for info in pages.get_pages().values()}
    for visit, query in addresses:
        seen = _run(main, str(known[visit.page]["page_script_hash"]), query, visit.choices, cache)
        yield tuple(seen.figures.values())


def _visited(visits: Sequence[Visit], query: str, told: Told) -> Iterator[tuple[Visit, str, _Seen]]:
    """Each visit with the title of its page and what came of it; pages that the app has not are left out."""
    context = get_script_run_ctx()
    assert context is not None
    known = {info.get("url_pathname") or FIRST: info for info in context.pages_manager.get_pages().values()}
    cache, main = ScriptCache(), context.main_script_path
    for place, visit in enumerate(visits):
        info = known.get(visit.page)
        if info is None:
            continue
        title = str(info.get("page_name", visit.page)).replace("_", " ")
        told(place, title)
        yield visit, title, _run(main, str(info["page_script_hash"]), query, visit.choices, cache)


def _run(
    main: str,
    page: str,
    query: str,
    choices: Mapping[str, Any],
    cache: ScriptCache,
    pages: PagesManager | None = None,
) -> _Seen:
    """One run of a page in a session that begins with ``choices``; ``pages`` learns which pages there are."""
    seen = _Seen()
    state = SessionState(
        _new_session_state={**choices, GATHERED: seen.figures, ASKED: seen.analyses, login.GIVEN: login.person()}
    )  # set key by key, it asks the open page's leave
    loop = asyncio.new_event_loop()
    asked = RerunData(query_string=query, page_script_hash=page)
    runner = ScriptRunner(
        session_id=_SESSION,
        main_script_path=main,
        session_state=state,
        uploaded_file_mgr=MemoryUploadedFileManager("/none"),
        script_cache=cache,
        initial_rerun_data=asked,
        user_info={},
        fragment_storage=MemoryFragmentStorage(),
        pages_manager=pages or PagesManager(main, cache),
        event_loop=loop,
    )
    ended = threading.Event()

    def heard(_sender: object, event: ScriptRunnerEvent, **about: Any) -> None:  # what Streamlit tells of the event
        if event == ScriptRunnerEvent.ENQUEUE_FORWARD_MSG:
            seen.said += _alert(about.get("forward_msg"))
        if event == ScriptRunnerEvent.SHUTDOWN:
            ended.set()

    runner.on_event.connect(heard, weak=False)
    runner.start()
    if not ended.wait(SECONDS):
        runner.request_stop()
        ended.wait(SECONDS)
    loop.close()
    return seen


def _alert(message: Any) -> list[str]:  # Streamlit's message to a browser
    """The words of a box that says what is wrong or missing, in Markdown; nothing for any other element."""
    if message is None or message.WhichOneof("type") != "delta" or message.delta.WhichOneof("type") != "new_element":
        return []
    element = message.delta.new_element
    return [str(element.alert.body)] if element.WhichOneof("type") == "alert" else []


def visits_of(pages: Mapping[str, Sequence[Mapping[str, Sequence[Any]]]]) -> Iterator[Visit]:
    """Each page as it opens, then with each of its variants: of every key of a variant, each of its values."""
    for page, variants in pages.items():
        yield Visit(page)
        for variant in variants:
            for choices in _products(variant):
                yield Visit(page, choices)


def _products(variant: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    choices: list[dict[str, Any]] = [{}]
    for key, values in variant.items():
        choices = [{**one, key: value} for one in choices for value in values]
    yield from choices
