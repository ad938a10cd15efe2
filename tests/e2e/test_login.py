"""Logging in, in a browser, with an OpenID Connect provider that runs beside the dashboard; and who may not come in."""

import contextlib
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

from backend import Person, TextSetInfo, asked_by, open_workbench, read_settings
from backend.bench.workbench import Workbench
from tests.e2e import looking
from tests.e2e.stack import free_ports, running
from tests.pages import browser

expect.set_options(timeout=60_000)
ADA, BEN, EVE = "ada@here.org", "ben@here.org", "eve@elsewhere.org"
SECRETS = """
[auth]
redirect_uri = "http://127.0.0.1:{port}/oauth2callback"
cookie_secret = "a secret for the tests of the login"
client_id = "embedscope"
client_secret = "known to both"
server_metadata_url = "http://127.0.0.1:{provider}/.well-known/openid-configuration"
"""


@dataclass(frozen=True)
class Instance:
    """A dashboard with a login, and the port of its provider."""

    address: str
    service: str
    provider: int
    cache: Path


@contextlib.contextmanager
def provider(port: int, *, seconds: int = 3600) -> Iterator[None]:
    """The provider, whose logins hold for ``seconds``."""
    users = [part for user in (ADA, BEN, EVE) for part in ("--user", user)]
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--token-max-age", str(seconds), *users]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2):
                break
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    folder = tmp_path_factory.mktemp("login")
    port, service_port, provider_port = free_ports(3)
    secrets = folder / "secrets.toml"
    secrets.write_text(SECRETS.format(port=port, provider=provider_port))
    settings = {"EMBEDSCOPE_PORT": str(port), "EMBEDSCOPE_SERVICE_PORT": str(service_port), "EMBEDSCOPE_ADMINS": BEN}
    settings |= {"EMBEDSCOPE_ALLOW": "here.org", "STREAMLIT_SECRETS_FILES": str(secrets)}
    with running(folder, **settings) as address:
        yield Instance(address, f"http://127.0.0.1:{service_port}", provider_port, folder / "cache")


@pytest.fixture(scope="module")
def adas(instance: Instance) -> TextSetInfo:
    """A text set of Ada's, saved through the service as her dashboard would."""
    with bench_of(instance) as bench, asked_by(Person(ADA)):
        return bench.add_texts([f"only Ada may read line {row}" for row in range(8)], name="adas lines")


@contextlib.contextmanager
def bench_of(instance: Instance) -> Iterator[Workbench]:
    """A workbench before the service of the instance."""
    token = (instance.cache / "token").read_text().strip()
    bench = open_workbench(
        replace(read_settings(), cache=instance.cache, backend=instance.service, token=token, runs=None)
    )
    try:
        yield bench
    finally:
        bench.close()


@contextlib.contextmanager
def visiting(chromium: Any, *, height: int = 800) -> Iterator[Any]:
    """A browser of somebody's own, without cookies; of another ``height`` than others that are open."""
    with browser.tab(chromium, viewport={"width": 1280, "height": height}) as page:
        page.set_default_timeout(60_000)
        try:
            yield page
        finally:
            page.context.clear_cookies()


def log_in(page: Any, instance: Instance, user: str, link: str = "") -> None:
    """From the dashboard's door, where a ``link`` led to it, to the provider and back."""
    page.goto(link or instance.address)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name=user).click()
    page.wait_for_url(f"{instance.address}/**")


def test_two_people_log_in_and_see_what_is_theirs(chromium: Any, instance: Instance, adas: TextSetInfo) -> None:
    link = f"{instance.address}/texts?texts={adas.spec.table}"
    with provider(instance.provider), visiting(chromium) as page:
        page.goto(link)
        expect(page.get_by_text("Log in to see")).to_be_visible()
        assert "adas lines" not in page.content()
        log_in(page, instance, ADA, link)
        expect(page.get_by_text(f"Logged in as {ADA}.")).to_be_visible()
        page.wait_for_url(
            f"{instance.address}/texts?**"
        )  # the login itself comes back to the first page, and that leads on
        expect(page.get_by_text("only Ada may read line 3")).to_be_attached()
        expect(page.get_by_text("Share with everyone here")).to_be_visible()
        with visiting(chromium, height=820) as other:
            log_in(other, instance, BEN)
            expect(other.get_by_text(f"Logged in as {BEN}, who looks after this instance.")).to_be_visible()
            other.goto(link)
            expect(other.get_by_text("is not shared with you, or not here")).to_be_visible()
            assert "adas lines" not in other.content() and "only Ada" not in other.content()
            page.get_by_text("Share with everyone here").click()
            time.sleep(1)
            other.goto(link)
            expect(other.get_by_text("only Ada may read line 3")).to_be_attached()
            expect(other.get_by_text(f"Shared with everyone here by {ADA}.")).to_be_visible()
            expect(other.get_by_text("Share with everyone here")).to_have_count(0)
            page.get_by_text("Share with everyone here").click()  # and take it back
            time.sleep(2)  # a page is told the same for a second
            other.goto(link)
            expect(other.get_by_text("is not shared with you, or not here")).to_be_visible()
            assert "only Ada" not in other.content()
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url(lambda url: not url.startswith(f"{instance.address}/texts"))  # by way of the provider
        page.goto(instance.address)
        expect(page.get_by_role("button", name="Log in")).to_be_visible()


