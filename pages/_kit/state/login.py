"""Who is looking: whoever runs the machine where nobody has to log in, else whom an OpenID Connect provider or a proxy names.

Streamlit logs in (``[auth]`` in .streamlit/secrets.toml); a proxy that has logged people in says whom in a header. Which
of them may come in, and until when, is looked at in every run.
"""

import hmac
import math
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from backend import NOBODY, Person, Settings, asked_through, only_seen, read_settings

LOOPBACK = ("127.0.0.1", "localhost", "::1")
SECRET_HEADER = "X-Embedscope-Proxy"
STRANGER = Person("nobody who has logged in")  # for whom only what is everyone's is there
GIVEN = "_person_given"  # in a session that the dashboard itself opens for somebody
_MOST_NAME = 100  # characters of what a provider calls somebody
_LAST = "_person_of_this_session"
_SAYING: list[AbstractContextManager[None]] = []


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks at a page; without a ``person`` why not: ``problem`` and ``hint``, and whether to ``ask`` to log in."""

    person: Person | None = None
    problem: str = ""
    hint: str = ""
    ask: bool = False


def way(settings: Settings) -> str:
    """How people log in: "proxy", "oidc", or "" where they need not."""
    if settings.user_header:
        return "proxy"
    return "oidc" if st.secrets.load_if_toml_exists() and "auth" in st.secrets else ""


def unsafe(settings: Settings, address: str | None) -> tuple[str, str]:
    """What is wrong with serving ``address`` (None: all of them) by these settings, and what to do; two empty strings if nothing is."""
    here, by = address in LOOPBACK, way(settings)
    if not by and (settings.allow or settings.admins or _secrets_exist()):
        return (
            "Who may come in is said, but not how people log in: there is no [auth] in secrets.toml that could be read.",
            "Write or repair it (docs/login.md), or set EMBEDSCOPE_USER_HEADER; or unset EMBEDSCOPE_ALLOW and EMBEDSCOPE_ADMINS and "
            "move secrets.toml away.",
        )
    if by == "proxy" and not here and not settings.user_secret:
        return (
            f"A user's name in the header {settings.user_header} would be believed of anyone who reaches {address or 'this machine'}.",
            f"Set EMBEDSCOPE_USER_SECRET, and let the proxy send it as {SECRET_HEADER}; or serve 127.0.0.1 only.",
        )
    if by or here or settings.open:
        return "", ""
    return (
        f"The dashboard would serve {address or 'every address of this machine'} without a login: anyone who reaches it could see "
        "and change everything.",
        "Set up a login (docs/login.md), or set EMBEDSCOPE_OPEN=1 if that is what you want, for example in a container whose "
        "port is published on 127.0.0.1 alone.",
    )


def hosts(settings: Settings, address: str | None) -> tuple[str, ...]:
    """The names by which the dashboard may be called: on this machine alone its own, so that no other name leads to it."""
    if settings.hosts:
        return (*settings.hosts, *LOOPBACK)
    by = way(settings)
    if address not in LOOPBACK or by == "proxy":
        return ("*",)
    back = str(st.secrets["auth"].get("redirect_uri", "")) if by == "oidc" else ""
    name = back.partition("://")[2].partition("/")[0].rpartition("@")[2].partition(":")[0]
    return (*LOOPBACK, name) if name else LOOPBACK


def admitted(email: str, allowed: tuple[str, ...]) -> bool:
    """Whether an address of e-mail is allowed, itself or by its domain; "*" allows whoever has logged in, under any name."""
    local, _, domain = email.partition("@")
    rules = {email, domain, f"@{domain}"} if local and domain and "@" not in domain else set()
    return any(rule == "*" or rule in rules for rule in allowed)


def known_by_provider(user: Mapping[str, Any], settings: Settings, now: float) -> Visitor:
    """Whom the claims of an identity token name, if they may come in at the time ``now``."""
    if user.get("is_logged_in") is not True:
        return Visitor(ask=True)
    expires = _number(user.get("exp"))
    if expires is not None and now >= expires:
        return Visitor(problem="Your login has expired.", hint="Log in again.", ask=True)
    email = str(user.get("email") or "").strip().casefold()
    if email.count("@") != 1 or user.get("email_verified") is False:
        what = f"has not verified the address {email}" if "@" in email else "does not say your address of e-mail"
        return Visitor(problem=f"Your login provider {what}.", hint="Use another account.")
    return _let_in(email, str(user.get("name") or ""), settings)


def known_by_proxy(names: list[str], secrets: list[str], settings: Settings) -> Visitor:
    """Whom the headers of a proxy name, if they may come in: one name, and one secret where that is set."""
    given = secrets[0] if len(secrets) == 1 else ""
    if settings.user_secret and not hmac.compare_digest(given.encode(), settings.user_secret.encode()):
        return Visitor(problem="This address is reached through the login proxy only.", hint="Use the proxy's address.")
    if len(names) != 1 or not names[0].strip():
        return Visitor(
            problem="The login proxy does not say who you are.", hint="Log in there, then load this page again."
        )
    return _let_in(names[0].strip().casefold(), "", settings)


def _let_in(email: str, name: str, settings: Settings) -> Visitor:
    if not admitted(email, settings.allow):
        return Visitor(
            problem=f"{email} is not allowed here.",
            hint="Ask whoever runs this instance (EMBEDSCOPE_ALLOW), or use another account.",
        )
    shown = only_seen(name)[:_MOST_NAME].strip()
    return Visitor(Person(email, shown or email, email in settings.admins))


def visitor() -> Visitor:
    """Who looks in this run."""
    given = st.session_state.get(GIVEN)
    if isinstance(given, Person):
        return Visitor(given)
    settings = read_settings()
    problem = unsafe(settings, st.get_option("server.address"))
    if problem[0]:
        return Visitor(problem=problem[0], hint=problem[1])
    by = way(settings)
    if by == "proxy":
        headers = st.context.headers
        return known_by_proxy(headers.get_all(settings.user_header), headers.get_all(SECRET_HEADER), settings)
    return known_by_provider(dict(st.user), settings, time.time()) if by == "oidc" else Visitor(NOBODY)


def person() -> Person:
    """The person of the session that this thread runs for, for every request to the service."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return NOBODY if not way(read_settings()) else STRANGER
    return visitor().person or STRANGER


def say_who_asks() -> None:
    """From now on the backend knows for whom each thread of this process asks: for good, whatever caches are cleared."""
    if not _SAYING:
        _SAYING.append(asked_through(person))
        _SAYING[-1].__enter__()


def enter() -> Visitor:
    """Who looks in this run; what another has left in the session of this tab goes."""
    found = visitor()
    before = st.session_state.get(_LAST)
    if before is not None and before != found.person:
        st.session_state.clear()
    if found.person is not None:
        st.session_state[_LAST] = found.person
    return found


def _secrets_exist() -> bool:
    """Whether there is a file of secrets, read or not: a mistake in it must not be taken for an instance without a login."""
    return any(Path(file).exists() for file in st.get_option("secrets.files"))


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
