"""The names for what JSON holds."""

from typing import Any

Json = Any  # objects, lists, texts, numbers, null: what is in it is checked where it comes in, by its form
Document = dict[str, Any]  # a JSON object that goes out or is kept: names, and under them whatever JSON holds
