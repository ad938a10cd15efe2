"""A page with two findings of one result, driven by test_finding.py."""

from pages._kit.show.finding import said_once, show
from tests.pages.test_finding import finding

with said_once():
    show(finding("small_first"))
    show(finding("small_second", crosses=True))
show(finding("small_nothing", figure=None))
