"""How many threads the libraries of a worker take, whichever was loaded first."""

import json
import os
import subprocess
import sys

import pytest

from backend.settings import PROJECT

_CODE = """
import json
from dataclasses import replace
from backend.jobs.worker import prepare_worker
from backend.settings import read_settings
prepare_worker("models", replace(read_settings(), threads={threads}))
import numpy, scipy.linalg
from threadpoolctl import threadpool_info
from backend.values.working import most_threads
print(json.dumps([most_threads(), *(one["num_threads"] for one in threadpool_info() if one["internal_api"] == "openblas")]))
"""


@pytest.mark.parametrize(("threads", "given", "wanted"), [(1, "", 1), (2, "", 1), (4, "", 2), (4, "1", 1)])
def test_products_take_half_of_the_threads_or_what_the_environment_says(threads: int, given: str, wanted: int) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    if given:
        environment["OPENBLAS_NUM_THREADS"] = given
    command = [sys.executable, "-c", _CODE.format(threads=threads)]
    said = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=True).stdout
    ours, *found = json.loads(said)
    assert ours == threads, "the search for neighbours brings its own"
    if not found:
        pytest.skip("numpy and scipy come with another library of products here")
    most = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    assert set(found) <= {wanted, min(wanted, most)}
