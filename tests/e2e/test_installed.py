"""Embedscope installed from a wheel and started in some folder: the dashboard is whole there."""

from pathlib import Path

from pages._kit.library import provide_script
from tests.e2e import looking
from tests.e2e.stack import running


def test_the_installed_dashboard_is_whole_in_any_folder(installed: Path, elsewhere: Path, tab) -> None:
    folder = elsewhere / "state"
    folder.mkdir()
    with running(folder, options=("-P",), cwd=elsewhere, PYTHONPATH=str(installed)) as address:
        tab.goto(f"{address}/rogue")
        looking.opened(tab, "Rogue")
        assert tab.locator("[data-testid=stLogo], [data-testid=stSidebarLogo]").first.is_visible()
        looking.go(tab, "Jobs")
        assert tab.locator("[data-testid=stException]").count() == 0
        served = installed / "embedscope" / "static"
        assert provide_script(served)
        script = tab.request.get(f"{address}/app/static/{next(served.glob('*.js')).name}")
        assert script.ok and len(script.body()) > 1_000_000
        assert script.headers["last-modified"] == "Sat, 01 Jan 2000 00:00:00 GMT"  # so that a browser keeps it
    assert not (installed / "cache").exists() and not (elsewhere / "cache").exists()
