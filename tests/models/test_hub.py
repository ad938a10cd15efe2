"""The hub, through the real client, against a small server on loopback."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.models import tiny
from tests.models.hub_server import Hub, hub_server

TOKEN = "hf_" + "SecretSecretSecret"
PROGRAM = """
import json, sys
from backend.errors import EmbedscopeError
from backend.models.resolve import resolve, model_files
from backend.specs import ModelSpec
answers = []
for step in json.loads({steps!r}):
    try:
        if step[0] == "resolve":
            spec = resolve(step[1], dtype="float32", roots=())
            answers.append([spec.name, spec.commit])
        elif step[0] == "folder":
            spec = ModelSpec(step[1], step[2])
            files = model_files(spec, roots=())
            answers.append(sorted(path.name for path in (files.adapter or files.folder).iterdir()))
        else:
            from backend.models.loading import describe, load
            from tests.models.sinks import extracted
            spec = resolve(step[1], dtype="float32", roots=())
            info = describe(spec, roots=())
            print("described", file=sys.stderr)
            loaded = load(spec, device="cpu", roots=())
            matrix = extracted(loaded, ["the cat", "dog"]).matrix(2, "mean")
            answers.append([info.architecture, info.n_parameters, float(matrix.sum())])
    except EmbedscopeError as error:
        answers.append(dict(message=error.message, hint=error.hint))
