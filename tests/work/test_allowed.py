"""What an instance allows: models by pattern and size, fine-tuning, and how much one person may keep."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from backend import EmbedscopeError, InvalidRequest, ModelError, Settings
from backend.bench.wiring import open_store, wire_runner
from backend.bench.workbench import Workbench
from backend.values.people import Person, asked_by
from backend.values.recipes import recipe
from backend.values.tasks import FinetuneTask, ResolveTask
from backend.work.allowed import bytes_of_asker, require_allowed, require_room
from tests.models.tiny import SEGMENTS, bert_config, save

ADA = Person("ada@here.org")
Run = Callable[[object], None]


@pytest.mark.parametrize(
    ("name", "inside"),
    [
        ("gpt2", True),
        ("openai-community/gpt2", True),
        ("OpenAI-Community/gpt2@main", True),
        ("elsewhere/gpt2", False),
        ("gpt2-xl", False),
        ("minilm", True),
        ("run:mine", True),
        ("vectors:mine", True),
        ("/models/own", True),
    ],
)
def test_models_of_the_hub_are_allowed_by_pattern(name: str, inside: bool, settings: Settings) -> None:
    own = replace(settings, models=("gpt2", "openai-community/*"))
    if inside:
        require_allowed(name, own)
    else:
        with pytest.raises(ModelError, match="not among those that may be used here: gpt2, openai-community"):
            require_allowed(name, own)
    require_allowed(name, settings)


def test_a_model_that_is_too_large_or_not_allowed_is_refused_to_the_dashboard_alone(
    settings: Settings, tmp_path: Path
) -> None:
    folder = save(tmp_path / "models" / "small", bert_config(), model_input_names=SEGMENTS)
    own = replace(settings, max_model_bytes=1000, models=("nothing/*",), model_roots=(tmp_path / "models",))
    store = open_store(own)
    inside, anywhere = (wire_runner(store, own, roots=roots) for roots in (own.model_roots, None))
    with pytest.raises(ModelError, match=r"take 0\.00 GB; at most 0\.00 GB"):
        inside.run(ResolveTask(str(folder)), lambda *_: None)
    with pytest.raises(ModelError, match="not among those"):
        inside.run(ResolveTask("gpt2"), lambda *_: None)
    anywhere.run(ResolveTask(str(folder)), lambda *_: None)
    store.close()


def test_fine_tuning_can_be_switched_off(bench: Workbench, settings: Settings) -> None:
    info = bench.text_set_info("sentiment")
    labels = bench._labels(info, None)
    task = FinetuneTask(bench.model("minilm").spec, info.spec, labels, recipe("gptology", {}), "none")
    runner = wire_runner(open_store(settings), replace(settings, finetune=0), roots=None)
    with pytest.raises(InvalidRequest, match="switched off"):
        runner.run(task, lambda *_: None)
    assert not (settings.runs_folder / "none").exists()


def test_one_person_may_keep_so_much_and_whoever_runs_the_machine_all(bench: Workbench, settings: Settings) -> None:
    own, store = replace(settings, user_bytes=3000), open_store(settings)
    with asked_by(ADA):
        require_room(store, own, 2000)
        bench.add_texts([f"a line of some length, number {row}" for row in range(40)], name="hers")
        assert bytes_of_asker(store, own) > 2000
        with pytest.raises(InvalidRequest, match="for each person") as caught:
            require_room(store, own, 2000)
        assert "EMBEDSCOPE_USER_BYTES" in caught.value.hint and "Delete" in caught.value.hint
        require_room(store, settings, 10**12)
    require_room(store, own, 10**12)
    with asked_by(Person("ben@here.org")):
        require_room(store, own, 2000)
        with pytest.raises(EmbedscopeError):
            bench.text_set("hers")
    store.close()
