"""Pages that open without the dashboard and without a network: figures drawn by the same code as in it, sliders and all."""

import html
from collections.abc import Sequence

from plotly.offline import get_plotlyjs

from backend import visible
from pages._kit.show.plot import CSS, JAVASCRIPT

_STYLE = (
    "body{font-family:Helvetica,Arial,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1f2430}"
    "h1{font-size:1.4rem}p.about{color:#555;margin:.2rem 0}"
)
_START = """
for (const place of document.querySelectorAll(".embedscope-figure"))
  draw({ data: new TextEncoder().encode(place.firstElementChild.textContent), parentElement: place, setStateValue() {} });
"""


def words(text: str) -> str:
    """``text`` as words of a page: no markup, and nothing in it that turns round the words behind it."""
    return html.escape(visible(text))


def figure_block(document: str) -> str:
    """A figure for the body of ``page``, by what ``chart_document`` says of it."""
    safe = document.replace("<", "\\u003c")  # nothing in it can end the element
    return f'<div class="embedscope-figure"><script type="application/json">{safe}</script></div>'


def page(title: str, body: str, *, style: str = "", library: str = "") -> str:
    """One HTML file: ``body`` with the figures in it, and what draws them, once; ``library`` is a file beside it with
    plotly.js, which is in the page itself where none is named."""
    script = f'<script src="{html.escape(library)}"></script>' if library else f"<script>{get_plotlyjs()}</script>"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{words(title)}</title>'
        f"<style>{_STYLE}{style}{CSS}</style>{script}</head>"
        f'<body>{body}<script type="module">{JAVASCRIPT}{_START}</script></body></html>'
    )


def figure_page(document: str, *, title: Sequence[str], below: Sequence[str], library: str = "") -> str:
    """A page of one figure: its title in lines, the figure, and paragraphs ``below`` it; plain text, which is escaped."""
    name, *about = title
    above = f"<h1>{words(name)}</h1>" + "".join(f'<p class="about">{words(line)}</p>' for line in about)
    rest = "".join(f"<p>{words(line)}</p>" for line in below if line)
    return page(name, above + figure_block(document) + rest, library=library)
