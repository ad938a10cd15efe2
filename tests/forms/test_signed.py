"""Who asks is believed only where it was signed with the token, for this very request, a moment ago."""

import json
import time

import pytest

from backend.errors import ServiceError
from backend.forms import signed as module
from backend.forms.signed import MOST_AGE, person_of, signed
from backend.values.people import NOBODY, Person

ADA = Person("ada@here.org", "Ada Žižek", admin=True)


def test_a_signed_person_is_the_same_on_the_other_side() -> None:
    header = signed(ADA, "GET", "/textsets", "the token")
    assert header.isascii() and "\n" not in header
    assert person_of(header, "GET", "/textsets", "the token") == ADA
    assert signed(NOBODY, "GET", "/textsets", "the token") == ""
    assert person_of(None, "GET", "/textsets", "the token") == NOBODY


@pytest.mark.parametrize(
    ("method", "path", "token"),
    [("DELETE", "/textsets", "the token"), ("GET", "/jobs", "the token"), ("GET", "/textsets", "another token")],
)
def test_a_person_signed_for_another_request_or_with_another_token_is_refused(
    method: str, path: str, token: str
) -> None:
    header = signed(ADA, "GET", "/textsets", "the token")
    with pytest.raises(ServiceError, match="not signed"):
        person_of(header, method, path, token)


def test_a_person_that_nobody_signed_or_that_was_changed_is_refused() -> None:
    header = signed(Person("ben@here.org"), "GET", "/jobs", "the token")
    for changed in (
        "",
        header.partition(" ")[2],
        header.replace("ben@", "ada@"),
        header.replace('"admin": false', '"admin": true'),
        "0" * 64 + " " + json.dumps({"id": "ada@here.org", "name": "", "admin": True, "time": time.time()}),
        "é " + header,
    ):
        with pytest.raises(ServiceError, match="not signed"):
            person_of(changed, "GET", "/jobs", "the token")


@pytest.mark.parametrize("text", ["[]", "{}", "no json", '{"id": 1}'])
def test_what_is_signed_but_no_person_is_refused(text: str) -> None:
    header = f"{module._mark(text, 'GET', '/jobs', 'the token')} {text}"
    with pytest.raises(ServiceError, match="not known here"):
        person_of(header, "GET", "/jobs", "the token")


@pytest.mark.parametrize("seconds", [MOST_AGE + 5, -MOST_AGE - 5, float("nan")])
def test_an_old_person_is_refused(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(module.time, "time", lambda: now - seconds)
    header = signed(ADA, "GET", "/jobs", "the token")
    monkeypatch.setattr(module.time, "time", lambda: now)
    with pytest.raises(ServiceError, match="old"):
        person_of(header, "GET", "/jobs", "the token")
