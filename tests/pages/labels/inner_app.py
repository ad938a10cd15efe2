"""A page with nothing but the section "Inside the network", on the first model of the sidebar."""

from pages._kit.state.selection import ready, sidebar
from pages._kit.state.view import begin
from pages.labels.ablation.inner import inner_panel

begin("inner")
sidebar()
here = ready()
inner_panel(here, here.models[0])
