"""The house stands: the layers hold, imports are light, no page lies where the legacy router would find it."""

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def _fresh(code: str) -> dict[str, object]:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def test_importing_the_backend_loads_no_heavy_library() -> None:
    heavy = ("torch", "transformers", "streamlit", "plotly", "sklearn", "umap", "pandas", "scipy")
    code = f"import sys, json, backend; print(json.dumps({{m: m in sys.modules for m in {heavy}}}))"
    assert not any(_fresh(code).values())


def test_a_workbench_loads_no_heavy_library_either(tmp_path: Path) -> None:
    heavy = ("torch", "transformers", "streamlit", "plotly", "sklearn", "umap", "scipy")
    code = (
        f"import os; os.environ['EMBEDSCOPE_CACHE'] = {str(tmp_path)!r}\n"
        "import sys, json, backend; backend.open_workbench().text_sets()\n"
        f"print(json.dumps({{m: m in sys.modules for m in {heavy}}}))"
    )
    assert not any(_fresh(code).values())


def test_the_layers_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


# contract -> modules that break it, each with the line that does
PLANTED = {
    "The layers of the backend hold": {
        "backend/values/planted.py": "from backend.forms import codec",
        "backend/store/planted.py": "from backend.metrics import METRICS",
    },
    "The backend knows no front end": {"backend/forms/planted.py": "import streamlit"},
    "Pages never touch the model stack": {"pages/geometry/rogue/planted.py": "import torch"},
    "Model code lives in backend.models only": {"backend/textsets/planted.py": "import transformers"},
    "Metrics reach torch through one array module": {
        "backend/metrics/shared/planted_there.py": "import torch",
        "backend/metrics/similarity/planted.py": "import array_api_compat.torch",
    },
    "Pages use what import backend offers and nothing below it": {
        "pages/labels/planted.py": "from backend.values.tasks import Task",
        "pages/_kit/state/planted.py": "from backend import metrics",
    },
    "A section of pages imports the kit and itself, the kit imports no section": {
        "pages/training/report/planted.py": "from pages.labels.ablation.charts import CAPTION",
        "pages/_kit/show/planted.py": "from pages.data.texts import adding",
    },
    "Families of metrics build on those below them": {
        "backend/metrics/shared/planted.py": "from backend.metrics.neighbors import kernel",
        "backend/metrics/threshold/planted.py": "from backend.metrics.ablation import kernel",
        "backend/metrics/probing/planted.py": "from backend.metrics.movement import kernel",
    },
    "Values need the standard library and numpy alone": {"backend/values/lineage.py": "import pandas"},
    "Only the crew of a cluster knows Ray": {
        "backend/metrics/shared/planted_too.py": "import ray",
        "backend/models/planted.py": "from ray import remote",
        "backend/work/planted.py": "import ray",
        "pages/data/planted.py": "import ray",
    },
}


