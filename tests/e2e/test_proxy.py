"""Behind a real nginx with TLS, by the example in deploy/nginx.conf: upload, a long job, the proxy lost and back again."""

import re
import shutil
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.e2e import looking
from tests.e2e.stack import ROOT, free_ports
from tests.e2e.test_texts import table, upload
from tests.pages.browser import tab as opened_tab

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
pytestmark = pytest.mark.skipif(
    not (NGINX and shutil.which("openssl")), reason="no nginx, or no openssl, on this machine"
)
WHOLE = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/embedscope.conf;
}}
"""


class Proxy:
    """An nginx on a free port, configured by the example with its lines "yours" filled in."""

    def __init__(self, folder: Path, dashboard: str) -> None:
        plain, port = free_ports(2)
        self.address, self._folder = f"https://localhost:{port}", folder
        certificate, key = folder / "tls.crt", folder / "tls.key"
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
        subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
        text = (ROOT / "deploy" / "nginx.conf").read_text()
        for line, ours in (
            ("listen 80;", f"listen 127.0.0.1:{plain};"),
            ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
            ("server_name embedscope.example.org;", "server_name localhost;"),
            ("/etc/nginx/tls/embedscope.crt", str(certificate)),
            ("/etc/nginx/tls/embedscope.key", str(key)),
            ("http://127.0.0.1:8501", f"http://{urlsplit(dashboard).netloc}"),
        ):
            assert line in text
            text = text.replace(line, ours)
        (folder / "embedscope.conf").write_text(text)
        (folder / "nginx.conf").write_text(WHOLE.format(folder=folder))
        self.start()

    def start(self) -> None:
        assert NGINX
        command = [
            NGINX,
            "-p",
            str(self._folder),
            "-e",
            str(self._folder / "error.log"),
            "-c",
            str(self._folder / "nginx.conf"),
        ]
        self._process = subprocess.Popen(command)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                self.ask("/_stcore/health")
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError((self._folder / "error.log").read_text())

    def ask(self, path: str) -> Any:
        trusting = ssl._create_unverified_context()  # a certificate of our own, for this test alone
        return urllib.request.urlopen(self.address + path, timeout=5, context=trusting)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)


@pytest.fixture
def proxy(address: str, tmp_path: Path) -> Iterator[Proxy]:
    one = Proxy(tmp_path, address)
    yield one
    one.stop()


@pytest.fixture
def outside(chromium: Any) -> Iterator[Any]:
    """A tab that takes the proxy's own certificate."""
    with opened_tab(chromium, viewport={"width": 1280, "height": 800}, ignore_https_errors=True) as page:
        page.set_default_timeout(90_000)
        yield page


def test_what_nobody_may_do_is_said_in_the_headers(proxy: Proxy) -> None:
    with proxy.ask("/") as answer:
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert "max-age" in answer.headers["Strict-Transport-Security"]
    with pytest.raises(urllib.error.HTTPError) as refused:
        proxy.ask("/_stcore/metrics")
    assert refused.value.code == 404


@pytest.mark.timeout(600)
def test_upload_a_long_job_and_a_proxy_that_comes_back(proxy: Proxy, outside: Any) -> None:
    refused: list[str] = []
    outside.on("console", lambda said: refused.append(said.text) if "Content Security Policy" in said.text else None)
    outside.goto(f"{proxy.address}/texts")
    looking.opened(outside, "Texts")
    upload(outside, "through the proxy.csv", table(1900))
    outside.get_by_text("1,900 rows").wait_for()
    looking.settled(outside)
    outside.locator(".st-key-add_save button").click()
    outside.get_by_text("Saved 'through the proxy' with 1,900 texts.").wait_for()
    looking.go(outside, "Similarity")
    begun = outside.locator("[class*='_run'] button, [data-testid=stProgress]").first  # short work starts by itself
    begun.wait_for(timeout=looking.RUN_MS)
    if outside.locator("[data-testid=stProgress]").count() == 0:
        begun.click()
    outside.get_by_text(re.compile(r"of 1,900")).first.wait_for()
    proxy.stop()
    outside.locator("[data-testid=stApp]:not([data-test-connection-state=CONNECTED])").wait_for()
    proxy.start()
    looking.figures(outside).first.wait_for(timeout=2 * looking.RUN_MS)
    assert "texts=through" in outside.url
    assert outside.locator("[data-testid=stException]").count() == 0
    looking.go(outside, "Rogue dimensions")
    looking.opened(outside, "Rogue dimensions")
    looking.settled(outside)
    assert refused == []
