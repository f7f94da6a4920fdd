"""XML files as elements that know their line, so that a complaint can name it."""

import math
import xml.sax
import xml.sax.handler
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from xml.sax.xmlreader import AttributesImpl, Locator

import defusedxml.sax

from drivecnn_envs.errors import MapError

MAX_FILE_BYTES = 200_000_000
MAX_ELEMENTS = 1_000_000  # of half a kilobyte each or so
MAX_TAG_BYTES = 1_000_000  # the parser's time grows with the square of a tag's length


@dataclass(frozen=True, slots=True)
class Element:
    """An XML element that knows where it stands in its file."""

    tag: str
    attributes: dict[str, str]
    path: Path
    line: int
    children: list["Element"] = field(default_factory=list)

    def error(self, message: str) -> MapError:
        """A MapError that names the file and the line of this element, to be raised."""
        return MapError(f"{self.path}:{self.line}: " + " ".join(message.split()))

    def all(self, *tags: str) -> Iterator["Element"]:
        """The elements at the end of a path of tags."""
        for child in self.children:
            if child.tag == tags[0]:
                if len(tags) == 1:
                    yield child
                else:
                    yield from child.all(*tags[1:])

    def first(self, *tags: str) -> "Element | None":
        """The first element at the end of a path of tags, None where there is none."""
        return next(self.all(*tags), None)

    def text(self, name: str, default: str | None = None) -> str:
        """An attribute; a missing one without a default is a MapError."""
        value = self.attributes.get(name, default)
        if value is None:
            raise self.error(
                f"<{self.tag}> has no attribute '{name}': add it or remove the element"
            )
        return value

    def number(self, name: str, default: float | None = None) -> float:
        """An attribute as a finite number."""
        if default is not None and name not in self.attributes:
            return default
        text = self.text(name)
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self.error(
                f"attribute '{name}' of <{self.tag}> is {text[:40]!r}, expected a finite number: "
                "correct it"
            )
        return value

    def integer(self, name: str) -> int:
        """An attribute as a whole number, as lane ids are."""
        text = self.text(name)
        try:
            return int(text)
        except ValueError:  # also raised for numbers of thousands of digits
            raise self.error(
                f"attribute '{name}' of <{self.tag}> is {text[:40]!r}, expected a whole number: "
                "correct it"
            ) from None

    def numbers(self, *names: str) -> tuple[float, ...]:
        """Several attributes as finite numbers."""
        return tuple(self.number(name) for name in names)


class _TreeHandler(xml.sax.handler.ContentHandler):
    """Collects elements; the parser's locator says on which line each begins."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.locator: Locator | None = None
        self.open: list[Element] = [Element("", {}, path, 0)]
        self.count = 0

    def setDocumentLocator(self, locator: Locator) -> None:  # noqa: N802
        self.locator = locator

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802
        line = (self.locator and self.locator.getLineNumber()) or 0
        element = Element(name.rpartition(":")[2], dict(attrs), self.path, line)
        self.count += 1
        if self.count > MAX_ELEMENTS:
            raise element.error(
                f"expected at most {MAX_ELEMENTS:,} elements, got more: cut the map into parts"
            )
        self.open[-1].children.append(element)
        self.open.append(element)

    def endElement(self, name: str) -> None:  # noqa: N802
        self.open.pop()


class _TagStream:
    """A binary stream that ends with an error where a tag, or the text between two, is absurd."""

    def __init__(self, stream: BinaryIO, path: Path) -> None:
        self.stream = stream
        self.path = path
        self.open_bytes = 0  # since the last tag ended

    def read(self, size: int = -1) -> bytes:
        content = self.stream.read(size)
        end = content.rfind(b">")
        self.open_bytes = self.open_bytes + len(content) if end < 0 else len(content) - end - 1
        if self.open_bytes > MAX_TAG_BYTES:
            raise MapError(
                f"{self.path}: expected XML with tags and texts of at most {MAX_TAG_BYTES:,} "
                "bytes, got a longer one: give a map file"
            )
        return content

    def close(self) -> None:
        self.stream.close()


def read_root(path: Path, tag: str) -> Element:
    """The root element of an XML file, which must be a `<tag>`.

    Raises:
        MapError: if the file is missing, larger than 200 MB, holds more than a million elements,
            is no XML, or of another kind, or if it declares entities, which no map needs and
            which can blow up when expanded.
    """
    handler = _TreeHandler(path)
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise MapError(
                f"{path}: the file has {size / 1e6:.0f} MB, expected at most "
                f"{MAX_FILE_BYTES / 1e6:.0f} MB: cut the map into parts"
            )
        with path.open("rb") as stream:
            defusedxml.sax.parse(_TagStream(stream, path), handler)
    except OSError as error:
        raise MapError(
            f"{path}: expected an XML file, {error.strerror or error}: check the path"
        ) from error
    except xml.sax.SAXParseException as error:
        raise MapError(
            f"{path}:{error.getLineNumber()}: expected XML, {error.getMessage()}: "
            f"give a whole <{tag}> file"
        ) from error
    except MapError:
        raise
    except (ValueError, LookupError) as error:  # forbidden entities and unknown encodings
        reason = " ".join(str(error).split())[:100]
        raise MapError(
            f"{path}: expected plain XML without entity declarations, got {reason}: remove them"
        ) from error
    root = handler.open[0].children[0]
    if root.tag != tag:
        raise root.error(f"expected <{tag}>, got <{root.tag[:40]}>: give a file of that kind")
    return root
