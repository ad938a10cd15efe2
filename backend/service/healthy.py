"""Whether a running Embedscope answers: what a container engine asks every half minute."""

from backend.bench.wiring import service_health
from backend.errors import ServiceError
from backend.jobs.client import NO_PROXY
from backend.settings import Settings

_SECONDS = 5  # an engine waits longer for the command than both answers together take


def require_health(settings: Settings) -> dict[str, str]:
    """What the dashboard and the service say of themselves, as ``{"dashboard": ..., "service": ...}``.

    Asks this machine, whatever address the dashboard is open to. Raises ServiceError, with the part that does not answer or is not
    well.
    """
    page = _page(settings.port)
    try:
        service = service_health(settings)
    except ServiceError as error:
        raise ServiceError(f"The service does not answer: {error.message}", "See the log.") from None
    if service.get("status") != "ok":
        said = ": ".join(service[key] for key in ("status", "trouble") if service.get(key))
        raise ServiceError(f"The service says: {said or 'nothing'}.", "See its log, and the page Jobs.")
    return {"dashboard": page, "service": "ok"}


def _page(port: int) -> str:
    address = f"http://127.0.0.1:{port}/_stcore/health"
    try:
        with NO_PROXY.open(address, timeout=_SECONDS) as answer:
            content: bytes = answer.read()
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise ServiceError(f"The dashboard does not answer at {address}: {reason}.", "See the log.") from None
    return content.decode(errors="replace").strip()
