"""One family of models after another through all that is done with a model, beside the library's own numbers.

python -m tests.models.families [family ...]     tries them and prints a line each
python -m tests.models.families --write          tries all and writes tests/models/families.json and docs/families.md
"""

import inspect
import json
import sys
import tempfile
import warnings
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from transformers import CONFIG_MAPPING, MODEL_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING, MODEL_MAPPING_NAMES

from backend.errors import EmbedscopeError
from backend.models.heads import own_head
from backend.models.network import TextNetwork
from backend.values.activations import no_report
from backend.values.specs import ActivationSpec, TextSetSpec
from backend.values.texts import TextTable
from tests.models import tiny
from tests.models.sinks import extracted, loaded_model, pooled, relative_error
from tests.models.zoo import tiny_config

TABLE = Path(__file__).with_name("families.json")
DOCUMENT = Path(__file__).parents[2] / "docs" / "families.md"
ROUNDING = 1e-4
CLASSES = {"id2label": {0: "dull", 1: "bright", 2: "neither"}, "label2id": {"dull": 0, "bright": 1, "neither": 2}}


@dataclass(frozen=True, slots=True)
class Row:
    """What became of a family. ``outcome``: "supported", "refused" (by us, with ``reason``), "unlike" the library, or "not
    tried" (no tiny model could be made here; ``reason`` says why).

    ``last`` names the last layer; ``batching`` the batches that it was found to need; ``hidden`` says which of the layers
    before are unlike the library's ``hidden_states``; ``ablation`` and ``head`` say whether those work, or why not.
    """

    family: str
    outcome: str
    reason: str = ""
    last: str = ""
    batching: str = ""
    hidden: str = ""
    ablation: str = ""
    head: str = ""


def text_families() -> list[str]:
    """Every model type whose class in the library takes tokens, by name."""
    found = []
    for family in MODEL_MAPPING_NAMES:
        try:
            kinds = MODEL_MAPPING[CONFIG_MAPPING[family]]
            kind = kinds[0] if isinstance(kinds, tuple) else kinds
            names = inspect.signature(kind.forward).parameters
        except (ImportError, KeyError, ValueError):  # a class that lacks a package, or that the mapping alone names
            continue
        if "input_ids" in names:
            found.append(family)
    return sorted(found)


def tried(family: str, folder: Path) -> Row:
    """``family`` through resolve, load, extraction, ablation and its own head; anything but our own errors is raised."""
    if getattr(CONFIG_MAPPING[family], "sub_configs", {}):
        return Row(
            family, "not tried", "of several models: tests/models/test_composite.py tries the language models of some"
        )
    try:
        config = tiny_config(family)
        with torch.device("meta"):
            n_parameters = sum(one.numel() for one in transformers.AutoModel.from_config(config).parameters())
        assert n_parameters < 4e6, f"{n_parameters:,} parameters are not tiny"
        tiny.save(folder / "model", config)
        own = transformers.AutoModel.from_pretrained(folder / "model", config=config).eval()
    except Exception as error:
        return Row(family, "not tried", f"{type(error).__name__}: {' '.join(str(error).split())[:120]}")
    try:
        loaded = loaded_model(folder / "model")
    except EmbedscopeError as error:
        return Row(family, "refused", error.message.replace(str(folder / "model"), family))
    info = loaded.info
    own = own.get_encoder() if info.family == "encoder-decoder" else own
    said = {"last": info.layer_names[-1], "batching": loaded.batching}
    try:
        found = {most: extracted(loaded, tiny.TEXTS, batch_tokens=most) for most in (60, 1)}
    except EmbedscopeError as error:
        return Row(family, "refused", error.message.replace(str(folder / "model"), family), **said)
    try:
        wrong, unlike = compared(loaded, own, found)
    except Exception as error:
        return Row(family, "not tried", f"the library itself fails: {type(error).__name__}: {error}"[:160], **said)
    if wrong:
        return Row(family, "unlike", wrong, **said, hidden=unlike)
    return Row(
        family, "supported", "", **said, hidden=unlike, ablation=ablation(loaded, found[60]), head=head(family, folder)
    )


def compared(loaded: Any, own: Any, found: dict[int, Any]) -> tuple[str, str]:
    """What of the last layer is not the library's last hidden state; and which other layers are unlike its hidden states."""
    last, wrong, unlike = len(loaded.info.layer_names) - 1, "", set()
    for row, text in enumerate(tiny.TEXTS):
        ids = torch.tensor([loaded.tokenizer(text).input_ids])
        with torch.no_grad():
            inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
            if "attention_mask" not in inspect.signature(own.forward).parameters:
                del inputs["attention_mask"]
            output = own(**inputs, output_hidden_states=True)
        states = getattr(output, "hidden_states", None) or ()
        state = getattr(output, "last_hidden_state", states[-1] if states else None)
        if state is None or state.ndim != 3:
            return "the library gives no last hidden state", ""
        if loaded.info.caveats:
            return f"said on every figure: {loaded.info.caveats[0]}", ""
        expected = state[0].double().mean(0).numpy()
        for most, rows in found.items():
            gap = relative_error(rows.matrix(last, "mean")[row], expected)
            if not gap < ROUNDING:
                kind = "alone" if most == 1 else "padded"
                wrong = wrong or f"the last layer differs by {gap:.1g}, {kind}"
        for layer in range(loaded.info.n_blocks):
            if not states or layer >= len(states) or states[layer].ndim != 3 or states[layer].shape[1] < ids.shape[1]:
                unlike.add(layer)
                continue
            hidden = pooled(states[layer][0, : ids.shape[1]].numpy(), "mean")
            mine = found[1].matrix(layer, "mean")[row]
            if mine.shape != hidden.shape or not relative_error(mine, hidden) < ROUNDING:
                unlike.add(layer)
    return wrong, ", ".join(loaded.info.layer_names[layer] for layer in sorted(unlike))


