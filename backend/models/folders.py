"""What a folder with a model must hold, what identifies it, and the reasons for refusing it.

Nothing here executes anything that a folder brings: JSON is parsed, safetensors headers are read, the rest is hashed.
"""

import fnmatch
import hashlib
import json
from collections.abc import Collection
from importlib.metadata import version
from pathlib import Path
from typing import Any

from backend.errors import ModelError
from backend.forms.fingerprint import content_digest
from backend.models.own_code import needs_own_code, tokenizer_needs_own_code
from backend.values.history import ROWS_FILE

CONFIG = "config.json"
ADAPTER_CONFIG = "adapter_config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
TOKENIZER = "tokenizer.json"
TOKENIZER_PATTERNS = (
    *(TOKENIZER, "vocab.*", "*.model", "*.tiktoken", "tekken.json", "bpe.codes"),
    *("vocab-*.json", "*.spm", "*.tokenizer", "byte_maps.json"),  # FSMT, Marian, ProphetNet, MyT5
)
SMALL_PATTERNS = (
    *(CONFIG, ADAPTER_CONFIG, INDEX, "tokenizer*.json", "special_tokens_map.json", "added_tokens.json", "merges.txt"),
    *(pattern for pattern in TOKENIZER_PATTERNS if pattern != TOKENIZER),
    *("dict.txt", "emoji.json", "normalizer.json", "word_*.json", "entity_vocab.json", "target_vocab.json"),
)
WEIGHT_PATTERNS = (WEIGHTS, "model-*.safetensors", ADAPTER_WEIGHTS)
IDENTITY_PATTERNS = (*SMALL_PATTERNS, ROWS_FILE, "*.safetensors")  # what a model was trained on decides its test rows
MOST_JSON_BYTES = 8 * 2**20  # of a file of settings; 100,000 classes with their names take 5 MiB
MOST_INDEX_BYTES = 64 * 2**20  # of the list of the weights' files; that of a model in a thousand files has 10 MiB
MOST_TOKENIZER_BYTES = 512 * 2**20  # of the files of a tokenizer together; a vocabulary of 260,000 entries has 35 MiB
TOKENIZERS_WITHOUT_VOCABULARY = ("ByT5Tokenizer", "CanineTokenizer", "PerceiverTokenizer")
PICKLE_PATTERNS = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.pickle")
OTHER_FORMATS = {  # what else a folder may hold a model in: a limit of what is read here, no fault of the folder
    "GGUF": ("*.gguf", "*.ggml"),
    "TensorFlow": ("*.h5", "*.index", "saved_model.pb", "*.tflite"),
    "Flax": ("*.msgpack",),
    "ONNX": ("*.onnx",),
    "the format of Meta's or Mistral's own software": ("params.json", "consolidated*.safetensors"),
    "the format of diffusers": ("model_index.json",),
    "safetensors under another name": ("*.safetensors",),
}
REPAIR = "Save the model again with save_pretrained, together with its tokenizer, or download the folder again."

_digests: dict[tuple[str, int, int, str], str] = {}  # (path, size, mtime_ns, algorithm) -> hex digest


def folder_digest(folder: Path, also: Collection[str] = ()) -> str:
    """Identity of a folder with a model: 40 hex digits over the names and contents of the files that matter.

    ``also`` names further files that do.
    """
    names = [name for name in file_names(folder) if name in also or _matches(name, IDENTITY_PATTERNS)]
    parts = [part for name in names for part in (name, file_digest(folder / name))]
    return content_digest(*(part.encode() for part in parts))


def file_digest(path: Path, algorithm: str = "blake2b") -> str:
    """Hex digest of a file, read in chunks, remembered for as long as its size and modification time stay."""
    status = path.stat()
    key = (str(path), status.st_size, status.st_mtime_ns, algorithm)
    if key not in _digests:
        with path.open("rb") as file:
            _digests[key] = hashlib.file_digest(file, algorithm).hexdigest()
    return _digests[key]


def file_names(folder: Path) -> tuple[str, ...]:
    """The files directly in a folder, sorted; raises ModelError where it cannot be read."""
    try:
        return tuple(sorted(entry.name for entry in folder.iterdir() if entry.is_file()))
    except OSError as error:
        raise ModelError(f"The folder '{folder}' cannot be read: {error.strerror}.", "Check its permissions.") from None


