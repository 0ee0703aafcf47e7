"""Planters that change the text itself: sections, title, front matter, tables, options, statements.

Each takes what the checks see of a clean text and a seeded source of choices, and returns the changed text with the
place of the change, or None where the text offers no place. They share as little as possible with the rules, so that a
rule and its planter are not wrong together; only what removes statements has to know the words of the rule.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from proposal.actions import CustomCall
from proposal.addresses import checksum
from proposal.brief import Brief
from proposal.checks.actions import amounts_beside
from proposal.checks.addresses import known_tokens
from proposal.checks.conditional import type_of
from proposal.checks.framework import CheckContext
from proposal.checks.lexicons import hits
from proposal.document import Section, Table
from proposal.evidence import EvidenceSet
from proposal.values import Value

Plant = Callable[[CheckContext, Random], "Planted | None"]


@dataclass(frozen=True, slots=True)
class Planted:
    """A changed text with the place of the change; `evidence` and `brief` are set when those were changed."""

    text: str
    start: int
    end: int
    note: str
    evidence: EvidenceSet | None = None
    brief: Brief | None = None

    def fields(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def put(context: CheckContext, start: int, end: int, new: str, note: str) -> Planted:
    """Return the text with one stretch replaced."""
    text = context.text
    return Planted(text[:start] + new + text[end:], start, start + len(new), note)


# --- inserting a sentence ------------------------------------------------------------------------------------------


def inserting(sentences: Mapping[str, Sequence[str]], templates: Sequence[str] = ()) -> Plant:
    """Build the planter that inserts one of the sentences of the text's language.

    `templates` names those in which the sentence breaks a rule; none means all.
    """

    def plant(context: CheckContext, choice: Random) -> Planted | None:
        if templates and context.template.name not in templates:
            return None
        sentence = _filled(choice.choice(list(sentences[context.language])), choice)
        return insert(context, choice, sentence)

    return plant


def insert(context: CheckContext, choice: Random, sentence: str) -> Planted:
    """Put a sentence behind a paragraph of the prose, or as a paragraph of its own."""
    blocks = [block for block in prose_blocks(context) if block[1] > block[0]]
    if not blocks:
        return put(context, len(context.text), len(context.text), f"\n\n{sentence}\n", f"inserted: {sentence}")
    _, end = choice.choice(blocks)
    own = sentence.startswith("<") or sentence.startswith("[") or choice.random() < 0.5
    glue = "\n\n" if own else ("" if context.language == "zh" else " ")
    planted = put(context, end, end, glue + sentence, f"inserted: {sentence}")
    return Planted(planted.text, end + len(glue), planted.end, planted.note)


def prose_blocks(context: CheckContext) -> list[tuple[int, int]]:
    """Return the paragraphs under headings, without the list of references."""
    skipped = {section.index for section, spec in context.known_sections if "references" in spec.contents()}
    sections = context.document.sections
    return [
        (block.start, block.end)
        for block in context.document.blocks
        if block.kind == "paragraph" and block.section not in skipped and sections[block.section].level > 0
    ]


def _filled(sentence: str, choice: Random) -> str:
    """Fill the gaps of a planted sentence with made-up but well-formed values."""
    address = checksum("0x" + f"{choice.getrandbits(160):040x}")
    twin = address[:6] + f"{choice.getrandbits(128):032x}" + address[-4:]
    day = dt.date(2026, 6, 1) + dt.timedelta(days=choice.randrange(300))
    gaps = {
        "{address}": address,
        "{other_address}": checksum("0x" + f"{choice.getrandbits(160):040x}"),
        "{twin}": checksum(twin),
        "{bad_checksum}": _wrong_case(address),
        "{short_address}": address[:-1],
        "{token}": checksum(choice.choice(sorted(known_tokens()))),
        "{hash}": "0x" + f"{choice.getrandbits(256):064x}",
        "{hex64}": f"{choice.getrandbits(256):064x}",
        "{digits}": str(choice.randrange(10_000, 99_999)),
        "{letters}": "".join(choice.choices("abcdefghijkmnpqrstuvwxyz23456789", k=36)),
        "{capitals}": "".join(choice.choices("ABCDEFGHJKLMNPQRSTUVWXYZ", k=16)),
        "{date}": day.isoformat(),
        "{past}": (day - dt.timedelta(days=choice.randrange(1, 90))).isoformat(),
    }
    for gap, value in gaps.items():
        sentence = sentence.replace(gap, value)
    return sentence


def _wrong_case(address: str) -> str:
    """Turn the case of one letter, so that the checksum no longer matches."""
    at = next(index for index in range(2, 42) if address[index].isalpha())
    return address[:at] + address[at].swapcase() + address[at + 1 :]


# --- sections ------------------------------------------------------------------------------------------------------


def span(context: CheckContext, section: Section) -> tuple[int, int]:
    """Return a section with the deeper sections under it."""
    following = context.document.sections[section.index + 1 :]
    end = next((other.start for other in following if other.level <= section.level), len(context.text))
    return section.start, end


def _single(context: CheckContext) -> list[tuple[str, Section]]:
    """Return the sections whose key stands once in the text and holds no other known section."""
    count: dict[str, int] = {}
    for _, spec in context.known_sections:
        count[spec.key] = count.get(spec.key, 0) + 1
    starts = [section.start for section, _ in context.known_sections]
    found = []
    for section, spec in context.known_sections:
        low, high = span(context, section)
        if count[spec.key] == 1 and sum(low <= start < high for start in starts) == 1:
            found.append((spec.key, section))
    return found


def delete_section(context: CheckContext, choice: Random) -> Planted | None:
    """Delete a required section with its heading."""
    required = {spec.key for spec in context.template.required_sections(type_of(context))}
    targets = [(key, section) for key, section in _single(context) if key in required]
    if not targets:
        return None
    key, section = choice.choice(targets)
    start, end = span(context, section)
    return put(context, start, end, "", f"deleted the section {key}")


def swap_sections(context: CheckContext, choice: Random) -> Planted | None:
    """Exchange two sections that stand in the order of the template."""
    positions = {spec.key: index for index, spec in enumerate(context.template.sections)}
    targets = _single(context)
    pairs = [
        (first, second)
        for at, first in enumerate(targets)
        for second in targets[at + 1 :]
        if positions[first[0]] < positions[second[0]] and first[1].level == second[1].level
    ]
    if not pairs:
        return None
    (_, first), (_, second) = choice.choice(pairs)
    a, b = span(context, first), span(context, second)
    text = context.text
    between = text[a[1] : b[0]]
    new = _ended(text[b[0] : b[1]]) + between + _ended(text[a[0] : a[1]])
    return put(context, a[0], b[1], new, "exchanged two sections")


def _ended(text: str) -> str:
    return text.rstrip("\n") + "\n\n"


def add_section(context: CheckContext, choice: Random) -> Planted | None:
    """Add a main section that the template does not know."""
    names = {"en": ["Marketing notes", "Team photographs", "Our journey"], "zh": ["市场宣传", "团队照片", "发展历程"]}
    targets = [(section, spec) for section, spec in context.known_sections if section.title != context.document.title]
    if not targets:
        return None
    level = min(section.level for section, _ in targets)
    section = choice.choice([section for section, _ in targets if section.level == level])
    body = "这里有一段文字。" if context.language == "zh" else "Some words stand here."
    new = f"{'#' * level} {choice.choice(names[context.language])}\n\n{body}\n\n"
    return put(context, section.start, section.start, new, "added a section")


def repeat_section(context: CheckContext, choice: Random) -> Planted | None:
    """Repeat a section at the end of the text."""
    targets = [(key, section) for key, section in _single(context) if section.title.strip() == _printed(context, key)]
    if not targets:
        return None
    _, section = choice.choice(targets)
    copy = context.text[section.start : section.end].strip()
    end = len(context.text)
    planted = put(context, end, end, f"\n\n{copy}\n", "repeated a section")
    return Planted(planted.text, end + 2, planted.end, planted.note)


def _printed(context: CheckContext, key: str) -> str:
    spec = context.template.section(key)
    return spec.heading_in(context.language) if spec else ""


def empty_section(context: CheckContext, choice: Random) -> Planted | None:
    """Delete what stands under a heading."""
    targets = _single(context)
    if not targets:
        return None
    _, section = choice.choice(targets)
    end = span(context, section)[1]
    planted = put(context, section.body_start, end, "\n", "emptied a section")
    return Planted(planted.text, section.start, section.body_start, planted.note)


def stretch_section(context: CheckContext, choice: Random) -> Planted | None:
    """Repeat the prose of a section until it is more than twice as long as the template allows."""
    filler = {"en": "The members read this sentence once more and find nothing new in it at all. ",
              "zh": "成员再次读到这一句话，其中没有任何新的内容，也没有新的事实。"}  # fmt: skip
    targets = [
        (section, spec)
        for section, spec in context.known_sections
        if spec.writer == "model" and context.sections_by_key[spec.key] is section
    ]
    if context.brief is None or not targets:
        return None
    section, spec = choice.choice(targets)
    blocks = [block for block in prose_blocks(context) if section.body_start <= block[0] < section.end]
    if not blocks:
        return None
    end = blocks[0][1]
    planted = put(context, end, end, " " + filler[context.language] * (spec.max_words // 4), "stretched a section")
    return Planted(planted.text, section.start, planted.end, planted.note)


def overlong(context: CheckContext, choice: Random) -> Planted | None:
    """Add so many lines that the parser stops before the end."""
    end = len(context.text)
    return put(context, end, end, "\n" + "1.\n" * (42_000 + choice.randrange(100)), "added thousands of lines")


# --- title, front matter, lengths ------------------------------------------------------------------------------------


def _title_line(context: CheckContext) -> tuple[int, int] | None:
    section = next((section for section in context.document.sections if section.level == 1), None)
    if section is None or section.title != context.document.title:
        return None
    start = context.text.find(section.title, section.start)
    return start, start + len(section.title)


def _retitle(context: CheckContext, title: str, note: str) -> Planted | None:
    place = _title_line(context)
    return put(context, *place, title, note) if place else None


def untag_title(context: CheckContext, choice: Random) -> Planted | None:
    """Write a title that does not follow the DAO's pattern."""
    words = {
        "en": ["Change of the fee", "Grants for tools", "New council"],
        "zh": ["调整费率", "工具资助", "新的委员会"],
    }
    title = choice.choice(words[context.language])
    return _retitle(context, title, "took the tag from the title") if context.template.title_problem(title) else None


