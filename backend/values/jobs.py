"""What is known of a job: where it stands, and what a person chose to get it."""

from dataclasses import dataclass

from backend.values.specs import PostProcess, TokenSample

LOOK_UPS = frozenset(  # kinds of tasks that pages ask for themselves, or that are read in a moment
    {
        *("ResolveTask", "SeriesTask", "EstimateTask", "ReadTask", "HubReadTask", "JoinTask", "SampleTask"),
        *("PartTask", "RenameClassesTask", "VectorsTask"),
    }
)


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person chose to get an analysis, as far as a page must be told to draw it.

    ``metrics`` and ``models`` by name, ``texts`` by the digest of the table, ``layers`` by number; ``params`` are the
    parameters away from their defaults, each as it is written in a form. ``run`` names a run of fine-tuning instead.
    """

    metrics: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    texts: str = ""
    pooling: str = ""
    layers: tuple[int, ...] = ()
    label: str = ""
    seed: int = 0
    tokens: TokenSample | None = None
    postprocess: tuple[PostProcess, ...] = ()
    params: tuple[tuple[str, str], ...] = ()
    run: str = ""


@dataclass(frozen=True, slots=True)
class JobStatus:
    """Where a job stands. ``id`` is the fingerprint of its task; times are seconds since the epoch.

    While it waits for its worker, ``place`` is its place in that queue, from 1, and ``waits_for`` the title of the job that
    the worker does. While it stands still in the middle of its work, ``waits_for`` is the job that has its turn. ``choice`` is what draws its figure, where it has one.
    """

    id: str
    title: str
    state: str  # queued, running, done, failed, cancelled
    done: int = 0
    total: int = 0
    stage: str = ""
    eta_seconds: float | None = None
    error: str = ""
    hint: str = ""
    created: float = 0.0
    started: float | None = None
    finished: float | None = None
    reported: float | None = None  # when it last said how far it is
    kind: str = ""  # the name of the task's class
    owner: str = ""  # the process that does it, as backend.store names processes
    place: int = 0
    waits_for: str = ""
    choice: Choice | None = None

    @property
    def active(self) -> bool:
        """Whether the job still waits or works."""
        return self.state in ("queued", "running")
