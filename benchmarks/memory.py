"""Peak resident memory of an extraction: 20,000 texts against 1,000, and 500,000 token vectors against 25,000.

The target: at most 300 MB more.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from backend.settings import PROJECT

_WORDS = [
    "the",
    "film",
    "hotel",
    "train",
    "was",
    "is",
    "not",
    "very",
    "long",
    "short",
    "good",
    "bad",
    "and",
    "but",
    "with",
    "without",
    "music",
    "light",
    "rain",
    "story",
]
_CHILD = """
import json, resource, sys, time
import backend
bench = backend.open_workbench()
texts = bench.read_texts(sys.argv[1])
start = time.perf_counter()
how = {"pooling": "tokens", "tokens": backend.TokenSample(int(sys.argv[2]))} if sys.argv[2:] else {}
result = bench.compute("anisotropy" if how else "average_cosine", model="minilm", texts=texts, **how)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"peak_mb": peak, "seconds": time.perf_counter() - start, "rows": result.sources[0].n_rows}))
"""


def main() -> None:
    """Print peak memory and time for both sizes, each in a process of its own with an empty cache."""
    print("Peak resident memory of one analysis of minilm (extraction of 7 layers x 3 poolings, then average cosine)")
    peaks = {}
    for n_texts in (1_000, 20_000):
        measured = _measure(n_texts)
        peaks[n_texts] = measured["peak_mb"]
        print(f"  {n_texts:6} texts: {measured['peak_mb']:7.0f} MB, {measured['seconds']:6.1f} s")
    print(f"  difference: {peaks[20_000] - peaks[1_000]:.0f} MB (target: at most 300 MB)")
    print("The same with pooling tokens and anisotropy: 7 layers of as many token vectors, on disk 10.8 kB each")
    for n_texts, n_tokens in ((1_250, 25_000), (25_000, 500_000)):
        measured = _measure(n_texts, n_tokens)
        peaks[n_tokens] = measured["peak_mb"]
        print(f"  {measured['rows']:6} tokens: {measured['peak_mb']:7.0f} MB, {measured['seconds']:6.1f} s")
    print(f"  difference: {peaks[500_000] - peaks[25_000]:.0f} MB (target: at most 300 MB)")


def _measure(n_texts: int, n_tokens: int = 0) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "texts.txt"
        path.write_text("\n".join(text_of(number) for number in range(n_texts)))
        environment = {"EMBEDSCOPE_CACHE": f"{folder}/cache", "EMBEDSCOPE_BACKEND": "", "PATH": "/usr/bin:/bin"}
        command = [sys.executable, "-c", _CHILD, str(path), *([str(n_tokens)] if n_tokens else [])]
        done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def text_of(number: int) -> str:
    """A distinct text of 8 to 40 words."""
    words = [_WORDS[(number * 7 + i * i * 3 + i * number) % len(_WORDS)] for i in range(8 + number % 33)]
    return f"{number} {' '.join(words)}"


if __name__ == "__main__":
    main()
