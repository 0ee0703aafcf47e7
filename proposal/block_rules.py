"""Two block rules in front of those of the kept Markdown parser: its own answers, found sooner.

Nine lines of ten open or continue a plain paragraph, and the parser asks every rule about each of them; it also makes
three tokens of every table cell, where only the table's place is wanted here. Whatever is not plainly one of the two
goes to the parser's own rules. A test holds the tokens of both against each other on every shared proposal.
"""

from __future__ import annotations

from markdown_it import MarkdownIt
from markdown_it.common.utils import mdTrim
from markdown_it.rules_block import StateBlock, heading, list_block
from markdown_it.rules_block import table as begins_table

PLAIN, TABLE = "plain", "plain_table"
"""Types of our tokens: one for a whole block; a paragraph's holds its first line."""

_MARKERS = frozenset("`~>*-+_#<|:=0123456789")
"""What a line begins with that may be more than a paragraph's line."""

_DIRECT = frozenset("#*-+0123456789")
"""Markers of headings and list items."""

_UNDERLINE = "|-:= \t"
"""What a setext underline or the delimiter row of a table consists of."""


def use_short_cuts(parser: MarkdownIt) -> None:
    """Let the parser ask our two rules first (a plugin, as `MarkdownIt.use` takes it)."""
    parser.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
    parser.block.ruler.before("table", "sooner", _sooner)


def _sooner(state: StateBlock, first: int, end: int, _silent: bool) -> bool:
    """Read a plain paragraph, or go straight to the only rule that a heading or list item can mean."""
    if state.sCount[first] - state.blkIndent >= 4:
        return False
    start = state.bMarks[first] + state.tShift[first]
    mark = state.src[start]
    if mark not in _MARKERS:
        return _paragraph(state, first, start)
    if mark not in _DIRECT or (first + 1 < state.lineMax and _may_underline(state, first + 1)):
        return False
    if mark == "#":
        return heading(state, first, end, False)
    return not _is_rule(state.src[start : state.eMarks[first]]) and list_block(state, first, end, False)


def _may_underline(state: StateBlock, line: int) -> bool:
    """Tell whether a line can be the delimiter row that makes a table of the line above it."""
    start, end = state.bMarks[line] + state.tShift[line], state.eMarks[line]
    return start < end and state.src[start] in "|-:" and not state.src[start:end].strip(_UNDERLINE)


def _is_rule(line: str) -> bool:
    """Tell whether a line that begins as a list item may be a horizontal rule ("- - -")."""
    return line[0] in "*-" and not line.strip(line[0] + " \t")


def _paragraph(state: StateBlock, first: int, start: int) -> bool:
    """Read a paragraph that holds neither underline nor delimiter row; False when it may hold one."""
    begins, shifts, ends = state.bMarks, state.tShift, state.eMarks
    source, indents, indent = state.src, state.sCount, state.blkIndent
    terminators = state.md.block.ruler.getRules("paragraph")
    parent, line, end = state.parentType, first + 1, state.lineMax
    while line < end:
        place = begins[line] + shifts[line]
        if place >= ends[line]:
            break
        if 0 <= indents[line] <= indent + 3 and source[place] in _MARKERS:
            if not source[place : ends[line]].strip(_UNDERLINE):
                return False
            state.parentType = "paragraph"
            ended = any(rule(state, line, end, True) for rule in terminators)
            state.parentType = parent
            if ended:
                break
        line += 1
    state.line = line
    token = state.push(PLAIN, "p", 0)
    token.map, token.content = [first, line], mdTrim(source[start : ends[first]])
    return True


def _table(state: StateBlock, first: int, end: int, silent: bool) -> bool:
    """Find where a table ends, by the rules of the parser, and make no tokens of its cells."""
    if first + 2 > end:
        return False
    second = state.bMarks[first + 1] + state.tShift[first + 1]
    if second >= state.eMarks[first + 1] or state.src[second] not in "|-:" or not begins_table(state, first, end, True):
        return False
    if silent:
        return True
    token = state.push(TABLE, "table", 0)
    token.map = place = [first, first]
    parent, state.parentType = state.parentType, "table"
    # The parser ends a table where a quote would end: there is no chain of rules of its own for it.
    terminators = state.md.block.ruler.getRules("blockquote")
    line = first + 2
    while line < end:
        if state.isEmpty(line) or state.sCount[line] < state.blkIndent:
            break
        if any(rule(state, line, end, True) for rule in terminators) or state.is_code_block(line):
            break
        line += 1
    state.parentType = parent
    place[1] = state.line = line
    return True
