"""What the files of a model say of its past: which rows it was trained on by runs of fine-tuning."""

from pathlib import Path

from backend.errors import ModelError
from backend.models.cards import MADE_HERE
from backend.models.resolve import ModelFiles
from backend.values.history import ROWS_FILE, History, history_of

_CARD = "README.md"
_MOST_OF_A_CARD = 4_096  # bytes; the sentence stands at its beginning


def read_history(files: ModelFiles) -> History:
    """The fine-tunings behind a model; of an adapter, also those behind the model that it is on.

    A folder with the card of a run and without the list of its rows counts as a fine-tuning of unknown rows. Raises
    ModelError where the list is damaged.
    """
    folders = [folder for folder in (files.folder, files.adapter, files.package) if folder is not None]
    found = History()
    for folder in dict.fromkeys(folders):
        found += _of_folder(folder, files.name)
    return found


def _of_folder(folder: Path, name: str) -> History:
    try:
        if (folder / ROWS_FILE).is_file():
            return history_of((folder / ROWS_FILE).read_text("utf-8"), name)
        with (folder / _CARD).open("rb") as file:
            card = file.read(_MOST_OF_A_CARD)
    except FileNotFoundError:
        return History()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise ModelError(f"A file of '{name}' cannot be read: {reason}.", "Check its permissions.") from None
    return History(unknown=(name,)) if MADE_HERE.encode() in card else History()
