"""How much a text set may hold: bytes of the file, rows, characters of one text."""

from dataclasses import dataclass

from backend.errors import TextSetError
from backend.settings import SETTINGS, Settings

_DEFAULTS = {setting.name: setting.default for setting in SETTINGS}
_UNPACKING = 5  # a compressed file may unpack to this many times the bytes a file may have
_BLANKS = 5  # blank lines, to the rows that a table may have
_MAX_COLUMNS = 10_000
LONGEST_CLASS = 1_000  # characters; lists of text sets hold the classes of their labels
MOST_CELLS = (
    5_000_000  # rows x columns: 25 columns at the usual limit of rows; each takes some 80 bytes while a file is read
)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits in force, as in the settings EMBEDSCOPE_MAX_UPLOAD_BYTES, _MAX_ROWS and _MAX_TEXT_CHARS."""

    max_bytes: int = _DEFAULTS["EMBEDSCOPE_MAX_UPLOAD_BYTES"]
    max_rows: int = _DEFAULTS["EMBEDSCOPE_MAX_ROWS"]
    max_text_chars: int = _DEFAULTS["EMBEDSCOPE_MAX_TEXT_CHARS"]

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """The limits that ``settings`` give."""
        return cls(settings.max_upload_bytes, settings.max_rows, settings.max_text_chars)

    def check_bytes(self, n_bytes: int, what: str) -> None:
        """Raise TextSetError where ``n_bytes`` is over the limit."""
        if n_bytes > self.max_bytes:
            raise TextSetError(
                f"{what} has {n_bytes:,} bytes; the limit is {self.max_bytes:,} (EMBEDSCOPE_MAX_UPLOAD_BYTES).",
                "Split the file, leave out columns that are not needed, or raise the setting.",
            )

    def check_rows(self, n_rows: int, *, at_least: bool = True) -> None:
        """Raise TextSetError where ``n_rows`` is over the limit; ``at_least``: counting stopped there."""
        if n_rows > self.max_rows:
            count = f"more than {self.max_rows:,} rows" if at_least else f"{n_rows:,} rows"
            raise TextSetError(
                f"The table has {count}; the limit is {self.max_rows:,} (EMBEDSCOPE_MAX_ROWS).",
                "Use only some of the rows, or raise the setting.",
            )

    def check_blank(self, n_blank: int) -> None:
        """Raise TextSetError for a file of hardly anything but blank lines."""
        if n_blank > _BLANKS * self.max_rows:
            raise TextSetError(
                f"The file has more than {_BLANKS * self.max_rows:,} blank lines: {_BLANKS} times the limit of rows"
                " (EMBEDSCOPE_MAX_ROWS).",
                "Remove the blank lines.",
            )

    def check_in_sentences(self, n_chars: int) -> None:
        """Raise TextSetError where the sentences of words, each as often as it has words, together hold too much."""
        if n_chars > _UNPACKING * self.max_bytes:
            raise TextSetError(
                f"Words times the characters of their sentences are more than {_UNPACKING * self.max_bytes:,} in all;"
                f" the limit is {_UNPACKING} times {self.max_bytes:,} (EMBEDSCOPE_MAX_UPLOAD_BYTES).",
                "Cut very long sentences into shorter ones, use only some of them, or raise the setting.",
            )

    def check_unpacked(self, n_chars: int) -> None:
        """Raise TextSetError where the cells of a compressed or remote table together hold too much."""
        if n_chars > _UNPACKING * self.max_bytes:
            raise TextSetError(
                f"The cells hold more than {_UNPACKING * self.max_bytes:,} characters in all;"
                f" the limit is {_UNPACKING} times {self.max_bytes:,} (EMBEDSCOPE_MAX_UPLOAD_BYTES).",
                "Use only some of the rows or columns, or raise the setting.",
            )


def check_cells(n_rows: int, n_columns: int) -> None:
    """Raise TextSetError for a table with more cells than any text set needs."""
    if n_columns > _MAX_COLUMNS:
        raise TextSetError(
            f"The table has {n_columns:,} columns; the limit is {_MAX_COLUMNS:,}.",
            "Check the separator and the line ends, or leave out columns that are not needed.",
        )
    if n_rows * n_columns > MOST_CELLS:
        raise TextSetError(
            f"The table has {n_rows:,} rows and {n_columns:,} columns: more than {MOST_CELLS:,} cells.",
            "Leave out columns that are not needed.",
        )
