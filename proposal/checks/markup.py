"""Markup that readers do not see as it is: raw HTML, comments, invisible characters, disguised letters and links.

What a reader cannot see cannot be reviewed, so text that is hidden blocks. HTML that only formats warns: it is
visible, but each venue renders it differently or strips it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from proposal.checks.framework import CheckContext, Hit, Rule
from proposal.document import Hidden, Link
from proposal.findings import Severity

_TAG_NAME = re.compile(r"</?([A-Za-z][A-Za-z0-9-]{0,30})")
_ACTIVE_TAGS = frozenset(
    [
        "script",
        "style",
        "iframe",
        "frame",
        "frameset",
        "object",
        "embed",
        "applet",
        "form",
        "input",
        "button",
        "textarea",
        "select",
        "option",
        "meta",
        "base",
        "link",
        "svg",
        "math",
        "template",
        "noscript",
        "marquee",
    ]
)
_PLAIN_TAGS = frozenset(
    [
        "a",
        "abbr",
        "b",
        "blockquote",
        "br",
        "caption",
        "center",
        "cite",
        "code",
        "col",
        "colgroup",
        "dd",
        "del",
        "details",
        "div",
        "dl",
        "dt",
        "em",
        "figcaption",
        "figure",
        "font",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "i",
        "img",
        "ins",
        "kbd",
        "li",
        "mark",
        "ol",
        "p",
        "picture",
        "pre",
        "q",
        "s",
        "samp",
        "section",
        "small",
        "source",
        "span",
        "strike",
        "strong",
        "sub",
        "summary",
        "sup",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "tt",
        "u",
        "ul",
        "var",
        "video",
        "audio",
        "wbr",
        "address",
    ]
)
_HIDING = re.compile(
    r"(?i:\bon[a-z]{3,20}[ \t]{0,3}=|\bhidden\b|aria-hidden|display[ \t]{0,3}:[ \t]{0,3}none|"
    r"visibility[ \t]{0,3}:[ \t]{0,3}hidden|opacity[ \t]{0,3}:[ \t]{0,3}0(?![.0-9]*[1-9])|"
    r"font-size[ \t]{0,3}:[ \t]{0,3}[0-3](?:px|pt|em|rem|%)?[ \t]{0,3}[;\"']|"
    r"(?:left|top|text-indent)[ \t]{0,3}:[ \t]{0,3}-[0-9]{3,5}|"
    r"(?<!-)color[ \t]{0,3}[:=][ \t\"']{0,3}(?:white|transparent|#fff(?:fff)?)\b|javascript:)"
)


def raw_html(context: CheckContext) -> Iterator[Hit]:
    """Report HTML: what hides or acts as an error, what only formats as a warning.

    In a published text that is not our draft a comment warns: most are guidance of the DAO's form that the author left
    in. One that speaks to a model is an error there too, under its own rule.
    """
    for hidden in context.document.hidden:
        source = context.text[hidden.start : hidden.end]
        if hidden.kind == "comment":
            if not _is_marker(source):
                severity: Severity | None = None if context.brief else "warning"
                message = "an HTML comment: readers of the page do not see it"
                yield Hit(hidden.start, hidden.end, message, severity)
        elif hidden.kind == "html_tag":
            yield from _tag(hidden, source)


def _is_marker(comment: str) -> bool:
    """Tell a comment without words (`<!-- -->`), which separates lists, from hidden text."""
    return not any(character.isalnum() for character in comment.strip("<>!-"))


def _tag(hidden: Hidden, source: str) -> Iterator[Hit]:
    match = _TAG_NAME.match(source)
    name = match[1].lower() if match else ""
    if source.startswith("</"):
        return
    if name in _ACTIVE_TAGS:
        yield Hit(hidden.start, hidden.end, f"the HTML element <{name}> is active or hides its content")
    elif _HIDING.search(source):
        yield Hit(hidden.start, hidden.end, f"the HTML element <{name}> hides its content or runs code")
    elif name in _PLAIN_TAGS:
        yield Hit(hidden.start, hidden.end, f"raw HTML <{name}>: some venues strip it", "warning")
    else:
        yield Hit(hidden.start, hidden.end,
                  f"{source[:60]} is taken for an HTML element and disappears from the page", "warning")  # fmt: skip


# --- characters --------------------------------------------------------------------------------------------------

_MIXED_WORD = re.compile(r"[A-Za-z\u0370-\u03ff\u0400-\u04ff\u0500-\u052f\u2c80-\u2cff]{2,60}")
_CYRILLIC = re.compile(r"[\u0400-\u052f]")
_GREEK_TWIN = re.compile(
    r"[\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf]"
)
_LATIN = re.compile(r"[A-Za-z]")
_EMOJI = re.compile(r"[\u2190-\u2bff\u3030\u303d\U0001f000-\U0001faff\ufe0f\u20e3]")
_INVISIBLE_NAMES = {"zero_width": "a zero-width character", "bidi": "a character that turns the writing direction",
                    "tag_characters": "invisible tag characters"}  # fmt: skip


def disguised_characters(context: CheckContext) -> Iterator[Hit]:
    """Report invisible characters, characters that reorder text, and words mixed from look-alike letters."""
    text = context.text
    for hidden in context.document.hidden:
        name = _INVISIBLE_NAMES.get(hidden.kind)
        if name and not _is_harmless(text, hidden):
            code = " ".join(f"U+{ord(character):04X}" for character in text[hidden.start : hidden.end][:3])
            yield Hit(hidden.start, hidden.end, f"{name} ({code}): what is read is not what stands there")
    if text.isascii():
        return
    for word in _MIXED_WORD.finditer(text):
        if word[0].isascii() or not _LATIN.search(word[0]):
            continue
        if _CYRILLIC.search(word[0]) or _GREEK_TWIN.search(word[0]):
            yield Hit(word.start(), word.end(), f"“{word[0]}” mixes letters of two alphabets that look alike")


def _is_harmless(text: str, hidden: Hidden) -> bool:
    """Tell a byte-order mark at the very start, and joiners inside an emoji, from hidden characters."""
    if hidden.start == 0 and text[: hidden.end] == "\ufeff":
        return True
    inside = text[hidden.start : hidden.end]
    before, after = text[max(0, hidden.start - 1) : hidden.start], text[hidden.end : hidden.end + 1]
    return inside == "\u200d" and bool(_EMOJI.match(before)) and bool(_EMOJI.match(after))


# --- links -------------------------------------------------------------------------------------------------------

_SHORTENERS = frozenset(
    [
        "bit.ly",
        "t.co",
        "tinyurl.com",
        "goo.gl",
        "ow.ly",
        "is.gd",
        "buff.ly",
        "rebrand.ly",
        "cutt.ly",
        "rb.gy",
        "shorturl.at",
        "t.ly",
        "tiny.cc",
        "bl.ink",
        "lnkd.in",
        "s.id",
        "v.gd",
        "adf.ly",
        "soo.gd",
        "dub.sh",
        "url.cn",
        "t.cn",
        "dwz.cn",
        "suo.im",
    ]
)
_DOMAIN_TEXT = re.compile(r"(?:https?://)?((?:[a-z0-9-]{1,63}\.){1,6}[a-z]{2,24})(?:[/?#:]|\Z)", re.IGNORECASE)


def links(context: CheckContext) -> Iterator[Hit]:
    """Report links that hide where they lead, are not encrypted, or lead nowhere."""
    for link in context.document.links:
        message = _link_problem(link)
        if message:
            yield Hit(link.start, link.end, message)


def _link_problem(link: Link) -> str:
    url = link.url.strip()
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
    except ValueError:
        return f"“{url[:80]}” is not a link"
    if parts.scheme.lower() in {"javascript", "data", "vbscript", "file"}:
        return f"a {parts.scheme.lower()}: link does not lead to a page"
    if parts.scheme.lower() not in {"http", "https"}:
        return ""
    if not host or ("." not in host and host != "localhost"):
        return f"“{url[:80]}” leads nowhere"
    return _host_problem(link, parts, host)


def _host_problem(link: Link, parts: SplitResult, host: str) -> str:
    if host.removeprefix("www.") in _SHORTENERS:
        return f"{host} hides where the link leads"
    if parts.username is not None:
        return f"the part before @ in “{link.url[:80]}” hides where the link leads"
    if _is_local(host):
        return f"{host} can be reached from one machine or network only"
    if any(label.startswith("xn--") for label in host.split(".")):
        return f"{host} is written in letters that can look like another name"
    shown = _DOMAIN_TEXT.match(link.text.strip())
    if shown and not _same_site(shown[1].lower(), host) and " " not in link.text.strip():
        return f"the link shows {shown[1]} and leads to {host}"
    if parts.scheme.lower() == "http":
        return f"http://{host} is not encrypted: its content can be changed on the way"
    return ""


def _is_local(host: str) -> bool:
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return True
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _same_site(shown: str, host: str) -> bool:
    """Tell whether the shown name and the host belong together (one may be a part of the other)."""
    shown, host = shown.removeprefix("www."), host.removeprefix("www.")
    if shown == host or host.endswith("." + shown) or shown.endswith("." + host):
        return True
    return shown.split(".")[-2:] == host.split(".")[-2:] or shown.rpartition(".")[2] not in _TOP_LEVELS


_TOP_LEVELS = frozenset(
    [
        "com",
        "org",
        "net",
        "io",
        "xyz",
        "finance",
        "fi",
        "app",
        "dev",
        "info",
        "co",
        "eu",
        "uk",
        "de",
        "ch",
        "cn",
        "hk",
        "tw",
        "jp",
        "kr",
        "me",
        "gg",
        "exchange",
        "network",
        "foundation",
        "money",
        "domains",
        "vote",
        "page",
        "site",
        "online",
        "tech",
        "cloud",
        "link",
    ]
)

RULES: tuple[Rule, ...] = (
    Rule(
        id="ST-html", family="structure", severity="error", title="Raw HTML or hidden text",
        clause="A proposal is Markdown: it holds no comment, no hidden and no active HTML (formatting tags warn, and "
        "so do comments in a text that is not our draft).",
        fix="Delete it, or write it as visible Markdown.", check=raw_html,
    ),
    Rule(
        id="ST-bidi", family="structure", severity="error", title="Invisible or disguised characters",
        clause="What stands in the text is what readers see: no zero-width, direction-turning or look-alike letters.",
        fix="Delete the character and type the word again.", check=disguised_characters,
    ),
    Rule(
        id="ST-links", family="structure", severity="warning", title="A link that cannot be trusted",
        clause="A link shows where it leads, is encrypted, and can be reached by every reader.",
        fix="Link the page itself by https.", check=links,
    ),
)  # fmt: skip
