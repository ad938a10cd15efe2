"""A page with findings of one result, driven by test_finding.py; ?below=each shows findings of two models instead."""

import streamlit as st

from pages._kit.show.finding import said_once, show
from tests.pages.kit.test_finding import finding, result

if "below" in st.query_params:
    with said_once(below_each=True):
        show(finding("small_first"))
        show(finding("small_second", results=[result("gpt2")]))
else:
    with said_once():
        show(finding("small_first"))
        show(finding("small_second", crosses=True))
    show(finding("small_nothing", figure=None))
