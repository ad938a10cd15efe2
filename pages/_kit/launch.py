"""Start the dashboard: ``streamlit run app.py`` that knows from its first visitor on where the pages come from.

Left alone, a Streamlit server takes a folder called ``pages`` for its older, automatic kind of pages until some session
has reached ``st.navigation``; whoever opens a deep link first is then told "Page not found" over the page itself.
An address that others reach is only served with a login, or where the settings say so.
"""

import os
import sys

from streamlit import config
from streamlit.runtime.pages_manager import PagesManager
from streamlit.web import cli

from backend import DASHBOARD, read_settings
from pages._kit.guard import set_guard
from pages._kit.library import served_script
from pages._kit.state.login import hosts, unsafe

APP = DASHBOARD / "app.py"


def main() -> None:
    """Start it, by the settings and with the options of the command line."""
    settings, secrets = read_settings(), os.environ.get("STREAMLIT_SECRETS_FILES", "").split()
    if secrets:  # Streamlit reads it only once it runs
        config.set_option("secrets.files", secrets)
    message, hint = unsafe(settings, settings.host)
    if message:
        sys.stderr.write(f"\n{message}\n{hint}\n\n")
        sys.exit(2)
    PagesManager.uses_pages_directory = False
    library = served_script(APP.parent / "static")
    options = ["--server.address", settings.host, *set_guard(hosts(settings, settings.host), library)]
    sys.argv = ["streamlit", "run", str(APP), *options, *sys.argv[1:]]
    cli.main(prog_name="streamlit")


if __name__ == "__main__":
    main()
