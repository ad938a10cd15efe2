"""Tests. One thread each: files run side by side, and threads in one of them would spin while they wait for each other."""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # read by numpy and torch as they are imported, which is later
