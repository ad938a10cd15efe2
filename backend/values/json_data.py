"""The name for what JSON holds."""

from typing import Any

Json = Any  # objects, lists, texts, numbers, null: what is in it is checked where it comes in, by its form
