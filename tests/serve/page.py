"""A page as a tree, so that tests ask for elements and not for substrings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "link", "img", "input", "br", "hr"}


@dataclass
class Element:
    """One element; `text` is everything it shows."""

    tag: str
    attributes: dict[str, str]
    children: list[Element | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(one if isinstance(one, str) else one.text for one in self.children)

    def walk(self) -> Iterator[Element]:
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.walk()

    def all(self, tag: str, **wanted: str) -> list[Element]:
        """Return the elements with this tag and these attributes; a class is matched as a word."""
        return [one for one in self.walk() if one.tag == tag and one._has(wanted)]

    def one(self, tag: str, **wanted: str) -> Element:
        found = self.all(tag, **wanted)
        assert len(found) == 1, f"{len(found)} elements <{tag} {wanted}>"
        return found[0]

    def _has(self, wanted: dict[str, str]) -> bool:
        for name, value in wanted.items():
            name = name.rstrip("_").replace("_", "-")
            own = self.attributes.get(name)
            if own is None or (value not in own.split() if name == "class" else value != own):
                return False
        return True


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open = [Element("", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def parse(markup: str) -> Element:
    """Parse a page; an element that is not closed by its own tag is an error."""
    builder = _Builder()
    builder.feed(markup)
    builder.close()
    assert len(builder.open) == 1, f"<{builder.open[-1].tag}> is never closed"
    return builder.open[0]