def test_what_two_people_share_and_take_back_on_the_other_pages(
    chromium: Any, instance: Instance, adas: TextSetInfo
) -> None:
    """Vectors on Models and a saved selection: each seen by the other only while it is shared."""
    with bench_of(instance) as bench, asked_by(Person(ADA)):
        bench.share("texts", adas.spec.table)
        rows = np.random.default_rng(0).normal(size=(1, adas.spec.n_rows, 6)).astype(np.float32)
        bench.add_vectors(rows, name="adas-vectors", texts=adas)
        bench.save_rows(adas, "adas odd ones", [1, 3, 5])
    models = f"{instance.address}/models?texts={adas.spec.table}"
    with provider(instance.provider), visiting(chromium) as page, visiting(chromium, height=820) as other:
        log_in(page, instance, ADA, models)
        log_in(other, instance, BEN, models)
        page.goto(models)
        page.get_by_role("tab", name="Own vectors").click()
        page.get_by_text("Whose they are, and sharing").click()
        is_shared = False
        for shared in (False, True, False):
            if shared != is_shared:
                page.get_by_text("Share with everyone here").click()
                looking.settled(page)
                time.sleep(2)  # a page is told the same for a second
                is_shared = shared
            other.goto(models)
            looking.settled(other)
            expect(other.locator("h1").first).to_be_visible()
            expect(other.get_by_text(f"Shared with everyone here by {ADA}.")).to_have_count(1 if shared else 0)
        for seen in (page, other):
            seen.goto(f"{instance.address}/profiles?texts={adas.spec.table}")
            looking.settled(seen)
            seen.get_by_role("button", name="Select").first.click()
            seen.get_by_text("Saved", exact=True).first.click()
            if seen is page:
                expect(seen.get_by_role("combobox", name="Saved")).to_have_value("adas odd ones (3)")
            else:
                expect(seen.get_by_text("Nothing is saved yet.")).to_be_visible()
                assert "adas odd ones" not in seen.content()
    with bench_of(instance) as bench, asked_by(Person(ADA)):
        bench.share("texts", adas.spec.table, False)


def test_whoever_is_not_allowed_stays_at_the_door(chromium: Any, instance: Instance) -> None:
    with provider(instance.provider), visiting(chromium) as page:
        log_in(page, instance, EVE)
        expect(page.get_by_text("@elsewhere.org is not allowed here.")).to_be_visible()
        page.goto(f"{instance.address}/jobs")
        expect(page.get_by_text("@elsewhere.org is not allowed here.")).to_be_visible()
        expect(page.get_by_role("button", name="Log out")).to_be_visible()


def test_a_login_that_has_expired_is_asked_for_again(chromium: Any, instance: Instance) -> None:
    with provider(instance.provider, seconds=20), visiting(chromium) as page:
        log_in(page, instance, ADA)
        expect(page.get_by_text(f"Logged in as {ADA}.")).to_be_visible()
        time.sleep(20)
        page.goto(f"{instance.address}/texts")
        expect(page.get_by_text("Your login has expired.")).to_be_visible()
        expect(page.get_by_role("button", name="Log in")).to_be_visible()


def test_no_other_name_and_no_frame_of_another_site_leads_to_the_dashboard(instance: Instance) -> None:
    def answer(host: str) -> tuple[int, Any]:
        request = urllib.request.Request(f"{instance.address}/", headers={"Host": host})
        try:
            with urllib.request.urlopen(request, timeout=20) as found:
                return found.status, found.headers
        except urllib.error.HTTPError as error:
            return error.code, error.headers

    port = instance.address.rpartition(":")[2]
    status, headers = answer(f"127.0.0.1:{port}")
    assert status == 200 and headers["X-Frame-Options"] == "SAMEORIGIN"
    assert headers["Content-Security-Policy"] == "frame-ancestors 'self'"
    assert answer(f"localhost:{port}")[0] == 200
    for name in (f"rebound.example:{port}", "rebound.example", f"127.0.0.1.rebound.example:{port}"):
        assert answer(name)[0] == 421
