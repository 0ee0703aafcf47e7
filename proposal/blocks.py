"""Block structure: which lines are headings, paragraphs, list items, tables, quotes, code.

The kept CommonMark parser (markdown-it-py, tables on, inline parsing off) decides; we only turn its
line numbers into offsets. Two things are ours. A text far denser than any proposal is read up to a
limit and the tail is marked `unread`, because the parser needs up to 0.2 ms a line on hostile
nesting and one megabyte must not cost a minute. And every line the parser skips (it drops what is
nested too deeply) becomes a paragraph, so nothing can hide.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import islice, pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token

from proposal.block_rules import PLAIN, TABLE, use_short_cuts
from proposal.number_words import NUMBER_WORD
from proposal.parts import Block, BlockKind, Cell, Section, Table

MAX_LINES = 4_000
MAX_EVENTS = 20_000
MAX_CELLS = 16_000
MAX_NUMBER_WORDS = 15_000
"""How many lines, marks (runs of digits, brackets, stops), table cells and number words are read: the
most in any of 1,781 real proposals are 671, 11,673, 1,558 and 49.
"""

_SPACE = frozenset(" \t\r\n")
_NEWLINE = re.compile(r"\r\n?|\n")
_EVENT = re.compile(
    r"[0-9０-９.!?。！？；\[\](){}<>`|\"“”「*~〇零一二三四五六七八九十百千万亿两应须](?:(?<=[0-9０-９])[0-9０-９]*)?"
)
_WIDE_TABLE = re.compile(r"(?:\|[ \t]{0,40}:?-{1,200}:?[ \t]{0,40}){8}")
_HAS_WORDS = re.compile(r"[^\s>*+\-0-9.)]")
_FRONT_MATTER = re.compile(r"\ufeff?---[ \t]*(?:\r\n?|\n)(?=[A-Za-z_][A-Za-z0-9_ -]{0,60}:)")
_FRONT_MATTER_END = re.compile(r"^(?:---|\.\.\.)[ \t]*\r?$", re.MULTILINE)
_DEFINITION = re.compile(
    r"""[ ]{0,3}\[[^\[\]\n]{1,300}\]:[ \t]{0,20}(?:<[^<>\n]{0,2000}>|[^\s<]\S{0,2000})
    (?:[ \t]{1,20}(?:"[^"\n]{0,500}"|'[^'\n]{0,500}'|\([^()\n]{0,500}\)))?
    [ \t]{0,20}(?=[\r\n]|\Z)""",
    re.VERBOSE,
)
_CELL_BORDER = re.compile(r"\\.|`[^`\n]{1,400}`|\|", re.DOTALL)

_PARSER = MarkdownIt("commonmark", {"maxNesting": 16}).enable("table").disable(["inline", "text_join", "reference"])
_PARSER.use(use_short_cuts)
_LEAVES: dict[str, BlockKind] = {
    "paragraph_open": "paragraph",
    "heading_open": "heading",
    "fence": "code",
    "code_block": "code",
    "html_block": "html",
    "hr": "hr",
    PLAIN: "paragraph",
    TABLE: "table",
}
_CONTAINERS: dict[str, BlockKind] = {"blockquote_open": "quote", "list_item_open": "list_item"}


@dataclass(frozen=True, slots=True)
class Structure:
    """Block structure of one text; `read_to` is the offset up to which it was read."""

    line_starts: tuple[int, ...]
    front_matter_end: int
    read_to: int
    sections: tuple[Section, ...]
    blocks: tuple[Block, ...]
    tables: tuple[Table, ...]


@dataclass(frozen=True, slots=True)
class _Leaf:
    kind: BlockKind
    first_line: int
    end_line: int
    start: int
    level: int


def read_structure(text: str) -> Structure:
    """Return blocks, sections and tables of `text`."""
    line_starts = find_line_starts(text)
    read_to = _read_limit(text, line_starts)
    front_end = _front_matter_end(text[:read_to])
    leaves = _leaves(text[:read_to], line_starts, (front_end, read_to))
    sections = _sections(text, line_starts, leaves)
    section_starts = [section.start for section in sections]
    blocks: list[Block] = []
    if front_end:
        blocks.append(Block("front_matter", 0, _rstrip(text, 0, front_end), 0))
    for leaf in leaves:
        end = _rstrip(text, leaf.start, _line_start(line_starts, leaf.end_line, read_to))
        if end > leaf.start:
            index = max(0, bisect_right(section_starts, leaf.start) - 1)
            blocks.append(Block(leaf.kind, leaf.start, end, index))
    if read_to < len(text):
        blocks.append(Block("unread", read_to, len(text), len(sections) - 1))
    tables = tuple(_table(text, block, line_starts) for block in blocks if block.kind == "table")
    return Structure(line_starts, front_end, read_to, sections, tuple(blocks), tables)


def find_line_starts(text: str) -> tuple[int, ...]:
    """Return where each line begins, up to the limit of lines."""
    if "\r" in text:
        return (0, *(match.end() for match in islice(_NEWLINE.finditer(text), MAX_LINES)))
    starts, start = [0], text.find("\n") + 1
    while start and len(starts) <= MAX_LINES:
        starts.append(start)
        start = text.find("\n", start) + 1
    return tuple(starts)


def _read_limit(text: str, line_starts: tuple[int, ...]) -> int:
    limit = line_starts[MAX_LINES] if len(line_starts) > MAX_LINES else len(text)
    if limit > MAX_EVENTS:
        limit = _nth(_EVENT, MAX_EVENTS, text, limit)
    if limit > MAX_NUMBER_WORDS * len("one "):
        limit = _nth(NUMBER_WORD, MAX_NUMBER_WORDS, text, limit)
    # A table of so many cells needs twice its width in bars, and its height in lines.
    few = text.count("|", 0, limit) * len(line_starts) <= 2 * MAX_CELLS
    return limit if few or not _WIDE_TABLE.search(text, 0, limit) else _table_limit(text, line_starts, limit)


def _nth(pattern: re.Pattern[str], count: int, text: str, limit: int) -> int:
    """Return where the pattern stands for the `count`-th time, or the limit when it does not."""
    match = next(islice(pattern.finditer(text, 0, limit), count, None), None)
    return match.start() if match else limit


def _table_limit(text: str, line_starts: tuple[int, ...], limit: int) -> int:
    """Return where the cells become too many: the parser fills every short row up to the width of
    its header.
    """
    cells = width = 0
    for start in line_starts:
        if start >= limit:
            break
        line = text[start : _line_end(text, start)]
        width = (max(width, line.count("|")) if line.strip() else 0) if width or _WIDE_TABLE.search(line) else 0
        cells += width
        if cells > MAX_CELLS:
            return start
    return limit


def _front_matter_end(text: str) -> int:
    opening = _FRONT_MATTER.match(text)
    closing = _FRONT_MATTER_END.search(text, opening.end()) if opening else None
    return closing.end() if closing else 0


def _line_start(line_starts: tuple[int, ...], line: int, read_to: int) -> int:
    start = line_starts[line] if line < len(line_starts) else read_to
    return start if start < read_to else read_to


def _rstrip(text: str, start: int, end: int) -> int:
    while end > start and text[end - 1] in _SPACE:
        end -= 1
    return end


def _leaves(text: str, line_starts: tuple[int, ...], span: tuple[int, int]) -> list[_Leaf]:
    """Return the leaf blocks in order, each line of the span with words in exactly one of them."""
    front_end, read_to = span
    base = bisect_right(line_starts, front_end) - 1 if front_end else 0
    if front_end and line_starts[base] < front_end:
        base += 1
    if base >= len(line_starts) or line_starts[base] >= read_to:
        return []
    tokens = _PARSER.parse(text[line_starts[base] : read_to])
    leaves: list[_Leaf] = []
    next_line = base
    last_line = bisect_right(line_starts, read_to - 1)
    for leaf in _token_leaves(text, line_starts, tokens, base):
        if next_line < leaf.first_line:
            leaves.extend(_skipped(text, line_starts, (next_line, leaf.first_line), read_to))
        leaves.append(leaf)
        next_line = max(next_line, leaf.end_line)
    leaves.extend(_skipped(text, line_starts, (next_line, last_line), read_to))
    return leaves


def _token_leaves(text: str, line_starts: tuple[int, ...], tokens: list[Token], base: int) -> list[_Leaf]:
    leaves: list[_Leaf] = []
    containers: list[BlockKind] = []
    for position, token in enumerate(tokens):
        if token.nesting == 1 and token.type in _CONTAINERS:
            containers.append(_CONTAINERS[token.type])
        elif token.nesting == -1 and token.type in {"blockquote_close", "list_item_close"}:
            containers.pop()
        kind = _LEAVES.get(token.type)
        if kind is None or token.map is None:
            continue
        first, end = token.map[0] + base, token.map[1] + base
        content = token if token.type == PLAIN else tokens[position + 1] if token.type == "paragraph_open" else None
        start = _content_start(text, line_starts[first], token.level, content)
        if kind in {"paragraph", "heading"}:
            if containers:
                kind = "quote" if "quote" in containers else "list_item"
            elif kind == "paragraph" and text[start : start + 1] == "[":
                defined = _defined_lines(text, line_starts, (first, end))
                leaves.extend(
                    _Leaf("definition", line, line + 1, line_starts[line], 0) for line in range(first, defined)
                )
                if defined == end:
                    continue
                first, start = defined, line_starts[defined] if defined > first else start
        level = int(token.tag[1]) if kind == "heading" and not containers else 0
        leaves.append(_Leaf(kind, first, end, start, level))
    return leaves


def _defined_lines(text: str, line_starts: tuple[int, ...], lines: tuple[int, int]) -> int:
    """Return the first line of a paragraph behind the link definitions that it opens with."""
    line, end = lines
    while line < end and _DEFINITION.match(text, line_starts[line]):
        line += 1
    return line


def _content_start(text: str, line_start: int, level: int, content: Token | None) -> int:
    """Return where a block's own text begins, behind the markers of its containers; `content` is a paragraph's."""
    line_end = _line_end(text, line_start)
    if content is not None:
        first_line = content.content.split("\n", 1)[0].rstrip()
        start = _rstrip(text, line_start, line_end) - len(first_line)
        return max(line_start, start)
    if level == 0:
        return line_start
    while line_start < line_end and text[line_start] in " \t>":
        line_start += 1
    return line_start


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    end = len(text) if end < 0 else end
    carriage = text.find("\r", start, end)
    return end if carriage < 0 else carriage


def _skipped(text: str, line_starts: tuple[int, ...], lines: tuple[int, int], read_to: int) -> list[_Leaf]:
    """Return paragraphs for lines with words that the nesting limit dropped."""
    found: list[_Leaf] = []
    for line in range(*lines):
        start = line_starts[line]
        words = _HAS_WORDS.search(text, start, _line_start(line_starts, line + 1, read_to))
        if words:
            found.append(_Leaf("paragraph", line, line + 1, words.start(), 0))
    return found


def _sections(text: str, line_starts: tuple[int, ...], leaves: list[_Leaf]) -> tuple[Section, ...]:
    headings = [leaf for leaf in leaves if leaf.level]
    sections: list[Section] = []
    if not headings or headings[0].start > 0:
        end = headings[0].start if headings else len(text)
        sections.append(Section(0, "", 0, 0, end, 0))
    for position, leaf in enumerate(headings):
        end = headings[position + 1].start if position + 1 < len(headings) else len(text)
        body_start = _line_start(line_starts, leaf.end_line, len(text))
        title = _heading_title(text[leaf.start : body_start])
        sections.append(Section(leaf.level, title, leaf.start, body_start, end, len(sections)))
    return tuple(sections)


def _heading_title(source: str) -> str:
    line = source.strip()
    if line.startswith("#"):
        line = line.lstrip("#").strip()
        bare = line.rstrip("#")
        return bare.rstrip() if not bare or bare[-1] in " \t" else line
    lines = _NEWLINE.split(line)
    return " ".join(part.strip() for part in lines[:-1])


def _table(text: str, block: Block, line_starts: tuple[int, ...]) -> Table:
    first = bisect_right(line_starts, block.start) - 1
    rows: list[tuple[Cell, ...]] = []
    line = first
    while line < len(line_starts) and line_starts[line] < block.end:
        if line != first + 1:
            start = max(line_starts[line], block.start)
            rows.append(_cells(text, start, min(_line_end(text, start), block.end)))
        line += 1
    return Table(block.start, block.end, rows[0], tuple(rows[1:]))


def _cells(text: str, start: int, end: int) -> tuple[Cell, ...]:
    borders = [match.start() for match in _CELL_BORDER.finditer(text, start, end) if match[0] == "|"]
    edges = [start - 1, *borders, end]
    cells = [_cell(text, left + 1, right) for left, right in pairwise(edges)]
    if cells and not cells[0].text:
        cells.pop(0)
    if cells and not cells[-1].text:
        cells.pop()
    return tuple(cells)


def _cell(text: str, start: int, end: int) -> Cell:
    content = text[start:end].lstrip(" \t>")
    start = end - len(content)
    content = content.rstrip(" \t\r\n")
    return Cell(start, start + len(content), content)
