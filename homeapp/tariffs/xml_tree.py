"""XML from elsewhere, read without what makes XML dangerous: no document type, so no entities and nothing to fetch."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self
from xml.parsers import expat

from homeapp.errors import FileRefused

LARGEST_DOCUMENT = 3_000_000
"""Bytes; more than half a year of quarter hours, and what one message of the contract can carry."""
_DEEPEST = 16
_MOST_ELEMENTS = 200_000
_LONGEST_TEXT = 1_000
_ENCODINGS = frozenset({None, "utf-8", "us-ascii", "iso-8859-1"})


@dataclass(slots=True)
class Element:
    """One element, its name without the namespace, attributes left out."""

    name: str
    text: str = ""
    children: list[Self] = field(default_factory=list)

    def every(self, name: str) -> Iterator["Element"]:
        """The children of that name."""
        return (child for child in self.children if child.name == name)

    def child(self, name: str) -> "Element":
        """The first child of that name; an empty one where there is none."""
        return next(self.every(name), Element(name))

    def text_of(self, name: str) -> str:
        """The text of the first child of that name, without blanks around it; empty where there is none."""
        return self.child(name).text.strip()


def read_xml(document: bytes) -> Element:
    """The document's root.

    Raises:
        FileRefused: it is no XML, or has more in it than is needed.
    """
    if len(document) > LARGEST_DOCUMENT:
        raise FileRefused(f"The file is larger than {LARGEST_DOCUMENT // 1_000_000} MB.")
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.XmlDeclHandler = reader.declared
    parser.StartDoctypeDeclHandler = reader.refuse_doctype
    parser.StartElementHandler = reader.begin
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(document, True)  # noqa: FBT003 - it takes no name
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise FileRefused(f"The file is no XML: {error}") from error
    return reader.root


class _Reader:
    """Builds the tree."""

    def __init__(self) -> None:
        self.root = Element("")
        self._open: list[Element] = []
        self._count = 0

    def declared(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if (encoding and encoding.lower()) not in _ENCODINGS:
            raise FileRefused("The file is in an unusual encoding; save it as UTF-8.")

    def refuse_doctype(self, *_told: object) -> None:
        raise FileRefused("The file has a document type of its own, which no price document needs.")

    def begin(self, name: str, _attributes: object) -> None:
        self._count += 1
        if len(self._open) >= _DEEPEST or self._count > _MOST_ELEMENTS:
            raise FileRefused("The file has more in it than a price document has.")
        element = Element(name.rpartition(" ")[2])
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def end(self, _name: str) -> None:
        self._open.pop()

    def text(self, text: str) -> None:
        element = self._open[-1]
        if len(element.text) < _LONGEST_TEXT:
            element.text += text[:_LONGEST_TEXT]
