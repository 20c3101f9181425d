"""XML files from outside: what a reader of gates needs, and nothing that harms."""

from pathlib import Path
from xml.parsers import expat

# A workspace of 500 samples has some 50 MB; nested gates are some 20 elements deep.
MAX_BYTES = 1 << 30
MAX_DEPTH = 200


class UnsafeXml(ValueError):  # noqa: N818 - the name says what the file is
    """Why an XML file is not read; the message never repeats its text."""


def check_xml(path: str | Path) -> None:
    """Raise UnsafeXml unless the file is well-formed, shallow, and without a document type.

    Entities, which can name other files or grow without bound, need a document type definition;
    no gate file has one.
    """
    depth = 0

    def refuse(*_) -> None:
        raise UnsafeXml("it holds a document type definition, which no gate file needs")

    def deeper(*_) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise UnsafeXml(f"its elements are nested more than {MAX_DEPTH} deep")

    def back(*_) -> None:
        nonlocal depth
        depth -= 1

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = deeper
    parser.EndElementHandler = back
    try:
        if Path(path).stat().st_size > MAX_BYTES:
            raise UnsafeXml(f"it has more than {MAX_BYTES >> 20} MB")
        with open(path, "rb") as file:
            parser.ParseFile(file)
    except OSError as error:
        raise UnsafeXml(f"it cannot be opened ({type(error).__name__})") from None
    except (expat.ExpatError, UnicodeError, ValueError) as error:
        if isinstance(error, UnsafeXml):
            raise
        raise UnsafeXml(f"it is not well-formed XML ({type(error).__name__})") from None
