"""What went wrong, in a form that a person can act on: a message with the values and a hint with the remedy."""


class EmbedscopeError(Exception):
    """Base of every error that a user may see: what happened (with the values) and what to do about it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

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
