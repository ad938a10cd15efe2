"""What a container engine asks: the command ``healthy``, against a real service and a page that answers or does not."""

import http.server
import threading
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from backend import ServiceError, Settings, read_settings
from backend.service.healthy import require_health
from tests.conftest import Service


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/_stcore/health" else 404)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *arguments: object) -> None:
        """Nothing: a test is quiet."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = http.server.HTTPServer(("127.0.0.1", 0), _Page)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()


def _settings(service: Service, port: int) -> Settings:
    there = urlsplit(service.address).port
    assert there
    return replace(read_settings(), backend="", token=service.token, service_port=there, port=port)


def test_both_parts_answer(service: Service, port: int) -> None:
    assert require_health(_settings(service, port)) == {"dashboard": "ok", "service": "ok"}


@pytest.mark.parametrize(
    ("wrong", "part"), [({"port": 1}, "dashboard"), ({"service_port": 1}, "service"), ({"token": "no"}, "service")]
)
def test_the_part_that_does_not_answer_is_named(service: Service, port: int, wrong: dict, part: str) -> None:
    with pytest.raises(ServiceError, match=f"The {part} does not answer"):
        require_health(replace(_settings(service, port), **wrong))
