"""Start the dashboard: ``streamlit run app.py`` that knows from its first visitor on where the pages come from.

Left alone, a Streamlit server takes a folder called ``pages`` for its older, automatic kind of pages until some session
has reached ``st.navigation``; whoever opens a deep link first is then told "Page not found" over the page itself.
"""

import sys

from streamlit.runtime.pages_manager import PagesManager
from streamlit.web import cli

from backend import DASHBOARD

APP = DASHBOARD / "app.py"

if __name__ == "__main__":
    PagesManager.uses_pages_directory = False
    sys.argv = ["streamlit", "run", str(APP), *sys.argv[1:]]
    cli.main(prog_name="streamlit")