def test_every_contract_catches_what_breaks_it(tmp_path: Path) -> None:
    for name in ("backend", "pages"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for plants in PLANTED.values():
        for place, line in plants.items():
            path = tmp_path / place
            path.write_text(path.read_text(encoding="utf-8") + line + "\n" if path.exists() else line + "\n")
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    kept = re.findall(r"^(.+?) KEPT", done.stdout, re.MULTILINE)
    assert not kept, "a contract that nothing breaks here: plant a line for it in PLANTED"
    reports = re.split(r"^(.+)\n-+$", done.stdout.partition("Broken contracts")[2], flags=re.MULTILINE)
    said = dict(zip(reports[1::2], reports[2::2], strict=True))
    for contract, plants in PLANTED.items():
        for place in plants:
            importer = place.removesuffix(".py").replace("/", ".")
            assert re.search(rf"{re.escape(importer)} -> \S+ \(l\.\d+\)", said[contract]), (contract, place)


def test_no_page_lies_directly_in_pages() -> None:
    assert not list((ROOT / "pages").glob("*.py")), "the legacy router would run it without app.py, past any login"


def test_links_between_pages_hold_in_an_installed_package_too() -> None:
    for path in [ROOT / "app.py", *(ROOT / "pages").rglob("*.py")]:
        assert not re.search(r"""["']pages/""", path.read_text(encoding="utf-8")), f"{path}: use page_file"


def test_streamlit_and_plotly_stay_in_the_front_end() -> None:
    for path in (ROOT / "backend").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "import streamlit" not in text and "import plotly" not in text, path


def test_every_setting_is_documented_and_read_in_one_place() -> None:
    from backend.settings import SETTINGS

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert not [setting.name for setting in SETTINGS if setting.name not in readme]
    for path in (ROOT / "backend").rglob("*.py"):
        if path.name not in ("settings.py", "worker.py", "process.py", "up.py", "commands.py", "members.py"):
            assert "os.environ" not in path.read_text(encoding="utf-8"), path


def test_names_of_before_the_move_are_the_same_modules() -> None:
    from backend.old_names import NAMES

    code = (
        "import json, importlib\nimport backend\nfrom backend.old_names import NAMES\n"
        "print(json.dumps({old: importlib.import_module(old) is importlib.import_module(new)"
        " and importlib.import_module(new).__spec__.name == new for old, new in NAMES.items()}))"
    )
    found = _fresh(code)
    assert set(found) == set(NAMES) and all(found.values()), found


def test_a_module_that_has_become_several_has_all_their_names() -> None:
    from backend.old_names import SEVERAL

    code = (
        "import json, importlib\nimport backend\nfrom backend.old_names import SEVERAL\n"
        "print(json.dumps({f'{new}.{name}': getattr(importlib.import_module(old), name) is value"
        " for old, several in SEVERAL.items() for new in several"
        " for name, value in vars(importlib.import_module(new)).items() if not name.startswith('_')}))"
    )
    found = _fresh(code)
    assert all(any(name.startswith(f"{new}.") for name in found) for several in SEVERAL.values() for new in several)
    assert all(found.values()), found


def test_every_kernel_has_its_public_path() -> None:
    import importlib

    for family, names in {
        "similarity": "linear_cka rbf_cka cka_matrix",
        "anisotropy": "anisotropy average_cosine isoscore participation_ratio effective_rank spectrum",
        "dimension": "two_nn mle mada method_of_moments",
        "rogue": "dimension_variance principal_rogue_dimension rogue_dimensions cosine_contribution outlier_dimensions",
        "threshold": "threshold_accuracy",
        "ablation": "ablation_curve",
        "neurons": "greedy_dimensions single_dimension_accuracy",
        "components": "component_accuracy variance_ratio",
        "direct_probe": "direct_probe spatial_similarity",
        "neighbors": "nearest_neighbours neighbour_overlap",
    }.items():
        face = importlib.import_module(f"backend.metrics.{family}")
        for name in names.split():
            assert callable(getattr(face, name)), (family, name)
            assert name in face.__all__


COMPUTES = re.compile(
    r"(nan)?(mean|median|average|std|var|percentile|quantile)|corrcoef|cov|cumsum|cumprod|searchsorted|polyfit|interp"
    r"|trapezoid|convolve|histogram|bincount|norm|svd|eigh|lstsq"
    r"|(nan)?sum|unique|count_nonzero|digitize|diff|setdiff1d|most_common"
)


def computed_in(source: str) -> set[str]:
    """What the text of a page computes by itself: statistics that it calls, and libraries for them that it imports."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names if one.name.startswith(("scipy", "statistics", "numpy.linalg"))}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("scipy", "statistics", "numpy")):
            found |= {f"{node.module}.{one.name}" for one in node.names}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and COMPUTES.fullmatch(node.func.attr):
            found.add(node.func.attr)
    return found


def test_pages_compute_no_statistics_of_their_own() -> None:
    """A number that a user reads is a field of a result, so that page, JSON and command line agree."""
    found = {
        path.relative_to(ROOT).as_posix(): computed_in(path.read_text(encoding="utf-8"))
        for path in [ROOT / "app.py", *(ROOT / "pages").rglob("*.py")]
    }
    assert {path: calls for path, calls in found.items() if calls} == {}


@pytest.mark.parametrize(
    ("source", "caught"),
    [
        ("import numpy as np\nx = np.linalg.norm([1.0])", {"norm"}),
        ("y = values.minimum.std(axis=1, ddof=1)", {"std"}),
        ("from scipy.stats import zscore", {"scipy.stats.zscore"}),
        ("import statistics", {"statistics"}),
        ("from numpy import corrcoef as c", {"numpy.corrcoef"}),
        ("n_above = int((ends > limit).sum())", {"sum"}),
        ("average = values.average_cosine[0]", set()),
    ],
)
def test_a_statistic_that_a_page_computes_is_caught(source: str, caught: set[str]) -> None:
    assert computed_in(source) == caught


def made_in(source: str) -> list[str]:
    """The metrics that a module makes, by name."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    made = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Metric"]
    return [str(word.value.value) for call in made for word in call.keywords if word.arg == "name"]  # type: ignore[attr-defined]


