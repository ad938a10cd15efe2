"""What went wrong, in a form that a person can act on: a message with the values and a hint with the remedy."""

from backend.values.visible import visible


class EmbedscopeError(Exception):
    """Base of every error that a user may see: what happened (with the values) and what to do about it.

    The values may be names that people gave: what in them nobody sees, or a terminal would obey, is written out.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = visible(message)
        self.hint = visible(hint)

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class InvalidRequest(EmbedscopeError):
    """The request cannot be carried out as it stands: an unknown name, a parameter out of range, too few rows."""


class ModelError(EmbedscopeError):
    """A model could not be resolved, fetched or loaded."""


class TextSetError(EmbedscopeError):
    """A text set could not be read, or lacks what is asked of it."""


class StoreError(EmbedscopeError):
    """The store on disk refused an entry or could not take one."""


class ServiceError(EmbedscopeError):
    """The backend service cannot be reached, or refused the request."""


class ServiceLost(ServiceError):
    """The backend service does not answer: it was stopped, or is being started again."""


class Cancelled(EmbedscopeError):
    """The job was cancelled at a progress report."""

    def __init__(self, message: str = "The job was cancelled.", hint: str = "Run it again to start over.") -> None:
        super().__init__(message, hint)