def long_title(context: CheckContext, choice: Random) -> Planted | None:
    """Write a title longer than a venue takes."""
    fixed = [limit for limit in context.template.limits if limit.field == "title" and not limit.fetch_live]
    most = [limit.max for limit in fixed if limit.max]
    if not most:
        return None
    word = {"en": "further ", "zh": "进一步"}[context.language]
    return _retitle(context, context.document.title + " " + word * (min(most) // 3 + choice.randrange(9)), "long title")


def verdict_title(context: CheckContext, choice: Random) -> Planted | None:
    """Write a title that says what to think."""
    openings = {
        "en": ["Vote yes: {}", "{}: the right choice", "Why we must have: {}", "Save the DAO: {}", "{}, long overdue",
               "A revolutionary plan: {}", "Guaranteed returns: {}"],
        "zh": ["请支持：{}", "必须通过：{}", "拯救社区：{}", "{}势在必行", "史无前例的方案：{}"],
    }  # fmt: skip
    title = choice.choice(openings[context.language]).format(context.document.title)
    return _retitle(context, title, "verdict in the title")


def long_body(context: CheckContext, choice: Random) -> Planted | None:
    """Add text until the body is longer than a venue takes."""
    most = [limit.max for limit in context.template.limits if limit.field == "body" and limit.max]
    if not most:
        return None
    lines = {"en": "The members read this line and find nothing new.\n\n", "zh": "成员读到这一行，没有新的内容。\n\n"}
    line, start = lines[context.language], len(context.text)
    return put(context, start, start, "\n\n" + line * (min(most) // len(line) + 1 + choice.randrange(5)), "long body")


def long_summary(context: CheckContext, choice: Random) -> Planted | None:
    """Add text until the abstract is longer than a venue takes."""
    most = [limit.max for limit in context.template.limits if limit.field == "abstract" and limit.max]
    section = context.sections_by_key.get("summary")
    if section is None or not most:
        return None
    line = {"en": "The members read this line again. ", "zh": "成员再次读到这一行。"}[context.language]
    filler = line * (min(most) // len(line) + 2 + choice.randrange(4))
    return put(context, section.body_start, section.body_start, f"\n{filler}\n\n", "long abstract")


def long_option(context: CheckContext, choice: Random) -> Planted | None:
    """Make a voting option longer than a venue takes."""
    limited = any(limit.field == "choice" and limit.max and not limit.fetch_live for limit in context.template.limits)
    if context.brief is None or not context.document.options or not limited:
        return None
    option = choice.choice(context.document.options)
    words = {"en": " with all that the committee decides about it later",
             "zh": "并由委员会在之后的全部会议上另行决定所有相关的具体安排与细节事项以及其余各项问题"}  # fmt: skip
    return put(context, option.end, option.end, words[context.language], "long option")


def _front_matter(context: CheckContext) -> list[tuple[int, int, str]]:
    """Return the lines `key: value` of the front matter with their places."""
    block = next((block for block in context.document.blocks if block.kind == "front_matter"), None)
    found, position = [], block.start if block else 0
    for line in context.text[block.start : block.end].splitlines(keepends=True) if block else ():
        key = line.partition(":")[0]
        if key in context.document.front_matter and not line.startswith((" ", "-")):
            found.append((position, position + len(line), key))
        position += len(line)
    return found


def drop_key(context: CheckContext, choice: Random) -> Planted | None:
    """Delete a required key of the front matter."""
    required = {field.key for field in context.template.front_matter.fields if field.required}
    lines = [line for line in _front_matter(context) if line[2] in required]
    if not lines:
        return None
    start, end, key = choice.choice(lines)
    return put(context, start, end, "", f"deleted the key {key}")


def unknown_key(context: CheckContext, choice: Random) -> Planted | None:
    """Add a key that the format does not know, or misspell one."""
    lines = _front_matter(context)
    if not lines or context.template.front_matter.unknown_keys != "refuse":
        return None
    start, _, _ = choice.choice(lines)
    key = choice.choice(["sponsor", "cover-image", "mood", "tittle", "staus"])
    return put(context, start, start, f"{key}: none\n", f"added the key {key}")


def wrong_value(context: CheckContext, choice: Random) -> Planted | None:
    """Give a key a value that is not allowed."""
    return _wrong_entry(context, choice, kind="enum", values=["Whatever", "Undecided", "Sort of done"])


def wrong_date(context: CheckContext, choice: Random) -> Planted | None:
    """Write a date of the front matter in another form."""
    return _wrong_entry(context, choice, kind="date", values=["12/31/2026", "May 4, 2026", "2026-5-4", "soon"])


def _wrong_entry(context: CheckContext, choice: Random, *, kind: str, values: list[str]) -> Planted | None:
    keys = {field.key for field in context.template.front_matter.fields if field.kind == kind}
    lines = [line for line in _front_matter(context) if line[2] in keys]
    if not lines:
        return None
    start, end, key = choice.choice(lines)
    what = "value" if kind == "enum" else kind
    return put(context, start, end, f"{key}: {choice.choice(values)}\n", f"wrong {what} of {key}")


def swap_keys(context: CheckContext, choice: Random) -> Planted | None:
    """Exchange two keys of the front matter."""
    known = [field.key for field in context.template.front_matter.fields]
    lines = [line for line in _front_matter(context) if line[2] in known]
    if len(lines) < 2 or not context.template.front_matter.ordered:
        return None
    first, second = sorted(choice.sample(lines, 2))
    text = context.text
    new = text[second[0] : second[1]] + text[first[1] : second[0]] + text[first[0] : first[1]]
    return put(context, first[0], second[1], new, "exchanged two keys")


def drop_step(context: CheckContext, choice: Random) -> Planted | None:
    """Take out the link or phrase by which a step of the process shows."""
    facts = [fact for fact in context.template.process if fact.kind in {"link_required", "phrase"} and fact.words]
    text = context.text
    stated = context.brief.discussion_url.casefold() if context.brief else ""
    facts = [fact for fact in facts if not any(word.casefold() in stated for word in fact.words)]
    targets = [fact for fact in facts if any(word.casefold() in text.casefold() for word in fact.words)]
    if not targets:
        return None
    for word in choice.choice(targets).words:
        text = re.sub(re.escape(word), "elsewhere", text, flags=re.IGNORECASE)
    return Planted(text, 0, len(text), "took out a step of the process")


# --- characters ------------------------------------------------------------------------------------------------------

_WORD = re.compile(r"[A-Za-z]{5,20}")
_TWINS = {"a": "а", "e": "е", "o": "о", "c": "с", "p": "р", "x": "х", "A": "А", "B": "В", "E": "Е", "K": "К", "M": "М",
          "H": "Н", "O": "О", "P": "Р", "C": "С", "T": "Т"}  # fmt: skip


def disguise(context: CheckContext, choice: Random) -> Planted | None:
    """Put an invisible character or a look-alike letter into a word."""
    words = [match for start, end in prose_blocks(context) for match in _WORD.finditer(context.text, start, end)]
    words = [word for word in words if any(letter in _TWINS for letter in word[0][1:])]
    if not words:
        return insert(context, choice, "资金\u200b由委员会\u202e管理。")
    word = choice.choice(words)
    if choice.random() < 0.5:
        at = word.start() + choice.randrange(1, len(word[0]))
        return put(context, at, at, choice.choice(["\u200b", "\u202e", "\u2060", "\u200d"]), "invisible character")
    at = next(i for i in range(word.start() + 1, word.end()) if context.text[i] in _TWINS)
    planted = put(context, at, at + 1, _TWINS[context.text[at]], "look-alike letter")
    return Planted(planted.text, word.start(), word.end(), planted.note)


# --- statements ------------------------------------------------------------------------------------------------------


def dropping(rule: str, requirement: str) -> Plant:
    """Build the planter that takes every statement of a requirement out of the text."""

    def plant(context: CheckContext, _choice: Random) -> Planted | None:
        type_ = type_of(context)
        rules = context.template.types.get(type_) if type_ else None
        if rules is None or requirement not in (*rules.require, *rules.expect):
            return None
        return _without(context, list(_statements(context, rule)), f"took out: {requirement}")

    return plant


def _statements(context: CheckContext, rule: str) -> Iterator[tuple[int, int]]:
    """Yield the sentences and headings in which the words of a statement stand."""
    for _, hit in hits(context, rule):
        sentence = context.sentence_at(hit.start)
        yield (sentence.start, sentence.end) if sentence else context.paragraph_at(hit.start)
    if rule == "TY-coi":
        for section, spec in context.known_sections:
            if spec.content == "conflicts":
                yield section.body_start, section.end
    if rule == "TY-funding-budget":
        yield from ((table.start, table.end) for table in context.document.tables)
        yield from ((b.start, b.end) for b in context.document.blocks if b.kind == "list_item")


def _without(context: CheckContext, spans: list[tuple[int, int]], note: str) -> Planted:
    """Return the text without some stretches; the place is the whole text, because something is missing."""
    text = context.text
    for start, end in sorted(set(spans), reverse=True):
        text = text[:start] + "—" + text[end:]
    return Planted(text, 0, len(text), note)


def drop_disclosure(context: CheckContext, _choice: Random) -> Planted | None:
    """Take out the sentences that say that a model helped."""
    if context.brief is None:
        return None
    found = [context.sentence_at(hit.start) for _, hit in hits(context, "PO-ai-disclosure")]
    spans = [(sentence.start, sentence.end) for sentence in found if sentence]
    return _without(context, spans, "took out the disclosure") if spans else None


def resubmit(context: CheckContext, choice: Random) -> Planted | None:
    """Call the proposal a resubmission, without a link to the first try."""
    spans = [(link.start, link.end) for link in context.document.links]
    spans += [(mark.start, mark.end) for mark in context.document.citations]
    bare = _without(context, spans, "")
    said = {"en": "This is a resubmission of the earlier proposal.", "zh": "本提案为再次提交。"}[context.language]
    blocks = prose_blocks(context)
    if not blocks:
        return None
    place = choice.choice(blocks)[0]
    at = place - sum(end - start - 1 for start, end in set(spans) if end <= place)
    return Planted(bare.text[:at] + said + " " + bare.text[at:], at, at + len(said), "a resubmission without link")


# --- tables, options, risks -------------------------------------------------------------------------------------------


def unbalance_budget(context: CheckContext, choice: Random) -> Planted | None:
    """Change one digit of a table with a total, or add a table whose total is wrong."""
    tables = [table for table in context.document.tables if _total_row(table) is not None]
    if tables and choice.random() < 0.7:
        return _change_cell(context, choice, choice.choice(tables))
    lines = [choice.randrange(11, 99) * 1000 for _ in range(choice.randrange(2, 6))]
    wrong = _other_digit(str(sum(lines)), choice)
    head = {"en": "| Item | USDC |\n|---|---|\n", "zh": "| 项目 | USDC |\n|---|---|\n"}[context.language]
    total = {"en": "Total", "zh": "合计"}[context.language]
    rows = "".join(f"| {'ABCDEFG'[index]} | {line:,} |\n" for index, line in enumerate(lines))
    return insert_block(context, choice, f"{head}{rows}| {total} | {int(wrong):,} |", "a total that does not add up")


def insert_block(context: CheckContext, choice: Random, block: str, note: str) -> Planted | None:
    """Put a block of its own behind a paragraph."""
    blocks = prose_blocks(context)
    if not blocks:
        return None
    end = choice.choice(blocks)[1]
    planted = put(context, end, end, f"\n\n{block}\n\n", note)
    return Planted(planted.text, end + 2, planted.end, note)


def _total_row(table: Table) -> int | None:
    labels = [row[0].text.strip("*_ ").casefold() if row else "" for row in table.rows]
    return next((at for at, label in enumerate(labels) if at >= 2 and label in {"total", "合计", "总计"}), None)


def _change_cell(context: CheckContext, choice: Random, table: Table) -> Planted | None:
    at = _total_row(table) or 0
    columns = [column for column, cell in enumerate(table.rows[at]) if column and re.search("[0-9]{2}", cell.text)]
    if not columns:
        return None
    column = choice.choice(columns)
    rows = [row for row in table.rows[: at + 1] if column < len(row) and re.search("[1-9]", row[column].text)]
    cell = choice.choice(rows)[column]
    start = cell.start + next(i for i, sign in enumerate(cell.text) if sign in "123456789")
    digit = _other_digit(context.text[start], choice)
    planted = put(context, start, start + 1, digit, "changed a digit of a budget")
    return Planted(planted.text, table.start, table.end, planted.note)


def _other_digit(digits: str, choice: Random) -> str:
    """Change the first digit to another one that is not zero."""
    return choice.choice([digit for digit in "123456789" if digit != digits[0]]) + digits[1:]


def second_ask(context: CheckContext, choice: Random) -> Planted | None:
    """State the total of the ask twice, with different values."""
    first = choice.randrange(20, 90) * 1000
    second = first + choice.choice([-9000, 9000, 900, 1000])
    said = {"en": f"The total budget is {first:,} DAI. The last part adds that the total cost is {second:,} DAI.",
            "zh": f"总预算为{first:,} DAI。后文又写明，总成本为{second:,} DAI。"}  # fmt: skip
    return insert(context, choice, said[context.language])


def change_parameter(context: CheckContext, choice: Random) -> Planted | None:
    """Change a digit in the table that prints the brief's parameters."""
    if context.brief is None:
        return None
    numbers = [value for value in context.brief.parameters.values() if value.is_number]
    labels = {value.label_in(context.language).casefold() for value in numbers}
    rows = [row for table in context.document.tables for row in table.rows if len(row) == 2]
    cells = [row[1] for row in rows if row[0].text.strip().casefold() in labels and row[1].text[:1] in "123456789"]
    if not cells:
        return None
    cell = choice.choice(cells)
    planted = put(context, cell.start, cell.start + 1, _other_digit(cell.text[0], choice), "changed a parameter")
    return Planted(planted.text, cell.start, cell.end, planted.note)


def uneven_options(context: CheckContext, choice: Random) -> Planted | None:
    """Take the way to say no from the ballot, or make an option argue."""
    options = context.document.options
    if len(options) < 2:
        return None
    option = choice.choice(options)
    if choice.random() < 0.5:
        argue = {"en": " (obviously the best plan)", "zh": "（毫无疑问应当通过）"}[context.language]
        return put(context, option.end, option.end, argue, "an option that argues")
    text, names = context.text, {"en": ["Approve", "Accept now", "Yes, at once"], "zh": ["赞成", "同意", "支持"]}
    for index, one in reversed(list(enumerate(options))):
        name = names[context.language][index % 3] + ("" if index < 3 else f" {index}")
        text = text[: one.start] + name + text[one.end :]
    return Planted(text, options[0].start, options[-1].end, "no way to say no")


def deny_risks(context: CheckContext, choice: Random) -> Planted | None:
    """Replace the account of risks by a denial."""
    section = context.sections_by_key.get("risks")
    if section is None:
        return None
    said = {
        "en": ["There are no risks.", "We see no drawbacks.", "This proposal has no downsides.", "No known risks."],
        "zh": ["本提案没有任何风险。", "不存在明显的缺点。", "无任何弊端。"],
    }[context.language]
    end = span(context, section)[1]
    return put(context, section.body_start, end, f"\n{choice.choice(said)}\n\n", "denied the risks")


def swap_addresses(context: CheckContext, choice: Random) -> Planted | None:
    """Exchange two addresses that brief or evidence names."""
    values: list[Value] = list(context.brief.parameters.values()) if context.brief else []
    values += [value for item in (context.evidence or {}).values() for value in item.values.values()]
    named = {str(value.value) for value in values}
    here = [address for address in sorted(named) if address.startswith("0x") and address in context.text]
    if len(here) < 2:
        return None
    first, second = choice.sample(here, 2)
    mark = "0x" + "_" * 40
    text = context.text.replace(first, mark).replace(second, first).replace(mark, second)
    at = text.find(first)
    return Planted(text, at, at + 42, "exchanged two addresses")


def misstate_action(context: CheckContext, choice: Random) -> Planted | None:
    """Change the amount that the text gives to the recipient of an action."""
    actions = context.brief.actions if context.brief else ()
    transfers = [action for action in actions if not isinstance(action, CustomCall)]
    paid = {action.recipient.lower() for action in transfers}
    places = [one for one in context.addresses if one.text.lower() in paid]
    amounts = [amount for place in places for amount in amounts_beside(place, transfers, context)]
    if not amounts:
        return None
    amount = choice.choice(amounts)
    first = amount.text[0]
    other = choice.choice([digit for digit in "123456789" if digit != first])
    return put(context, amount.start, amount.start + 1, other, f"changed the amount {amount.text} of an action")


def hide_sentence(context: CheckContext, choice: Random) -> Planted | None:
    """Hide a sentence of the text in a comment."""
    sentences = [s for s in context.document.sentences if s.block_kind == "paragraph" and len(s.text) > 20]
    if not sentences:
        return None
    sentence = choice.choice(sentences)
    return put(context, sentence.start, sentence.end, f"<!-- {sentence.text} -->", "hid a sentence")


_DROPPED: tuple[tuple[str, str], ...] = (
    ("TY-funding-budget", "budget_table"), ("TY-funding-total", "budget_total"), ("TY-funding-recipient", "recipient"),
    ("TY-funding-source", "funding_source"), ("TY-funding-reporting", "reporting"),
    ("TY-funding-milestone", "dated_milestone"), ("TY-accountable", "accountable_party"), ("TY-kpi", "kpi"),
    ("TY-technical-security", "security"), ("TY-rollback", "rollback"), ("TY-coi", "conflicts"),
    ("TY-constitutional-compat", "compatibility"), ("TY-alternatives", "alternatives"),
)  # fmt: skip

CHANGES: tuple[tuple[str, str, Plant], ...] = (
    ("delete_section", "ST-req-section", delete_section),
    ("swap_sections", "ST-order-section", swap_sections),
    ("add_section", "ST-extra-section", add_section),
    ("repeat_section", "ST-duplicate-section", repeat_section),
    ("empty_section", "ST-empty-section", empty_section),
    ("stretch_section", "ST-len-section", stretch_section),
    ("overlong", "ST-unread", overlong),
    ("untag_title", "ST-title-prefix", untag_title),
    ("long_title", "ST-len-title", long_title),
    ("verdict_title", "NE-title", verdict_title),
    ("long_body", "ST-len-body", long_body),
    ("long_summary", "ST-len-desc", long_summary),
    ("long_option", "ST-len-choices", long_option),
    ("drop_key", "ST-frontmatter-missing", drop_key),
    ("unknown_key", "ST-frontmatter-unknown", unknown_key),
    ("wrong_value", "ST-frontmatter-enum", wrong_value),
    ("wrong_date", "ST-frontmatter-date", wrong_date),
    ("swap_keys", "ST-frontmatter-order", swap_keys),
    ("drop_step", "ST-process", drop_step),
    ("disguise", "ST-bidi", disguise),
    ("hide_sentence", "ST-html", hide_sentence),
    *((f"drop_{requirement}", rule, dropping(rule, requirement)) for rule, requirement in _DROPPED),
    ("resubmit", "TY-resubmission", resubmit),
    ("unbalance_budget", "NU-budget-sum", unbalance_budget),
    ("second_ask", "NU-consistent", second_ask),
    ("change_parameter", "NU-consistent", change_parameter),
    ("uneven_options", "NE-options", uneven_options),
    ("deny_risks", "NE-drawbacks", deny_risks),
    ("swap_addresses", "AD-swapped", swap_addresses),
    ("misstate_action", "AC-text-match", misstate_action),
    ("drop_disclosure", "PO-ai-disclosure", drop_disclosure),
)
