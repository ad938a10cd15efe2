"""The document that a browser gets first: it names the chart library and the parts of Streamlit that pages are made of."""

import re
from pathlib import Path

import httpx
import pytest
from streamlit import config, file_util
from streamlit.web.server.starlette.starlette_static_routes import create_streamlit_static_handler

from pages._kit import ahead
from pages._kit.library import SCRIPT
from pages._kit.show.plot import JAVASCRIPT
from tests.loops import run_apart

STATIC = Path(file_util.get_static_dir())


def answer(path: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    """What a server with Streamlit's own files answers."""
    app = ahead.Ahead(create_streamlit_static_handler(str(STATIC), None), SCRIPT)

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
            return await client.request(method, path, headers={"accept-encoding": "identity"})

    said = run_apart(ask())
    return said.status_code, dict(said.headers), said.content


@pytest.mark.parametrize("path", ["/", "/similarity"])
def test_the_document_names_what_every_page_needs(path: str) -> None:
    status, headers, body = answer(path)
    own = (STATIC / "index.html").read_text("utf-8")
    document = body.decode()
    head, rest = document.split("</head>")
    assert status == 200
    assert int(headers["content-length"]) == len(body)
    assert not {"etag", "last-modified"} & set(headers)
    assert rest == own.split("</head>")[1]
    assert head.startswith(own.split("</head>")[0])
    added = re.findall(
        r'modulepreload" crossorigin href="\./static/js/([^"]+)"', head.removeprefix(own.split("</head>")[0])
    )
    assert all((STATIC / "static/js" / name).is_file() for name in added)
    assert not [name for name in added if name in own], "named twice"
    for part in ahead.PARTS:
        assert any(name.startswith(f"{part}.") for name in added), f"Streamlit's build has no {part}"
    assert head.count(f'"./{SCRIPT}"') == 2  # fetched early, run in the pause
    assert ("BACKEND_BASE_URL" in head) == (path != "/")


def test_other_answers_go_through_as_they_are() -> None:
    script = next((STATIC / "static/js").glob("BidiComponent.*.js"))
    assert answer(f"/static/js/{script.name}")[2] == script.read_bytes()
    status, headers, body = answer("/", "HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) == (STATIC / "index.html").stat().st_size


def test_without_a_library_only_the_parts_are_named() -> None:
    assert "script.src" not in ahead.head_of("")
    assert "BidiComponent" in ahead.head_of("")


def test_the_chart_component_waits_for_the_script_of_the_document() -> None:
    assert f'getElementById("{ahead.SCRIPT_ID}")' in JAVASCRIPT


@pytest.mark.parametrize(
    ("base", "path", "says"),
    [
        ("", "/", False),
        ("", "/rogue", True),
        ("", "/rogue/", True),
        ("team/maps", "/team/maps", False),
        ("team/maps", "/team/maps/", False),
        ("/team/maps/", "/team/maps/rogue", True),
    ],
)
def test_a_page_below_the_root_says_where_the_server_is(base: str, path: str, says: bool) -> None:
    """At its root a browser asks the right address first; a line that is relative to it would be wrong without the last slash."""
    before = config.get_option("server.baseUrlPath")
    try:
        config.set_option("server.baseUrlPath", base)
        assert ("BACKEND_BASE_URL" in ahead.server_of(path)) == says
    finally:
        config.set_option("server.baseUrlPath", before)
