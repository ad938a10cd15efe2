"""One way for a test to run what is asynchronous: browser tests in the same process leave a running loop in their thread."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def run_apart(asking: Coroutine[Any, Any, T]) -> T:
    """What ``asking`` comes to, run in a thread and a loop of its own."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, asking).result()
