"""A dashboard notices that its service is of another version, without asking for it."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import backend
from backend.bench.workbench import Workbench
from backend.version import __version__
from tests.conftest import ROOT, Service


def test_every_answer_says_the_version(service_bench: Workbench, bench: Workbench) -> None:
    service_bench.text_sets()
    assert service_bench._executor.service_version == __version__  # type: ignore[attr-defined]
    assert service_bench.health()["version"] == service_bench.service_version == bench.service_version == __version__


@pytest.mark.parametrize("version", [__version__, "99.1"])
def test_the_page_asks_to_be_reloaded(
    service: Service, monkeypatch: pytest.MonkeyPatch, version: str, tmp_path: Path
) -> None:
    for name, value in {"BACKEND": service.address, "TOKEN": service.token, "CACHE": str(tmp_path)}.items():
        monkeypatch.setenv(f"EMBEDSCOPE_{name}", value)
    monkeypatch.setattr(Workbench, "service_version", property(lambda bench: version))
    from pages._kit.state import session

    session._open.clear()
    try:
        shown = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).switch_page("pages/data/jobs/page.py").run()
        said = [one.value for one in shown.warning if "this dashboard" in one.value]
        assert not shown.exception
        assert bool(said) == (version != backend.__version__)
        assert all("99.1" in one.replace("\\", "") and "Reload" in one for one in said)
    finally:
        session._open.clear()