def ablation(loaded: Any, found: Any) -> str:
    """Dimensions overwritten inside the network: "works", or what is wrong."""
    last = len(loaded.info.layer_names) - 1
    spec = ActivationSpec(loaded.spec, TextSetSpec("texts", "0" * 40, len(tiny.TEXTS)), last, "mean", 64)
    network = TextNetwork(lambda: loaded, spec, TextTable("texts", tuple(tiny.TEXTS)), 60)
    numbers, dims = np.arange(len(tiny.TEXTS)), (0, 3)
    plain = found.matrix(last, "mean")
    try:
        expected = plain.copy()
        expected[:, list(dims)] = 0.0
        if not np.allclose(network.final_rows(numbers, last, dims, "zero", no_report), expected, atol=1e-5):
            return "the last layer is not overwritten"
        inner = network.final_rows(numbers, 1, dims, "mean", no_report)
        if not np.isfinite(inner).all() or relative_error(inner, plain) < ROUNDING:
            return "an inner layer changes nothing"
    except EmbedscopeError as error:
        return error.message
    return "works"


def head(family: str, folder: Path) -> str:
    """The own sequence-classification head: "own" where it is read as numbers, else why not; "none" where there is none."""
    config = tiny_config(family)
    if type(config) not in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING:
        return "none"
    config.id2label, config.label2id = CLASSES["id2label"], CLASSES["label2id"]
    try:
        tiny.save(folder / "head", config, transformers.AutoModelForSequenceClassification)
    except Exception as error:
        return f"not tried ({type(error).__name__})"
    try:
        loaded = loaded_model(folder / "head")
        got, why = own_head(loaded)
    except EmbedscopeError as error:
        return error.message.replace(str(folder / "head"), family)
    if got is None:
        return why
    rows = extracted(loaded, tiny.TEXTS, batch_tokens=60).matrix(got.layer, got.pooling)
    for row, text in enumerate(tiny.TEXTS):
        ids = torch.tensor([loaded.tokenizer(text).input_ids])
        with torch.no_grad():
            expected = loaded.module(input_ids=ids).logits[0].double().numpy()
        gap = np.abs(got.logits(rows[row : row + 1])[0] - expected).max()
        if not gap < 1e-3 * (1 + np.abs(expected).max()):
            return f"unlike the library by {gap:.1g}"
    return "own"


def document(rows: list[Row]) -> str:
    """docs/families.md: how many families there are of which kind, and a line for each that was tried or refused."""
    count = Counter(row.outcome for row in rows)
    good = [row for row in rows if row.outcome == "supported"]
    heads = [row for row in good if row.head != "none"]
    lines = [
        "# Families of models",
        "",
        "Every model type of the installed transformers library whose class takes tokens, tested as a tiny random model: the model is",
        "resolved, loaded, run over texts padded and one by one, ablated inside the network, and its own head is read. The library runs",
        "the same texts one by one for comparison. Generated by `python -m tests.models.families --write`; `make test` tests a sample,",
        "`EMBEDSCOPE_FAMILIES=all .venv/bin/python -m pytest tests/models/test_family_table.py` all of them.",
        "",
        f"Of {len(rows)} types {count['supported']} are supported: in each the last layer is the library's last hidden state, text by text, padded",
        f"and alone, to {ROUNDING:g} of its length; {sum(row.last == 'final norm' for row in good)} end in a final norm. {sum(row.batching != 'padded' for row in good)} need batches of one length.",
        f"{len(heads)} have a classifier, and in {sum(row.head == 'own' for row in heads)} its head is read as the model's own; in the others a head is fitted, and results say so.",
        f"{count['refused']} are refused with a reason, {count['unlike']} differ from the library in a way that is reported, {count['not tried']} were not tested.",
        "",
        "| type | outcome | last layer | batches | layers unlike `hidden_states` | ablation | own head |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {row.family} | {row.outcome}{': ' + _cell(row.reason) if row.reason else ''} | {row.last} | {row.batching} | {row.hidden} | {_cell(row.ablation)} | {_cell(row.head)} |"
            for row in rows
            if row.outcome != "not tried"
        ),
        "",
        "Layers unlike `hidden_states`: Mamba and others list the output after each block, without the embedding output; their names",
        "are shifted by one.",
        "",
        "Not tested, by reason:",
        "",
        *(
            f"- {reason}: {', '.join(row.family for row in rows if row.outcome == 'not tried' and _cell(row.reason) == reason)}."
            for reason in sorted({_cell(row.reason) for row in rows if row.outcome == "not tried"})
        ),
    ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").rstrip(".")


def try_all(families: list[str]) -> list[Row]:
    rows = []
    for family in families:
        with tempfile.TemporaryDirectory() as folder:
            try:
                row = tried(family, Path(folder))
            except Exception as error:
                row = Row(family, "CRASH", f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")
        print("|".join(str(value) for value in asdict(row).values()), flush=True)
        rows.append(row)
    return rows


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    transformers.utils.logging.set_verbosity_error()
    named = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    if "--document" in sys.argv:
        rows = [Row(**row) for row in json.loads(TABLE.read_text())]
    else:
        rows = try_all(named or text_families())
    if "--write" in sys.argv:
        TABLE.write_text("[\n" + ",\n".join(json.dumps(asdict(row)) for row in rows) + "\n]\n")
    if "--write" in sys.argv or "--document" in sys.argv:
        DOCUMENT.write_text(document(rows))
