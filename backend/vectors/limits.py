"""How much a file of vectors may hold: bytes, rows, dimensions, layers."""

from dataclasses import dataclass

from backend.errors import InvalidRequest
from backend.settings import SETTINGS, Settings

_DEFAULTS = {setting.name: setting.default for setting in SETTINGS}
_AS_FLOAT32 = 2  # float16 and bfloat16 take twice as much once they are kept
MOST_DIMS, MOST_LAYERS = 65_536, 1_000


@dataclass(frozen=True, slots=True)
class VectorLimits:
    """The limits in force, as in the settings EMBEDSCOPE_MAX_VECTOR_BYTES and EMBEDSCOPE_MAX_ROWS."""

    max_bytes: int = _DEFAULTS["EMBEDSCOPE_MAX_VECTOR_BYTES"]
    max_rows: int = _DEFAULTS["EMBEDSCOPE_MAX_ROWS"]

    @classmethod
    def of(cls, settings: Settings) -> "VectorLimits":
        """The limits that ``settings`` give."""
        return cls(settings.max_vector_bytes, settings.max_rows)

    def check_bytes(self, n_bytes: int) -> None:
        """Raise InvalidRequest where a file has more bytes than are read."""
        if n_bytes > self.max_bytes:
            raise InvalidRequest(
                f"The file of vectors has {n_bytes:,} bytes; the limit is {self.max_bytes:,} (EMBEDSCOPE_MAX_VECTOR_BYTES).",
                "Save fewer layers or rows, save them as float16, or raise the setting.",
            )

    def check_shape(self, n_layers: int, n_rows: int, n_dims: int) -> None:
        """Raise InvalidRequest where so many layers of that shape are over a limit, or where there is nothing in them."""
        if not (n_layers and n_rows and n_dims):
            raise InvalidRequest(
                f"The vectors are {n_rows:,} rows of {n_dims:,} dimensions: there is nothing in them.",
                "Give a row for each text, and at least one dimension.",
            )
        if n_rows > self.max_rows:
            raise InvalidRequest(
                f"The vectors have {n_rows:,} rows; the limit is {self.max_rows:,} (EMBEDSCOPE_MAX_ROWS).",
                "Use only some of the rows, or raise the setting.",
            )
        for count, most, what in ((n_dims, MOST_DIMS, "dimensions"), (n_layers, MOST_LAYERS, "layers")):
            if count > most:
                raise InvalidRequest(
                    f"The vectors have {count:,} {what}; the limit is {most:,}.",
                    "The order is layers, then rows (one for each text), then dimensions.",
                )
        n_bytes = 4 * n_layers * n_rows * n_dims
        if n_bytes > _AS_FLOAT32 * self.max_bytes:
            raise InvalidRequest(
                f"The vectors take {n_bytes:,} bytes as float32 ({n_layers:,} x {n_rows:,} x {n_dims:,} numbers); the limit "
                f"is {_AS_FLOAT32 * self.max_bytes:,}, {_AS_FLOAT32} times EMBEDSCOPE_MAX_VECTOR_BYTES.",
                "Save fewer layers or rows, or raise the setting.",
            )
