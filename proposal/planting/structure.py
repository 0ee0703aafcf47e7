"""Planters that change what a text is made of: sections, title, front matter, lengths, characters."""

from __future__ import annotations

import re
from random import Random

from proposal.checks.conditional import type_of
from proposal.checks.framework import CheckContext
from proposal.document import Section
from proposal.planting.edits import Plant, Planted, insert, prose_blocks, put, span

# --- sections ------------------------------------------------------------------------------------------------------


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


def hide_sentence(context: CheckContext, choice: Random) -> Planted | None:
    """Hide a sentence of the text in a comment."""
    sentences = [s for s in context.document.sentences if s.block_kind == "paragraph" and len(s.text) > 20]
    if not sentences:
        return None
    sentence = choice.choice(sentences)
    return put(context, sentence.start, sentence.end, f"<!-- {sentence.text} -->", "hid a sentence")


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
)
