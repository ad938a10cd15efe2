"""The library that draws charts, as a file that this server hands out: plotly.min.js of the installed plotly."""

import contextlib
import logging
import os
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

LONG_AGO = 946684800  # 1 January 2000, in seconds
_NAME = f"plotly-{version('plotly')}.top.min.js"
SCRIPT = f"app/static/{_NAME}"  # below the server's root
# plotly.min.js is one function of 4.8 MB inside another that loaders of other kinds need
_BEFORE = """(
 function(root, factory) {
  if (typeof module === "object" && module.exports) {
   module.exports = factory();
  } else {
   root.moduleName = factory();
  }
} (typeof self !== "undefined" ? self : this, () => {
"""
_AFTER = """
window.Plotly = Plotly;
return Plotly;
}));"""


def served_script(folder: Path) -> str:
    """The library's path below the server's root, where the served ``folder`` has it or can be given it; "" where not."""
    return SCRIPT if provide_script(folder) else ""


def provide_script(folder: Path) -> bool:
    """Put plotly.min.js of the installed plotly into the served ``folder``; False where that cannot be done.

    Streamlit says nothing of how long a browser may keep it, and compresses its 5 MB anew for each that asks. A browser then keeps
    a file for a tenth of its age: so it is old. Its name has the version, and what has that name never changes.
    """
    target = folder / _NAME
    if target.is_file() and target.stat().st_mtime <= LONG_AGO:
        return True
    spec = find_spec("plotly")  # whoever only serves it need not import it
    source = Path(str(spec and spec.origin)).parent / "package_data" / "plotly.min.js"
    partial = target.with_suffix(f".{os.getpid()}.partial")
    try:
        folder.mkdir(exist_ok=True)
        partial.write_text(at_the_top(source.read_text("utf-8")), "utf-8", newline="")
        os.utime(partial, (LONG_AGO, LONG_AGO))
        partial.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        if target.is_file():  # of somebody else's making, in a folder that is not to be written to
            return True
        logging.getLogger(__name__).warning("Charts lose their zoom at each change: %s", error)
        return False
    return True


def at_the_top(script: str) -> str:
    """The library as statements of a page's script instead of a function's; unchanged where it isn't wrapped as expected.

    A browser reads a script's own statements while it loads, beside everything else. What is in a function that is handed on
    it reads only when that function runs, and here all of it: 0.3 s in which the page stands still.
    """
    if script.count(_BEFORE) != 1 or not script.rstrip().endswith(_AFTER):
        return script
    return script.rstrip().removesuffix(_AFTER).replace(_BEFORE, "") + "\nwindow.Plotly = Plotly;\n"