def read_json(folder: Path, file_name: str, model: str) -> dict[str, Any]:
    """One JSON object from a model's folder; raises ModelError where it is missing, damaged or something else."""
    try:
        value = json.loads(read_small(model, folder / file_name))
    except FileNotFoundError:
        raise broken(model, f"it has no {file_name}") from None
    except (ValueError, RecursionError, OSError) as error:
        raise broken(model, f"{file_name} cannot be read as JSON ({type(error).__name__})") from None
    if not isinstance(value, dict):
        raise broken(model, f"{file_name} does not hold a JSON object")
    return value


def read_small(model: str, path: Path) -> str:
    """The text of a file of settings; raises ModelError where it has more bytes than any has, OSError, UnicodeDecodeError."""
    most = MOST_INDEX_BYTES if path.name == INDEX else MOST_JSON_BYTES
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ModelError(
            f"{path.name} of the model '{model}' has more than {most:,} bytes, which is the limit.",
            "Check that it is the file of settings that belongs there, or choose another model.",
        )
    return content.decode("utf-8")


def broken(model: str, reason: str) -> ModelError:
    """The error for a folder whose files are missing, damaged or do not belong together."""
    return ModelError(f"The model '{model}' is broken: {reason}.", REPAIR)


def unusable(model: str, reason: str) -> ModelError:
    """The error for files that are not used here, be it for what they hold or for what the libraries know."""
    return ModelError(
        f"The model '{model}' cannot be used: {reason}.",
        f"Embedscope and transformers {version('transformers')} cannot use it; the files themselves may be fine. Choose "
        "another model, or load this one elsewhere and save it again with save_pretrained.",
    )


def check_model(model: str, folder: Path, files: Collection[str], *, weights: bool) -> None:
    """Refuse a model that is not whole or not safe; ``weights`` says whether the weight files are in the folder yet.

    ``files`` are the names the model consists of, which may be more than the folder holds so far. Raises ModelError
    for: no or damaged configuration, remote code, quantised weights, pickle-only or no weights, a missing shard, a
    truncated weight file, no tokenizer.
    """
    config = read_json(folder, CONFIG, model) if CONFIG in files else None
    if config is None:
        if _pickles(files) and not _matching(files, ("*.safetensors",)):
            raise _pickle_only(model, files)
        raise _other_format(model, files) or broken(model, f"it has no {CONFIG}")
    check_sizes(model, folder)
    _check_code(model, folder, files, config)
    names = _weight_files(model, folder, files)
    if not has_tokenizer(model, folder, files):
        raise ModelError(
            f"The model '{model}' has no tokenizer (tokenizer.json or a vocabulary).",
            "Copy the tokenizer files of the model that it was made from into its folder, or save model and tokenizer together again.",
        )
    if weights:
        for name in names:
            tensor_shapes(model, folder / name)


def check_adapter(model: str, folder: Path, files: Collection[str]) -> dict[str, Any]:
    """The configuration of an adapter that is whole and safe; raises ModelError as check_model does."""
    check_sizes(model, folder)
    config = read_json(folder, ADAPTER_CONFIG, model)
    if "auto_map" in config:
        raise remote_code(model, ADAPTER_CONFIG)
    if not isinstance(config.get("base_model_name_or_path"), str) or not config["base_model_name_or_path"]:
        raise ModelError(
            f"The adapter '{model}' names no base model (base_model_name_or_path in its {ADAPTER_CONFIG}).",
            "Set that entry to the folder or hub id of the model that it was trained on.",
        )
    if ADAPTER_WEIGHTS not in files:
        if _pickles(files):
            raise _pickle_only(model, files)
        raise broken(model, f"it has no {ADAPTER_WEIGHTS}")
    tensor_shapes(model, folder / ADAPTER_WEIGHTS)
    return config


def weight_shapes(model: str, folder: Path) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor in a model's weight files, without reading the tensors."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name in _weight_files(model, folder, file_names(folder)):
        shapes.update(tensor_shapes(model, folder / name))
    return shapes


def tensor_shapes(model: str, path: Path) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor in one safetensors file; raises ModelError where it is truncated or damaged."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise broken(model, f"the weight file {path.name} is missing") from None
    except (SafetensorError, OSError, ValueError) as error:
        size = path.stat().st_size if path.exists() else 0
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise broken(model, f"{path.name} ({size:,} bytes) is truncated or damaged ({reason})") from None


