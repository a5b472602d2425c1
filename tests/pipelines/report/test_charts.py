"""Charts: each has its takeaway, and names from data stay text in them."""

import html
import re

from report_warehouse import Page


def test_every_chart_says_its_takeaway(full_page: str) -> None:
    page = Page(full_page)
    charts = [attributes for tag, attributes in page.elements if tag == "svg"]
    assert len(charts) == 20
    captions = [html.unescape(c) for c in re.findall(r"<figcaption>(.*?)</figcaption>", full_page)]
    for attributes, caption in zip(charts, captions, strict=True):
        assert attributes["role"] == "img"
        assert str(attributes["aria-label"]).endswith(caption)
        assert re.search(r"\d", caption)


def test_hostile_names_cannot_break_out_of_a_chart(hostile_page: str) -> None:
    drawn = re.findall(r"<svg .*?</svg>", hostile_page, re.DOTALL)
    assert len(drawn) == hostile_page.count("<svg ") == 20
    tags = {tag for svg in drawn for tag, _ in Page(svg).elements}
    assert tags <= {"svg", "g", "path", "defs", "use", "text", "tspan", "clippath", "rect"}
    assert any("&lt;script&gt;" in svg for svg in drawn)
