"""Whether a running Embedscope answers: what a container engine asks every half minute."""

import json
import urllib.error
import urllib.request

from backend.bench.wiring import stored_token
from backend.errors import ServiceError
from backend.settings import Settings

_SECONDS = 5  # an engine waits longer for the command than both answers together take


def require_health(settings: Settings) -> dict[str, str]:
    """What the dashboard and the service say of themselves, as ``{"dashboard": ..., "service": ...}``.

    Asks this machine, whatever address the dashboard is open to. Raises ServiceError, with the part that does not answer or is not
    well.
    """
    page = _asked("dashboard", f"http://127.0.0.1:{settings.port}/_stcore/health").decode(errors="replace").strip()
    token = settings.token or stored_token(settings.cache, make=False)
    address = settings.backend or f"http://127.0.0.1:{settings.service_port}"
    service = json.loads(_asked("service", f"{address.rstrip('/')}/health", token))
    said = ": ".join(str(service[key]) for key in ("status", "trouble") if service.get(key))
    if service.get("status") != "ok":
        raise ServiceError(f"The service says: {said or 'nothing'}.", "See its log, and the page Jobs.")
    return {"dashboard": page, "service": said}


def _asked(what: str, address: str, token: str = "") -> bytes:
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
            content: bytes = answer.read()
            return content
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise ServiceError(f"The {what} does not answer at {address}: {reason}.", "See the log.") from None
