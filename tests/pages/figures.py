"""Reading what AppTest sees of a page: the JSON of its figures, and its words."""

import base64
import io
import json
from typing import Any

import numpy as np
import pandas as pd

from pages._kit.show.saving import File


def figure(at: Any, place: int = 0) -> dict[str, Any]:
    """The figure at this place on the page."""
    found: dict[str, Any] = json.loads(at.get("plotly_chart")[place].proto.spec)
    return found


def numbers(encoded: Any) -> Any:
    """An array of a figure: encoded as base64, or a plain list (null is NaN)."""
    if not isinstance(encoded, dict):
        return np.asarray(encoded, float)
    found = np.frombuffer(base64.b64decode(encoded["bdata"]), encoded["dtype"])
    return found.reshape([int(n) for n in encoded["shape"].split(",")]) if "shape" in encoded else found


def said(at: Any) -> str:
    """Everything that the page says, with the escapes of Markdown taken out."""
    kinds = (at.markdown, at.caption, at.info, at.error, at.title, at.subheader)
    return "\n".join(element.value for kind in kinds for element in kind).replace("\\", "")


def files_of(at: Any, key: str) -> list[str]:
    """The labels of the files that the menu of a figure offers, once it is open."""
    at.session_state[f"{key}_save"] = True
    at.run()
    assert not at.exception
    return [button.label for button in at.get("download_button")]


def names_a_path(file: File, path: str = "/small-world") -> bool:
    """Whether a file on offer, or its name, has ``path`` in it, but in a recipe, which needs it to run."""
    content = file.make()
    if file.name.endswith(".json"):
        words = json.dumps(_without_recipes(json.loads(content)))
    elif file.name.endswith(".parquet"):
        words = pd.read_parquet(io.BytesIO(content)).to_csv()
    else:
        words = content.decode()
    return path in words or path in file.name


def _without_recipes(part: Any) -> Any:  # JSON
    if isinstance(part, dict):
        return {name: _without_recipes(value) for name, value in part.items() if name != "recipe"}
    return [_without_recipes(item) for item in part] if isinstance(part, list) else part