print(json.dumps(answers))
"""


@pytest.fixture
def hub() -> Iterator[Hub]:
    with hub_server() as server:
        yield server


@pytest.fixture(scope="session")
def bert_files(tmp_path_factory: Any) -> dict[str, bytes]:
    folder = tiny.save_family(tmp_path_factory.mktemp("bert"), "bert")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def ask(hub: Hub, cache: Path, *steps: tuple[str, ...], **environment: str) -> list[Any]:
    """Carry out steps in a process of its own; nothing but the answers may be on its standard output."""
    done = hub.run(PROGRAM.format(steps=json.dumps(steps)), cache, **environment)
    assert done.returncode == 0, done.stderr
    assert TOKEN not in done.stdout and TOKEN not in done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_branches_revisions_and_commits(hub: Hub, tmp_path: Path, bert_files: dict[str, bytes]) -> None:
    repo = hub.repo("someone/bert")
    old = repo.commit(bert_files)
    step = repo.commit({**bert_files, "README.md": b"step"}, branch="step1000")
    new = repo.commit({**bert_files, "README.md": b"new"})
    names = ("someone/bert", "someone/bert@main", "someone/bert@step1000", f"someone/bert@{old}")
    assert ask(hub, tmp_path, *(("resolve", name) for name in names)) == [
        [name, commit] for name, commit in zip(names, (new, new, step, old), strict=True)
    ]
    assert hub.downloads("model.safetensors") == 0  # to resolve a name takes no weights
    folders = ask(hub, tmp_path, ("folder", "someone/bert", old), ("folder", "someone/bert", new))
    assert folders[0] == folders[1] == ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]


def test_a_branch_that_moves_does_not_move_the_model(hub: Hub, tmp_path: Path, bert_files: dict[str, bytes]) -> None:
    repo = hub.repo("someone/bert")
    old = repo.commit(bert_files)
    assert ask(hub, tmp_path, ("resolve", "someone/bert")) == [["someone/bert", old]]
    repo.commit({"config.json": b"{}"})
    assert "model.safetensors" in ask(hub, tmp_path, ("folder", "someone/bert", old))[0]


def test_only_the_needed_files_are_fetched(hub: Hub, tmp_path: Path, bert_files: dict[str, bytes]) -> None:
    extra = dict.fromkeys(("pytorch_model.bin", "modeling.py", "consolidated.safetensors", "tf_model.h5"), b"x")
    commit = hub.repo("bert").commit({**bert_files, **extra})
    ask(hub, tmp_path, ("resolve", "bert"), ("folder", "bert", commit))
    assert hub.downloads("model.safetensors") == 1
    assert all(hub.downloads(name) == 0 for name in extra)


def test_describe_and_load(hub: Hub, tmp_path: Path, bert_files: dict[str, bytes]) -> None:
    commit = hub.repo("someone/bert").commit(bert_files)
    first = ask(hub, tmp_path, ("load", "someone/bert"))[0]
    assert first[0] == "BertModel" and first[1] > 10_000
    hub.status = 500  # everything is in the local cache now
    assert ask(hub, tmp_path, ("load", "someone/bert"))[0] == first
    assert ask(hub, tmp_path, ("resolve", "someone/bert"), HF_HUB_OFFLINE="1") == [["someone/bert", commit]]


REFUSALS = [
    ("someone/nothing", "There is no model 'someone/nothing'"),
    ("someone/bert@nowhere", "has no revision 'nowhere'"),
    ("someone/bert@" + "0" * 40, "has no revision '0000"),
    ("someone/gated", "'someone/gated' is gated"),
    ("someone/pickle", "only pickle weights (pytorch_model.bin)"),
    ("someone/code", "needs code of its own (config.json"),
    ("someone/data", "'someone/data' is broken: it has no config.json"),
    ("someone/headless", "'someone/headless' has no tokenizer"),
    ("someone/shards", "names the shard model-00002-of-00002.safetensors, which is missing"),
    ("someone//bert", "There is no model"),
    ("some one/bert", "There is no model"),
]


def test_each_refusal_has_its_own_message(hub: Hub, tmp_path: Path, bert_files: dict[str, bytes]) -> None:
    hub.repo("someone/bert").commit(bert_files)
    hub.repo("someone/gated", gated=True).commit(bert_files)
    config, weights = json.loads(bert_files["config.json"]), bert_files["model.safetensors"]
    whole = {key: value for key, value in bert_files.items() if key != "model.safetensors"}
    hub.repo("someone/pickle").commit({**whole, "pytorch_model.bin": b"x"})
    coded = json.dumps({**config, "model_type": "other", "auto_map": {"AutoModel": "modeling.Model"}}).encode()
    hub.repo("someone/code").commit({**bert_files, "config.json": coded, "modeling.py": b"raise SystemExit"})
    hub.repo("someone/data").commit({"README.md": b"", "data.csv": b""})
    hub.repo("someone/headless").commit({"config.json": bert_files["config.json"], "model.safetensors": weights})
    table = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    index = {"model.safetensors.index.json": json.dumps(table).encode()}
    hub.repo("someone/shards").commit({**whole, **index, "model-00001-of-00002.safetensors": weights})
    answers = ask(hub, tmp_path, *(("resolve", name) for name, _ in REFUSALS), HF_TOKEN=TOKEN)
    for (_, message), answer in zip(REFUSALS, answers, strict=True):
        assert message in answer["message"] and answer["hint"]
    assert len({answer["message"] for answer in answers}) == len(answers)


def test_offline_and_unreachable(hub: Hub, tmp_path: Path, bert_files: dict[str, bytes]) -> None:
    hub.repo("bert").commit(bert_files)
    offline = ask(hub, tmp_path, ("resolve", "bert"), HF_HUB_OFFLINE="1")[0]
    assert "cannot be reached (HF_HUB_OFFLINE is set)" in offline["message"]
    nobody = ask(hub, tmp_path, ("resolve", "bert"), HF_ENDPOINT="http://127.0.0.1:9")[0]
    assert "cannot be reached (no connection)" in nobody["message"] and "'bert'" in nobody["message"]
    hub.status = 500
    assert "status 500" in ask(hub, tmp_path, ("resolve", "bert"))[0]["message"]


def test_a_file_that_is_listed_but_missing(hub: Hub, tmp_path: Path, bert_files: dict[str, bytes]) -> None:
    commit = hub.repo("bert").commit(bert_files)
    hub.unlisted_missing.add("model.safetensors")
    answer = ask(hub, tmp_path, ("folder", "bert", commit))[0]
    assert "lists a file of 'bert@" in answer["message"]


def test_a_connection_that_breaks_leaves_no_half_file(hub: Hub, tmp_path: Path, bert_files: dict[str, bytes]) -> None:
    commit = hub.repo("bert").commit(bert_files)
    hub.break_after["model.safetensors"] = 1000
    answer = ask(hub, tmp_path, ("folder", "bert", commit))[0]
    assert "broke off" in answer["message"] and "Try again" in answer["hint"]
    assert not list(tmp_path.rglob("model.safetensors"))
    sizes = {len(content) for content in bert_files.values()}
    assert all(path.stat().st_size in sizes for path in tmp_path.rglob("blobs/*"))
    hub.break_after.clear()
    assert "model.safetensors" in ask(hub, tmp_path, ("folder", "bert", commit))[0]
    [found] = tmp_path.rglob("model.safetensors")
    assert found.read_bytes() == bert_files["model.safetensors"]


def test_the_token_is_sent_and_never_told(hub: Hub, tmp_path: Path, bert_files: dict[str, bytes]) -> None:
    commit = hub.repo("someone/private", token=TOKEN).commit(bert_files)
    assert ask(hub, tmp_path, ("resolve", "someone/private"), HF_TOKEN=TOKEN) == [["someone/private", commit]]
    assert hub.requests[0][2] == f"Bearer {TOKEN}"
    other = ask(hub, tmp_path / "other", ("resolve", "someone/private"), HF_TOKEN="hf_wrong")[0]
    assert "There is no model 'someone/private'" in other["message"] and "hf_wrong" not in json.dumps(other)


def test_a_commit_that_is_none_is_refused(hub: Hub, tmp_path: Path) -> None:
    answer = ask(hub, tmp_path, ("folder", "bert", "main"))[0]
    assert "'main' does not identify a model" in answer["message"] and not hub.requests


def test_an_adapter_on_the_hub_is_pinned_with_its_base(hub: Hub, tmp_path: Path, bert_files: dict[str, bytes]) -> None:
    pytest.importorskip("peft")
    base = hub.repo("someone/bert")
    base.commit(bert_files)
    folder = tmp_path / "adapter"
    save_adapter(folder, bert_files, base="someone/bert")
    first = hub.repo("someone/lora").commit_folder(folder)
    plain, adapted = ask(hub, tmp_path, ("load", "someone/bert"), ("load", "someone/lora"))
    assert adapted[:2] == plain[:2] and adapted[2] != pytest.approx(plain[2], rel=1e-3)
    [[name, commit]] = ask(hub, tmp_path, ("resolve", "someone/lora"))
    assert name == f"someone/lora@{first}" and commit not in (first, base.branches["main"])
    hub.repos["someone/lora"].commit({"README.md": b"the adapter's branch has moved on"})
    assert "adapter_model.safetensors" in ask(hub, tmp_path, ("folder", name, commit))[0]
    base.commit({**bert_files, "tokenizer_config.json": b"{}"})
    assert "changed since it was resolved" in ask(hub, tmp_path, ("folder", name, commit))[0]["message"]


def save_adapter(folder: Path, files: dict[str, bytes], *, base: str) -> None:
    """A LoRA adapter for the model with these files, which says that its base is ``base``."""
    import peft
    import transformers

    own = folder.parent / "base"
    own.mkdir()
    for name, content in files.items():
        (own / name).write_bytes(content)
    config = peft.LoraConfig(r=2, target_modules=["query"], init_lora_weights=False)
    peft.get_peft_model(transformers.AutoModel.from_pretrained(own), config).save_pretrained(folder)
    table = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps({**table, "base_model_name_or_path": base}))