def read_tensors(model: str, folder: Path, names: Collection[str]) -> dict[str, Any]:
    """Those of the tensors called ``names`` that a model's weight files hold, as torch tensors in their own format."""
    from safetensors import safe_open

    found: dict[str, Any] = {}
    for file_name in _weight_files(model, folder, file_names(folder)):
        with safe_open(folder / file_name, framework="pt") as file:
            found.update({name: file.get_tensor(name) for name in file.keys() if name in names})  # noqa: SIM118
    return found


def _weight_files(model: str, folder: Path, files: Collection[str]) -> tuple[str, ...]:
    if WEIGHTS in files:
        return (WEIGHTS,)
    if INDEX not in files:
        if _pickles(files):
            raise _pickle_only(model, files)
        raise _other_format(model, files) or broken(model, f"it has no weights (neither {WEIGHTS} nor {INDEX})")
    table = read_json(folder, INDEX, model).get("weight_map")
    if not isinstance(table, dict) or not table or not all(isinstance(name, str) for name in table.values()):
        raise broken(model, f"{INDEX} holds no weight_map")
    shards = tuple(sorted(set(table.values())))
    for shard in shards:
        if Path(shard).name != shard or not shard.endswith(".safetensors"):  # "../other/model.safetensors"
            raise broken(model, f"{INDEX} names '{shard}', which is not a safetensors file in this folder")
        if shard not in files:
            raise broken(model, f"{INDEX} names the shard {shard}, which is missing")
    return shards


def _check_code(model: str, folder: Path, files: Collection[str], config: dict[str, Any]) -> None:
    if needs_own_code(config):
        raise remote_code(model, CONFIG)
    if "tokenizer_config.json" in files:
        table = read_json(folder, "tokenizer_config.json", model)
        if tokenizer_needs_own_code(table, config, files):
            raise remote_code(model, "tokenizer_config.json")
    if config.get("quantization_config"):
        raise ModelError(
            f"The model '{model}' has quantised weights, which are not supported.",
            "Use the float32, float16 or bfloat16 checkpoint that it was made from.",
        )


def check_sizes(model: str, folder: Path) -> None:
    """Raise ModelError where the files of the tokenizer, which are read whole, have more bytes than any has."""
    sizes = [path.stat().st_size for path in folder.iterdir() if path.is_file() and _matches(path.name, SMALL_PATTERNS)]
    if sum(sizes) > MOST_TOKENIZER_BYTES:
        raise ModelError(
            f"The tokenizer and the settings of the model '{model}' have {sum(sizes):,} bytes; the limit is "
            f"{MOST_TOKENIZER_BYTES:,}.",
            "Check that they are the files that belong there, or choose another model.",
        )


def has_tokenizer(model: str, folder: Path, files: Collection[str]) -> bool:
    """Whether a tokenizer is among ``files``: a vocabulary, or the name of a tokenizer that needs none."""
    if _matching(files, TOKENIZER_PATTERNS):
        return True
    config = read_json(folder, "tokenizer_config.json", model) if "tokenizer_config.json" in files else {}
    return config.get("tokenizer_class") in TOKENIZERS_WITHOUT_VOCABULARY


def remote_code(model: str, file_name: str) -> ModelError:
    """The error for a model that asks for code which the library does not have itself."""
    return ModelError(
        f"The model '{model}' needs code of its own ({file_name} has an 'auto_map'), which is never executed.",
        "Use a checkpoint whose architecture is part of the transformers library.",
    )


def _pickle_only(model: str, files: Collection[str]) -> ModelError:
    return ModelError(
        f"The model '{model}' has only pickle weights ({', '.join(_pickles(files)[:3])}), which can run arbitrary code.",
        "Use a revision with safetensors. If you trust this one, convert it: save_pretrained writes safetensors.",
    )


def _other_format(model: str, files: Collection[str]) -> ModelError | None:
    """The error for a model whose weights are there in a format that is not read, None where there are none at all."""
    for what, patterns in OTHER_FORMATS.items():
        found = [name for name in _matching(files, patterns) if not _matches(name, WEIGHT_PATTERNS)]
        if found:
            return ModelError(
                f"The model '{model}' is in {what} ({', '.join(found[:3])}), which cannot be read here.",
                f"Use its version for transformers, with {CONFIG} and {WEIGHTS}.",
            )
    return None


def _pickles(files: Collection[str]) -> list[str]:
    return _matching(files, PICKLE_PATTERNS)


def _matching(files: Collection[str], patterns: Collection[str]) -> list[str]:
    return sorted(name for name in files if _matches(name, patterns))


def _matches(name: str, patterns: Collection[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
