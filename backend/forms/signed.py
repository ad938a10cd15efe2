"""Signing the person who asks into a request to the service, and believing it there: HMAC-SHA256 with the service's token."""

import hashlib
import hmac
import json
import time

from backend.errors import ServiceError
from backend.values.people import NOBODY, Person

HEADER = "X-Embedscope-Person"
MOST_AGE = 120.0  # seconds that a request may be under way; the clocks of two machines may differ as much
_MOST_TEXT = 320  # characters of an id or a name: the longest address of e-mail


def signed(person: Person, method: str, path: str, token: str) -> str:
    """The value of HEADER for one request; "" for NOBODY, who needs none: whoever has the token runs the machine."""
    if person == NOBODY:
        return ""
    data = {"id": person.id, "name": person.name[:_MOST_TEXT], "admin": person.admin, "time": time.time()}
    text = json.dumps(data)
    return f"{_mark(text, method, path, token)} {text}"


def person_of(header: str | None, method: str, path: str, token: str) -> Person:
    """The person of a request, NOBODY where the header is absent.

    Raises ServiceError for a header that was not signed with ``token`` for this request, or is too old.
    """
    if header is None:
        return NOBODY
    mark, _, text = header.partition(" ")
    if not hmac.compare_digest(mark.encode(), _mark(text, method, path, token).encode()):
        raise ServiceError("The person who asks was not signed with the service's token.", "Check EMBEDSCOPE_TOKEN.")
    try:
        data = json.loads(text)
        person, sent = Person(str(data["id"]), str(data["name"]), data["admin"] is True), float(data["time"])
    except (ValueError, KeyError, TypeError):
        raise ServiceError("Who asks is said in a form that is not known here.", "Update Embedscope.") from None
    if not abs(time.time() - sent) <= MOST_AGE:
        raise ServiceError(
            f"The request is {abs(time.time() - sent):,.0f} s old, or the clocks of two machines differ.",
            "Set the clocks, then try again.",
        )
    if not 0 < len(person.id) <= _MOST_TEXT:
        raise ServiceError("The person who asks has no id.", "Log in again.")
    return person


def _mark(text: str, method: str, path: str, token: str) -> str:
    body = "\n".join((method, path, text)).encode("utf-8", "surrogatepass")
    return hmac.new(token.encode(), body, hashlib.sha256).hexdigest()
