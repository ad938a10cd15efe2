"""A page with nothing but the section "Inside the network", on the first model of the sidebar."""

from pages._ui.inner import inner_panel
from pages._ui.selection import ready, sidebar

sidebar()
here = ready()
inner_panel(here, here.models[0])
