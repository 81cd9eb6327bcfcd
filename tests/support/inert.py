"""A page that may do nothing: no script, nothing fetched, no way for a name to break out."""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser

ACTIVE_TAGS = frozenset(
    {"script", "iframe", "object", "embed", "form", "base", "link", "img", "image", "audio",
     "video", "source", "foreignobject", "animate", "set", "use"}
)  # fmt: skip
"""Elements that run something, fetch something or send something."""
FETCHING = frozenset({"src", "srcset", "data", "action", "formaction", "poster", "background"})
VOID_TAGS = frozenset({"meta", "br", "wbr", "hr", "input"})


class InertPage(HTMLParser):
    """Collects the tags, attributes and text of a page; tags must nest."""

    def __init__(self, page: str) -> None:
        """Read the page."""
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.styles = ""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def require_inert(self) -> None:
        """Fail when anything could run or be fetched."""
        assert not ACTIVE_TAGS & self.tags.keys()
        for tag, name, value in self.attributes:
            assert not name.startswith("on"), (tag, name)
            assert name not in FETCHING, (tag, name)
            if name in {"href", "xlink:href"}:
                assert value.startswith(("./", "?", "#")), (tag, value)
            if name == "style":
                assert "url(" not in value
        assert "url(" not in self.styles
        assert "@import" not in self.styles

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a tag."""
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID_TAGS:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a tag that ends itself, as in SVG."""
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        """Close the innermost tag."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Take text, or a style sheet."""
        if self._open and self._open[-1] == "style":
            self.styles += data
        else:
            self.text += data
