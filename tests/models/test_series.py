"""Which checkpoints a name stands for, in which order, and what is said of those that cannot be used."""

import json
from pathlib import Path

import pytest

from backend.errors import InvalidRequest, ModelError
from backend.models.series import choose, find_members
from backend.values.lineage import step_of
from tests.models import tiny
from tests.models.hub_server import hub_server

PROGRAM = """
import json
from backend.errors import EmbedscopeError
from backend.models.series import find_members
try:
    print(json.dumps(list(find_members({name!r}, roots=()).items())))
except EmbedscopeError as error:
    print(json.dumps([error.message, error.hint]))
"""


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("checkpoint-500", 500),
        ("step-00128", 128),
        ("step1000", 1000),
        ("global_step1000", 1000),
        ("epoch_3", 3),
        ("0032", 32),
        ("main", None),
        ("gpt2", None),
        ("bert-12-final", None),
        ("resume", None),
    ],
)
def test_the_step_in_a_name(name: str, step: int | None) -> None:
    assert step_of(name) == step


def test_a_folder_is_read_in_the_order_of_steps(tmp_path: Path) -> None:
    for name in ("checkpoint-1000", "checkpoint-20", "checkpoint-3", "logs", "resume"):
        (tmp_path / name).mkdir()
    (tmp_path / "checkpoint-7").write_text("a file, not a folder")
    assert list(find_members(str(tmp_path), roots=None)) == [3, 20, 1000]


def test_what_is_no_series_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no checkpoints"):
        find_members(str(tmp_path), roots=None)
    with pytest.raises(ModelError, match="There is no folder"):
        find_members(str(tmp_path / "none"), roots=None)
    with pytest.raises(ModelError, match="There is no series 'gpt2-run'"):
        find_members("gpt2-run", roots=())
    with pytest.raises(ModelError, match="outside"):
        find_members(str(tmp_path), roots=(tmp_path / "elsewhere",))
    (tmp_path / "step-10").mkdir()
    (tmp_path / "checkpoint-10").mkdir()
    with pytest.raises(ModelError, match="Two checkpoints have step 10"):
        find_members(str(tmp_path), roots=None)


def test_a_part_of_the_steps_is_spread_over_their_logarithm() -> None:
    pythia = {step: str(step) for step in [0, *(2**k for k in range(10)), *range(1000, 144_000, 1000)]}
    with pytest.raises(InvalidRequest, match="154 checkpoints"):
        choose(pythia, (), 0)
    chosen = choose(pythia, (), 7)
    assert len(chosen) == 7 and chosen[0] == 0 and chosen[-1] == 143_000
    assert chosen[1] < 16 and chosen[3] < 1000 and chosen == sorted(chosen)
    assert choose(pythia, (512, 4), 7) == [4, 512]
    assert choose({5: "a", 9: "b"}, (), 7) == [5, 9]
    with pytest.raises(InvalidRequest, match="not a series"):
        choose(pythia, (), 1)


def test_revisions_of_a_hub_repository_that_match_a_pattern(tmp_path: Path) -> None:
    folder = tiny.save_family(tmp_path / "tiny", "gpt2")
    with hub_server() as hub:
        repo = hub.repo("lab/run")
        for branch in ("main", "step1000", "step0", "step20", "other5"):
            repo.commit_folder(folder, branch=branch)

        def ask(name: str, **environment: str) -> list[object]:
            done = hub.run(PROGRAM.format(name=name), tmp_path / "hub", **environment)
            assert done.returncode == 0, done.stderr
            return list(json.loads(done.stdout))

        assert ask("lab/run@step*") == [[0, "lab/run@step0"], [20, "lab/run@step20"], [1000, "lab/run@step1000"]]
        assert ask("lab/run@step?0") == [[20, "lab/run@step20"]]
        assert ask("lab/run@none*")[0] == "No revision of 'lab/run' matches 'none*' and ends in a step."
        assert "There is no model 'lab/none'" in str(ask("lab/none@step*")[0])
        assert "it alone knows the revisions" in str(ask("lab/run@step*", HF_HUB_OFFLINE="1")[0])
    done = hub.run(PROGRAM.format(name="lab/run@step*"), tmp_path / "hub2")  # the server is gone
    assert "cannot be reached" in json.loads(done.stdout)[0]
