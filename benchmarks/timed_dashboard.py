"""The dashboard, as ``backend up`` starts it, with a clock at each run of its script: ``python -m benchmarks.timed_dashboard FOLDER ...``.

Into FOLDER go ``runs.jsonl``, a line for each run of a whole page (milliseconds on the clock, and of its thread's processor time),
and ``KEY.json``, the first figure that was drawn under each key, with its height, for a bare page to draw the same.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import RerunData, ScriptRunner
from streamlit.web import cli

from pages._kit.guard import set_guard
from pages._kit.launch import APP
from pages._kit.library import served_script
from pages._kit.show import plot

RUNS = "runs.jsonl"


def main() -> None:
    """Start it; what follows the folder goes to Streamlit."""
    folder = Path(sys.argv[1])
    _time_runs(folder / RUNS)
    _keep_figures(folder)
    PagesManager.uses_pages_directory = False
    options = set_guard(["127.0.0.1"], served_script(APP.parent / "static"))
    sys.argv = ["streamlit", "run", str(APP), *options, *sys.argv[2:]]
    cli.main(prog_name="streamlit")


def _time_runs(path: Path) -> None:
    run = ScriptRunner._run_script

    def timed(self: ScriptRunner, rerun_data: RerunData) -> None:
        clock, processor = time.perf_counter(), time.thread_time()
        try:
            run(self, rerun_data)
        finally:
            took = {"clock": 1e3 * (time.perf_counter() - clock), "processor": 1e3 * (time.thread_time() - processor)}
            if not rerun_data.fragment_id:
                with path.open("a") as file:
                    file.write(json.dumps(took) + "\n")

    ScriptRunner._run_script = timed  # type: ignore[method-assign]  # a clock around it


def _keep_figures(folder: Path) -> None:
    payload = plot._payload

    def kept(*given: Any) -> bytes:  # a figure, its options, and what else plot has
        figure, options = given[:2]
        path = folder / f"{options.key}.json"
        if options.key and not path.exists():
            path.write_text(go.Figure(figure).update_layout(height=options.height).to_json())
        return payload(*given)

    plot._payload = kept  # type: ignore[assignment]  # a copy on the way


if __name__ == "__main__":
    main()
