"""SETTINGS: every setting with its default and help. The environment is read here and nowhere else."""

import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.errors import InvalidRequest

PROJECT = Path(__file__).resolve().parent.parent  # the folder that backend and pages are imported from
_INSTALLED = PROJECT / "embedscope"  # where a wheel puts app.py and what Streamlit wants beside it (setup.py)
INSTALLED = (_INSTALLED / "app.py").is_file()
DASHBOARD = _INSTALLED if INSTALLED else PROJECT
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its environment variable, its default and what it does."""

    name: str
    default: Any
    help: str


def _default_cache() -> Path:
    """In a checkout beside app.py; else this user's own folder of data, since it holds uploaded texts and trained models."""
    if not INSTALLED:
        return PROJECT / "cache"
    data = os.environ.get("XDG_DATA_HOME", "")
    return (Path(data) if data else Path("~/.local/share").expanduser()) / "embedscope"


SETTINGS = (
    Setting("EMBEDSCOPE_CACHE", str(_default_cache()), "Folder for activations, results, text sets and job records."),
    Setting(
        "EMBEDSCOPE_CACHE_BYTES",
        20 * 1024 * MIB,
        "Most bytes the cache may take on disk; the least recently used entries go first.",
    ),
    Setting(
        "EMBEDSCOPE_MODEL_ROOTS",
        "",
        "Folders (separated like PATH) below which the dashboard lists and opens local models.",
    ),
    Setting("EMBEDSCOPE_RUNS", "", "Folder of fine-tuning runs, never cleared; empty: runs in the cache folder."),
    Setting(
        "EMBEDSCOPE_METRICS", "", "Metrics of your own: modules, or full paths of .py files, with commas between them."
    ),
    Setting("EMBEDSCOPE_BACKEND", "", "Address of the backend service; empty: compute in this process."),
    Setting("EMBEDSCOPE_TOKEN", "", "Token of the backend service; empty: the one stored in the cache folder."),
    Setting("EMBEDSCOPE_HOST", "127.0.0.1", "Address the dashboard listens on."),
    Setting("EMBEDSCOPE_PORT", 8501, "Port of the dashboard."),
    Setting(
        "EMBEDSCOPE_HOSTS",
        "",
        "Names by which the dashboard may be called, with commas between them; empty: on 127.0.0.1 its own, elsewhere any.",
    ),
    Setting(
        "EMBEDSCOPE_OPEN", 0, "1: serve other addresses than 127.0.0.1 without a login, to anyone who reaches them."
    ),
    Setting(
        "EMBEDSCOPE_ALLOW",
        "",
        "Who may come in after a login: addresses of e-mail and domains, with commas between them; *: whoever has logged in.",
    ),
    Setting("EMBEDSCOPE_ADMINS", "", "Who looks after the instance: addresses of e-mail, with commas between them."),
    Setting("EMBEDSCOPE_USER_HEADER", "", "Header in which a proxy that has logged people in names them."),
    Setting(
        "EMBEDSCOPE_USER_SECRET", "", "What the proxy sends as X-Embedscope-Proxy, so that nobody else is believed."
    ),
    Setting("EMBEDSCOPE_SERVICE_HOST", "127.0.0.1", "Address the backend service listens on."),
    Setting("EMBEDSCOPE_SERVICE_PORT", 8600, "Port of the backend service."),
    Setting(
        "EMBEDSCOPE_LOG", "text", "Form of the logs of the service and its workers: text, or json (one object a line)."
    ),
    Setting(
        "EMBEDSCOPE_DEVICE",
        "auto",
        "Where models run, and on CUDA the dense kernels of metrics too: auto, cpu, cuda, cuda:1, mps.",
    ),
    Setting(
        "EMBEDSCOPE_DTYPE",
        "auto",
        "Number format that models run in: auto (bfloat16 on CUDA, else float32), float32, bfloat16, float16.",
    ),
    Setting(
        "EMBEDSCOPE_STORE_DTYPE",
        "float32",
        "Number format that activations are stored in: float32, or float16 or bfloat16 (half the bytes, and rounded).",
    ),
    Setting(
        "EMBEDSCOPE_MODEL_BYTES",
        8 * 1024 * MIB,
        "Most bytes of loaded models that a worker keeps; the least recently used model goes first.",
    ),
    Setting(
        "EMBEDSCOPE_BATCH_TOKENS",
        0,
        "Most tokens in one forward pass, padding included; 0: 1,024 on a CPU, 4,096 on a GPU.",
    ),
    Setting("EMBEDSCOPE_THREADS", 0, "Threads that each worker uses; 0: one per core."),
    Setting(
        "EMBEDSCOPE_SIDE_WORKERS",
        1,
        "Processes beside each kind's own in which short jobs pass a long one; each loads models of its own. 0: none.",
    ),
    Setting(
        "EMBEDSCOPE_WARM",
        0,
        "1: the processes for models, layouts and short jobs start with the service and stay, so that nobody waits for one.",
    ),
    Setting(
        "EMBEDSCOPE_EXECUTOR",
        "local",
        "Who does the work: local (processes of this machine), or ray (a Ray cluster, docs/deployment.md).",
    ),
    Setting(
        "EMBEDSCOPE_RAY_ADDRESS", "auto", "Address of the Ray cluster; auto: the one that this machine is a node of."
    ),
    Setting("EMBEDSCOPE_RAY_CPUS", 1, "Cores of each process on the Ray cluster."),
    Setting("EMBEDSCOPE_RAY_GPUS", 0, "GPUs of each process on the Ray cluster; 0: it runs on its cores."),
    Setting(
        "EMBEDSCOPE_SHARD_TOKENS",
        65_536,
        "Tokens, padding included, of a shard of a large text set: what one process of a Ray cluster does at a time.",
    ),
    Setting("EMBEDSCOPE_JOB_SECONDS", 0, "Most seconds that a job may work, waiting not counted; 0: no limit."),
    Setting("EMBEDSCOPE_JOBS_PER_PERSON", 0, "Most jobs of one person that run or wait at a time; 0: no limit."),
    Setting(
        "EMBEDSCOPE_START_SECONDS",
        5,
        "A page starts by itself what will surely take no more seconds than this; 0: only when Run is pressed.",
    ),
    Setting(
        "EMBEDSCOPE_MODELS",
        "",
        "Models of the hub that the dashboard may use: patterns such as openai-community/*, with commas between them; empty: all.",
    ),
    Setting(
        "EMBEDSCOPE_MAX_MODEL_BYTES", 0, "Most bytes of the weights of a model that the dashboard may use; 0: no limit."
    ),
    Setting("EMBEDSCOPE_FINETUNE", 1, "0: no fine-tuning."),
    Setting(
        "EMBEDSCOPE_USER_BYTES",
        0,
        "Most bytes that text sets, vectors, uploads and runs of one person may take, where people log in; 0: no limit.",
    ),
    Setting("EMBEDSCOPE_MAX_UPLOAD_BYTES", 25 * MIB, "Largest text file that is read."),
    Setting("EMBEDSCOPE_MAX_VECTOR_BYTES", 256 * MIB, "Largest file of vectors that is read."),
    Setting("EMBEDSCOPE_MAX_ROWS", 200_000, "Most rows in a text set."),
    Setting("EMBEDSCOPE_MAX_TEXT_CHARS", 100_000, "Most characters in a text."),
    Setting("EMBEDSCOPE_READ_BYTES", 2048 * MIB, "Most memory that a process reading uploads or model files may use."),
    Setting("EMBEDSCOPE_READ_SECONDS", 60, "Most processor seconds that reading one upload may take; 0: no limit."),
    Setting(
        "EMBEDSCOPE_RESOLVE_SECONDS",
        300,
        "Most processor seconds that looking at the files of one model may take; 0: no limit.",
    ),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in force, one attribute for each row of SETTINGS."""

    cache: Path
    cache_bytes: int
    model_roots: tuple[Path, ...]
    runs: Path | None
    metrics: tuple[str, ...]
    backend: str
    token: str
    host: str
    port: int
    hosts: tuple[str, ...]
    open: int
    allow: tuple[str, ...]
    admins: tuple[str, ...]
    user_header: str
    user_secret: str
    service_host: str
    service_port: int
    log: str
    device: str
    dtype: str
    store_dtype: str
    model_bytes: int
    batch_tokens: int
    threads: int
    side_workers: int
    warm: int
    executor: str
    ray_address: str
    ray_cpus: int
    ray_gpus: int
    shard_tokens: int
    job_seconds: int
    jobs_per_person: int
    start_seconds: int
    models: tuple[str, ...]
    max_model_bytes: int
    finetune: int
    user_bytes: int
    max_upload_bytes: int
    max_vector_bytes: int
    max_rows: int
    max_text_chars: int
    read_bytes: int
    read_seconds: int
    resolve_seconds: int

    @property
    def most_upload_bytes(self) -> int:
        """Most bytes of any file that is handed over to be read."""
        return max(self.max_upload_bytes, self.max_vector_bytes)

    @property
    def runs_folder(self) -> Path:
        """The folder of fine-tuning runs."""
        return self.runs or self.cache / "runs"


def own_command(module: str) -> list[str]:
    """How another process of Embedscope is started, with DASHBOARD as its working folder.

    An installed package is found wherever one is, and must not be hidden by what lies in a working folder.
    """
    return [sys.executable, *(["-P"] if INSTALLED else []), "-m", module]


def read_settings() -> Settings:
    """The settings from the environment; raises InvalidRequest for a value that cannot be read."""
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        text = os.environ.get(setting.name, "")
        key = setting.name.removeprefix("EMBEDSCOPE_").lower()
        values[key] = _parsed(setting, text) if text else setting.default
    values["cache"] = Path(values["cache"]).expanduser().resolve()
    roots = [part for part in str(values["model_roots"]).split(os.pathsep) if part]
    values["model_roots"] = tuple(Path(part).expanduser().resolve() for part in roots)
    values["runs"] = Path(values["runs"]).expanduser().resolve() if values["runs"] else None
    values["metrics"], values["models"] = _listed(values["metrics"]), _listed(values["models"])
    for name in ("hosts", "allow", "admins"):
        values[name] = tuple(part.casefold() for part in _listed(values[name]))
    _check_executor(str(values["executor"]))
    if values["store_dtype"] not in (formats := ("float32", "float16", "bfloat16")):
        raise InvalidRequest(
            f"EMBEDSCOPE_STORE_DTYPE is '{values['store_dtype'][:60]}'.", f"It takes one of: {', '.join(formats)}."
        )
    return Settings(**values)


def _check_executor(executor: str) -> None:
    """Raise InvalidRequest for an executor that there is none of, or whose package is not here."""
    if executor not in ("local", "ray"):
        raise InvalidRequest(f"EMBEDSCOPE_EXECUTOR is '{executor[:60]}'.", "It takes local or ray.")
    if executor == "ray" and importlib.util.find_spec("ray") is None:
        raise InvalidRequest(
            "EMBEDSCOPE_EXECUTOR is ray, but the package ray is not installed here.",
            "Install it on every machine of the cluster with pip install -r requirements-ray.txt, or leave the setting empty.",
        )


def _listed(text: Any) -> tuple[str, ...]:
    return tuple(part.strip() for part in str(text).split(",") if part.strip())


def _parsed(setting: Setting, text: str) -> Any:
    if not isinstance(setting.default, int):
        return text
    try:
        value = int(text)
    except ValueError:
        value = -1
    if value < 0:
        raise InvalidRequest(f"{setting.name} is '{text}'.", "It takes a whole number, 0 or more.")
    return value