def test_a_module_of_metrics_makes_one_and_kernels_know_no_metric() -> None:
    from backend.metrics import METRICS

    modules = {path: path.read_text(encoding="utf-8") for path in (ROOT / "backend/metrics").glob("*/*.py")}
    made = {path.relative_to(ROOT).as_posix(): made_in(source) for path, source in modules.items()}
    assert {path: names for path, names in made.items() if len(names) > 1} == {}
    assert sorted(name for names in made.values() for name in names) == sorted(METRICS)
    kernels = [path for path in modules if path.name == "kernel.py"]
    assert not [path for path in kernels if "backend.metrics.base" in modules[path]]
    assert {path.parent for path in modules} - {path.parent for path in kernels} == {ROOT / "backend/metrics/shared"}


def test_the_public_face_of_a_family_gives_functions_and_no_module_of_that_name() -> None:
    code = (
        "import importlib, json, types, backend.metrics, pathlib\n"
        "faces = [importlib.import_module(f'backend.metrics.{p.parent.name}')"
        " for p in pathlib.Path('backend/metrics').glob('*/kernel.py')]\n"
        "print(json.dumps({f'{f.__name__}.{n}': isinstance(getattr(f, n), types.ModuleType)"
        " for f in faces for n in getattr(f, '__all__', ())}))"
    )
    found = _fresh(code)
    assert len(found) > 30 and not any(found.values()), [name for name, hidden in found.items() if hidden]


def _is_anything(note: ast.expr) -> bool:
    """Whether an annotation is ``Any``, a union with it or a tuple of it; a mapping of settings by name is not."""
    if isinstance(note, ast.BinOp):
        return _is_anything(note.left) or _is_anything(note.right)
    if isinstance(note, ast.Subscript) and ast.unparse(note.value) in ("tuple", "Sequence"):
        return any(map(_is_anything, note.slice.elts if isinstance(note.slice, ast.Tuple) else [note.slice]))
    return ast.unparse(note) == "Any"


def _without_a_type(path: Path) -> list[str]:
    """Public functions of a file that take or return ``Any`` (or a tuple with it) with no comment on the line."""
    text = path.read_text(encoding="utf-8")
    lines, found = text.splitlines(), []

    def walk(body: list[ast.stmt]) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                walk(node.body)
            if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
                continue
            given = node.args
            every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
            notes = [*(one.annotation for one in every if one is not None), node.returns]
            for note in filter(None, notes):
                if _is_anything(note) and "#" not in lines[note.lineno - 1]:
                    found.append(f"{path.relative_to(ROOT)}:{note.lineno} {node.name}")

    walk(ast.parse(text).body)
    return found


def test_no_public_function_takes_or_returns_just_anything_without_a_reason() -> None:
    files = [*(ROOT / "backend").rglob("*.py"), *(ROOT / "pages").rglob("*.py"), ROOT / "app.py"]
    assert not [one for path in files for one in _without_a_type(path)]
