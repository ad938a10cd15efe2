"""Links that ask for anything: every kind of field keeps its own value and says so. (Those of pages: tests/pages/kit.)"""

import random

from streamlit.testing.v1 import AppTest

from tests.attacks.made import WORDS
from tests.guards import guarded

N_FIELDS, N_LINKS = 72, 28  # a payload for each field of each link: 2,016 in all
HOSTILE = (
    *(
        "inf",
        "-inf",
        "nan",
        "-1",
        "1e999",
        "9" * 5000,
        "",
        " ",
        "none",
        "true",
        "0x10",
        "1_000",
        "١٢",
        "1.5",
        "x" * 5_000,
    ),
    *(
        "\x00",
        "\x1b[31m",
        "\u202eabc",
        "\u200b",
        "<script>alert(1)</script>",
        "[l](javascript:alert(1))",
        "$x$",
        ":red[x]",
    ),
    *("../../etc/passwd", "__class__", "{}", "%00", "'; drop", "1,2,3", "-1-5", "0-99999999999", "all,all"),
    *(word for word in WORDS if word.isprintable() or (len(word) == 1 and word < "\ud800")),
)


def _fields() -> None:
    from pages._kit.state import ask, view
    from pages._kit.state.address import say_gone

    view.begin("test")
    options = ["a", "b", None, 3, True]
    for place in range(9):
        ask.selectbox("One", options, key=f"f{place}_0")
        ask.segmented_control("Side", ["x", "y"], default="x", key=f"f{place}_1")
        ask.select_slider("Slid", [0, 1, 2, 10], 1, key=f"f{place}_2")
        ask.multiselect("Some", options, key=f"f{place}_3", max_selections=2)
        ask.toggle("On", key=f"f{place}_4")
        ask.number_input("Whole", key=f"f{place}_5", value=3, min_value=0, max_value=100)
        ask.number_input("Share", key=f"f{place}_6", value=None, whole=False)
        ask.text_input("Text", "0-2", key=f"f{place}_7", max_chars=50)
    say_gone()


def test_every_kind_of_field_takes_its_own_values_alone() -> None:
    asked = said = 0
    with guarded("links", seconds=40):
        for link in range(N_LINKS):
            draw = random.Random(f"link {link}")
            at = AppTest.from_function(_fields, default_timeout=60)
            words = {f"f{place}_{kind}": draw.choice(HOSTILE) for place in range(9) for kind in range(8)}
            for key, word in words.items():
                at.query_params[key] = word if draw.random() < 0.8 else [word, draw.choice(HOSTILE)] * 5
            at.run()
            assert not at.exception, [one.value for one in at.exception]
            view = at.session_state["_view"]
            assert set(view.drawn) == set(words)
            assert all(len(sentence) < 300 for sentence in view.gone.values())
            assert len(at.warning) == len(view.gone)
            asked, said = asked + len(words), said + len(view.gone)
    assert asked == N_FIELDS * N_LINKS and asked > 2_000
    assert said > asked // 3, "what is not there is said"
