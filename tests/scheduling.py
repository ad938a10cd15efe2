"""Which tests share a worker of pytest-xdist, and in what order they begin: what uses one stack together, the longest first."""

from xdist.scheduler import LoadFileScheduling

# The beginning of a file's path below tests -> its unit of work. A unit starts its dashboard or service once, for all tests in it.
TOGETHER = {
    "e2e/test_first_screen.py": "the other dashboard",  # two of them take half as long as one
    "e2e/test_links.py": "the other dashboard",
    "e2e/test_dynamics.py": "the other dashboard",
    "e2e/": "the dashboard",
    "jobs/test_ray.py": "the cluster",
    "jobs/": "the service",
    "service/": "the service",
    "store/test_damaged_": "the damaged caches",
    "work/test_agreement.py": "the service",
    "work/test_training.py": "the service",
}
# The longest units by measured time: begun last, one of them would run on while the other worker waits.
FIRST = (
    "the dashboard",
    "the other dashboard",
    "the service",
    "the cluster",
    "models/test_adapters.py",
    "models/test_family_table.py",
    "models/test_families.py",
    "models/test_package.py",
    "the damaged caches",
    "metrics/test_contract.py",
    "cli/test_command_line.py",
    "pages/",  # in one stretch: its small world lives until a test of another folder runs on the same worker
)


def unit(file: str) -> str:
    """The unit of work that a file of tests belongs to: itself, or what it shares with others."""
    below = file.removeprefix("tests/")
    return next((name for start, name in TOGETHER.items() if below.startswith(start)), below)


def turn(file: str) -> int:
    """When the unit of a file begins: its place in FIRST, or after those."""
    return next((place for place, start in enumerate(FIRST) if unit(file).startswith(start)), len(FIRST))


class Shared(LoadFileScheduling):
    """``--dist loadfile``, by units in place of files."""

    def _split_scope(self, nodeid: str) -> str:
        return unit(super()._split_scope(nodeid))
