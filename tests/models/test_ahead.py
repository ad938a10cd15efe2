"""Loading the libraries of models ahead leaves little for the first model to load."""

import subprocess
import sys

from backend.settings import PROJECT

_CODE = """
import sys
from backend.models.ahead import load_libraries
assert "torch" not in sys.modules and "transformers" not in sys.modules
load_libraries()
before = set(sys.modules)
from backend.models.loading import load
from backend.models.resolve import resolve
load(resolve("minilm", dtype="float32", roots=None), device="cpu", roots=None)
new = set(sys.modules) - before
print(len(before), len(new))
"""


def test_the_first_model_finds_its_libraries_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", _CODE], cwd=PROJECT, capture_output=True, text=True, check=True)
    before, new = map(int, done.stdout.split())
    assert new < before / 10, "modules that the first model still had to load"
