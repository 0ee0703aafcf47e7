"""Our two block rules give the places that the kept parser's own rules give, on whatever text."""

import random
from itertools import zip_longest

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from proposal.block_rules import PLAIN, TABLE, use_short_cuts
from tests.conftest import shared_proposals

LINES = (
    "a", "a|b", "- b", "  - c", "    d", "> e", "> > f", "# g", "# a|b", "***", "---", "- - -", "===", "=", "-",
    "|a|b|", "|-|-|", "--|--", "| - |", ":-:", "|:-:|", "1. x", "2) y", "10. z", "", "", "   ", "\tq", "```",
    "~~~", "<div>", "</div>", "<!-- c -->", "* s", "+ t", "_u_", "__", "- - v", ">", "- |a|b|", "  |-|-|",
    "  |1|2|", "> |a|b|", "> |-|-|", "\x0b a", " \xa0b", "[a]: b", "\u3000中文", "#bare", "1.bare", "text  ",
    "a\\|b|c",
)  # fmt: skip


def parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"maxNesting": 16}).enable("table").disable(["inline", "text_join", "reference"])


OURS, THEIRS = parser().use(use_short_cuts), parser()


def leaves(tokens: list[Token]) -> list[tuple[object, ...]]:
    """Return type, place, level and first line of everything but the cells of tables."""
    found: list[tuple[object, ...]] = []
    inside = False
    for token, following in zip_longest(tokens, tokens[1:]):
        inside = inside and token.type != "table_close"
        kind = {PLAIN: "paragraph_open", TABLE: "table_open"}.get(token.type, token.type)
        if inside or kind in {"paragraph_close", "table_close", "inline"}:
            continue
        first_line = ""
        if kind == "paragraph_open":
            content = token.content or (following.content if following else "")
            first_line = content.split("\n", 1)[0].rstrip()
        found.append((kind, tuple(token.map or ()), token.level, token.tag, first_line))
        inside = kind == "table_open" and token.type != TABLE
    return found


def test_random_lines_give_the_same_blocks_as_the_parser_alone() -> None:
    source = random.Random(20261122)
    for _ in range(1_500):
        text = "\n".join(source.choice(LINES) for _ in range(source.randint(1, 8)))
        assert leaves(OURS.parse(text)) == leaves(THEIRS.parse(text)), text


@pytest.mark.slow
def test_every_shared_proposal_gives_the_same_blocks_as_the_parser_alone(shared_data) -> None:
    for identity, body in shared_proposals(shared_data):
        assert leaves(OURS.parse(body)) == leaves(THEIRS.parse(body)), identity
