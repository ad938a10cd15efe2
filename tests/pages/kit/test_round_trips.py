"""What a rerun of a page costs once its result is there: two requests to the service, and each result file read once."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from backend import open_workbench, read_settings
from backend.jobs.client import ClientExecutor
from backend.store.files import Files
from pages._kit.state import session
from tests.conftest import start_service, stop_service
from tests.pages.conftest import SmallWorld

PAGES = {
    "rogue": {"key": "rogue"},
    "similarity": {"key": "similarity"},
    "clusters": {"key": "clusters", "label": "label", "layers": "2"},
}


class Costs:
    """The requests to the service, and the keys of the result files that were read, since the last look."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.read: list[str] = []
        ask, read = ClientExecutor._ask, Files.read

        def asking(executor: ClientExecutor, method: str, path: str, *rest: Any, **options: Any) -> bytes:
            self.asked.append(f"{method} {path}")
            return ask(executor, method, path, *rest, **options)

        def reading(files: Files, kind: str, key: str, **options: Any) -> bytes | None:
            if kind == "results":
                self.read.append(key)
            return read(files, kind, key, **options)

        monkeypatch.setattr(ClientExecutor, "_ask", asking)
        monkeypatch.setattr(Files, "read", reading)

    def taken(self) -> tuple[list[str], list[str]]:
        """What there was, and begin anew."""
        found = self.asked, self.read
        self.asked, self.read = [], []
        return found


@pytest.fixture(scope="module")
def client(small_world: SmallWorld) -> Iterator[Any]:
    """A workbench in front of a service, both over the cache of the small world, as ``make run`` has them."""
    cache = small_world.folder / "cache"
    service = start_service(cache, EMBEDSCOPE_MODEL_ROOTS=str(small_world.folder))
    settings = dataclasses.replace(read_settings(), cache=cache, backend=service.address, token=service.token)
    opened = open_workbench(settings)
    yield opened
    opened.close()
    stop_service(service)


@pytest.mark.parametrize("page", PAGES)
def test_a_settled_rerun_asks_twice_and_reads_nothing_again(
    page: str, client: Any, open_page: Callable[..., Any], run_page: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = dict(PAGES[page])
    at = run_page(open_page(page, **choice), choice.pop("key"))
    monkeypatch.setattr(session, "_open", lambda: client)
    client.model_roots()  # whether both are over one folder is asked once in a process
    costs = Costs(monkeypatch)
    at.run()
    assert not at.exception and not at.error and at.get("plotly_chart")
    asked, read = costs.taken()
    assert len(read) == len(set(read)) == 1, "the first look reads the one result once"
    assert len(asked) <= 3, asked
    at.run()
    asked, read = costs.taken()
    assert sorted(asked) == ["GET /runs", "GET /textsets"] and not read
    assert not at.exception and at.get("plotly_chart")


def test_a_result_that_was_evicted_is_missed_although_it_was_read_before(
    client: Any, open_page: Callable[..., Any], run_page: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    at = run_page(open_page("similarity", seed="5", layers="1"), "similarity")
    monkeypatch.setattr(session, "_open", lambda: client)
    costs = Costs(monkeypatch)
    at.run()
    (digest,) = costs.taken()[1]
    client._store.forget_result(digest)
    at.run()
    assert not at.exception and any(button.key == "similarity_run" for button in at.button)
