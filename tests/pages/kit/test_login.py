"""Who may come in: by the claims of a token or the headers of a proxy, and which addresses are served without a login."""

import gc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import streamlit as st

from backend import NOBODY, Person, Settings, asking, read_settings
from pages._kit.state import login
from pages._kit.state.login import (
    LOOPBACK,
    admitted,
    hosts,
    known_by_provider,
    known_by_proxy,
    unsafe,
)

NOW = 1_700_000_000.0


@pytest.fixture
def own() -> Settings:
    """Settings of an instance that lets here.org and one guest in."""
    return replace(
        read_settings(), allow=("here.org", "guest@else.org"), admins=("boss@here.org",), user_secret="known"
    )


@pytest.mark.parametrize(
    ("email", "inside"),
    [
        ("ada@here.org", True),
        ("guest@else.org", True),
        ("other@else.org", False),
        ("ada@here.org.evil.com", False),
        ("ada@sub.here.org", False),
        ("here.org", False),
        ("@here.org", False),
        ("", False),
        ("ada@evil.com@here.org", False),
    ],
)
def test_addresses_and_domains_are_allowed_whole(email: str, inside: bool, own: Settings) -> None:
    assert admitted(email, own.allow) is inside
    found = known_by_provider({"is_logged_in": True, "email": email}, own, NOW)
    assert (found.person is not None) is inside
    assert not admitted(email or "x@y", ())
    assert admitted("any@one.net", ("*",))


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({}, ""),
        ({"is_logged_in": False, "email": "ada@here.org"}, ""),
        ({"is_logged_in": "true", "email": "ada@here.org"}, ""),
        ({"is_logged_in": True}, "does not say your address"),
        ({"is_logged_in": True, "email": "ada@here.org", "email_verified": False}, "not verified"),
        ({"is_logged_in": True, "email": "eve@elsewhere.org"}, "is not allowed here"),
        ({"is_logged_in": True, "email": "ada@here.org", "exp": NOW - 1}, "expired"),
        ({"is_logged_in": True, "email": "ada@here.org", "exp": NOW}, "expired"),
    ],
)
def test_whoever_is_not_known_well_enough_stays_outside(claims: dict[str, Any], said: str, own: Settings) -> None:
    found = known_by_provider(claims, own, NOW)
    assert found.person is None and said in found.problem
    assert found.ask == (said in ("", "expired"))


def test_a_provider_names_a_person_and_whether_they_look_after_the_instance(own: Settings) -> None:
    ada = {"is_logged_in": True, "email": "Ada@Here.org", "name": "Ada L.", "exp": NOW + 1, "email_verified": True}
    assert known_by_provider(ada, own, NOW).person == Person("ada@here.org", "Ada L.")
    odd = known_by_provider({**ada, "name": "\u202eA\0d\na" + "a" * 999}, own, NOW).person
    assert odd is not None and odd.name.isprintable() and len(odd.name) < 200
    boss = known_by_provider({"is_logged_in": True, "email": "boss@here.org"}, own, NOW).person
    assert boss is not None and boss.admin


@pytest.mark.parametrize(
    ("names", "secrets", "inside"),
    [
        (["ada@here.org"], ["known"], True),
        (["ada@here.org"], [], False),
        (["ada@here.org"], ["guessed"], False),
        (["ada@here.org"], ["known", "known"], False),
        (["ada@here.org", "boss@here.org"], ["known"], False),
        ([], ["known"], False),
        ([" "], ["known"], False),
        (["eve@elsewhere.org"], ["known"], False),
    ],
)
def test_a_proxy_is_believed_with_its_secret_and_one_name(
    names: list[str], secrets: list[str], inside: bool, own: Settings
) -> None:
    assert (known_by_proxy(names, secrets, own).person is not None) is inside


def test_other_addresses_are_served_with_a_login_or_on_demand_alone(own: Settings) -> None:
    plain = replace(own, open=0, user_header="", user_secret="", hosts=(), allow=(), admins=())
    for address in LOOPBACK:
        assert unsafe(plain, address) == ("", "") and hosts(plain, address) == LOOPBACK
    for address in ("0.0.0.0", "192.168.0.7", "::", None, ""):
        message, hint = unsafe(plain, address)
        assert "without a login" in message and "EMBEDSCOPE_OPEN=1" in hint
        assert unsafe(replace(plain, open=1), address) == ("", "")
        proxied = replace(plain, user_header="X-User")
        assert "EMBEDSCOPE_USER_SECRET" in unsafe(proxied, address)[1]
        assert unsafe(replace(proxied, user_secret="known"), address) == ("", "")
    assert unsafe(replace(plain, user_header="X-User"), "127.0.0.1") == ("", "")
    assert hosts(plain, "0.0.0.0") == ("*",)
    assert hosts(replace(plain, hosts=("embed.here.org",)), "0.0.0.0") == ("embed.here.org", *LOOPBACK)


def test_a_login_that_is_meant_but_not_set_up_lets_nobody_in(
    own: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plain = replace(own, user_header="", open=1)
    assert "not how people log in" in unsafe(plain, "127.0.0.1")[0]
    silent = replace(plain, allow=(), admins=())
    assert unsafe(silent, "127.0.0.1") == ("", "")
    broken = tmp_path / "secrets.toml"
    broken.write_text("[auth\nclient_id = ")
    monkeypatch.setattr(st, "get_option", lambda name: [str(broken)])
    assert "could be read" in unsafe(silent, "127.0.0.1")[0]


def test_who_asks_is_known_for_good_whatever_caches_are_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "_SAYING", [])
    monkeypatch.setattr(login, "way", lambda settings: "oidc")
    try:
        login.say_who_asks()
        login.say_who_asks()
        assert asking() == login.STRANGER, "a thread of no session asks for nobody, not for whoever runs the machine"
        st.cache_resource.clear()
        gc.collect()
        assert asking() == login.STRANGER
    finally:
        login._SAYING.pop().__exit__(None, None, None)
    assert not login._SAYING
    monkeypatch.undo()  # pages that were opened before in this process go on saying who asks, by the settings as they are
    assert asking() == NOBODY
