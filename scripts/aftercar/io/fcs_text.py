"""HEADER and TEXT segments of an FCS file: offsets, keywords, and which keywords may leave."""

import re
from dataclasses import dataclass

VERSIONS = ("FCS2.0", "FCS3.0", "FCS3.1", "FCS3.2")
# Everything that leaves the reader. Free text, dates, operators and institutions never do.
KEPT = re.compile(
    r"\$(PAR|TOT|MODE|DATATYPE|BYTEORD|TIMESTEP|VOL|CYT|NEXTDATA|BEGINDATA|ENDDATA"
    r"|P\d+[NSBREGVD]|P\d+DATATYPE|DFC\d+TO\d+|SPILLOVER|COMP)"
    r"|SPILL|SPILLOVER|COMP|APPLY COMPENSATION"
)
MAX_TEXT_BYTES = 32 << 20  # TEXT of real files is below 1 MB
BLANK = " \t\r\n\x00"
# A token that can only be a key: tells an empty value from a doubled delimiter.
KEY = re.compile(
    r"\$(P\d+[A-Z]+|[A-Z]{2,}[A-Z0-9]*|G\d+[A-Z]+|R\d+[IW])|P\d+(DISPLAY|BS|MS)|SPILL(OVER)?"
    r"|GUID|FILENAME|FCSVERSION|CREATOR|@[A-Z0-9_]+",
    re.IGNORECASE,
)
# What decides about values and markers: two different values of these cannot both be right.
STRUCTURAL = re.compile(
    r"\$(PAR|TOT|MODE|DATATYPE|BYTEORD|BEGINDATA|ENDDATA|NEXTDATA|TIMESTEP|P\d+([BRNSEG]|DATATYPE)"
    r"|SPILLOVER|COMP)|SPILL|SPILLOVER|COMP"
)


class UnreadableFile(ValueError):  # noqa: N818 - the name says what happened to the specimen
    """A file that cannot be read right; the message names the reason and never a keyword's text."""


@dataclass(frozen=True)
class Segments:
    """What HEADER and TEXT of one data set say; offsets count from the start of the file.

    `starts` and `ends` are the candidates (HEADER first, then TEXT) for the first and last byte
    of DATA. `remarks` are names and messages of checks: what could not be read.
    """

    version: str
    keywords: dict[str, str]
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    next_data: int
    remarks: tuple[tuple[str, str], ...] = ()

    def number(self, key: str, default: int | None = None) -> int:
        """Return a whole number of TEXT, or raise UnreadableFile naming the keyword."""
        text = self.keywords.get(key, "")
        if re.fullmatch(r"\+?[0-9]{1,18}(\.0*)?", text):
            return int(text.split(".")[0])
        if default is not None:
            return default
        raise UnreadableFile(
            f"keyword {key} is {'not a whole number' if text else 'missing'}; "
            "expected the number that the FCS standard requires; export the file again"
        )


def read_segments(content, base: int, size: int) -> Segments:
    """Return the segments of the data set that starts at byte `base` of `content` (bytes-like)."""
    head = bytes(content[base : base + 58])
    version = head[:6].decode("latin-1")
    if version not in VERSIONS:
        raise UnreadableFile(
            f"not an FCS file: it does not start with one of {', '.join(VERSIONS)}; "
            "export the specimen from the instrument as FCS 3.0 or 3.1"
        )
    if len(head) < 58:
        raise UnreadableFile(
            f"the file ends inside its HEADER: it has {size} bytes, HEADER takes 58; copy it again"
        )
    text_start, text_end, data_start, data_end = (
        _offset(head[place : place + 8]) for place in (10, 18, 26, 34)
    )
    if text_start is None or text_end is None or not 58 <= text_start < text_end:
        raise UnreadableFile("the HEADER does not say where TEXT lies; export the file again")
    if base + text_end >= size:
        raise UnreadableFile(
            f"the file ends inside its TEXT: TEXT ends at byte {base + text_end}, "
            f"the file has {size} bytes; copy it again"
        )
    if text_end - text_start >= MAX_TEXT_BYTES:
        raise UnreadableFile(
            f"the HEADER gives TEXT {text_end - text_start + 1} bytes, more than "
            f"{MAX_TEXT_BYTES}; export the file again"
        )
    keywords = split_text(bytes(content[base + text_start : base + text_end + 1]))
    keywords, remarks = _with_supplement(keywords, content, base, size, (text_start, text_end))
    pairs = [(data_start, data_end)]
    begin, end = (_offset(keywords.get(key, "").encode()) for key in ("$BEGINDATA", "$ENDDATA"))
    pairs.append((begin, end))
    known = list(dict.fromkeys((b, e) for b, e in pairs if b and e and e >= b))
    if not known:
        raise UnreadableFile("neither HEADER nor TEXT says where DATA lies; export the file again")
    following = _offset(keywords.get("$NEXTDATA", "").encode()) or 0
    return Segments(
        version,
        {key: value for key, value in keywords.items() if KEPT.fullmatch(key)},
        tuple(base + b for b, _ in known),
        tuple(base + e for _, e in known),
        base + following if following else 0,
        remarks,
    )


def split_text(segment: bytes) -> dict[str, str]:
    """Return keys (upper case, stripped) and values (stripped) of a TEXT segment.

    A doubled delimiter inside a value stands for the delimiter itself, unless it directly follows
    a key and a key follows it: then the value was left empty. Both occur in files of instruments.
    The first of repeated keys counts; conflicting repeats of a structural key are refused.
    """
    segment = segment.removeprefix(b"\xef\xbb\xbf")  # a byte order mark is no delimiter
    try:
        text = segment.decode("utf-8")
    except UnicodeDecodeError:
        text = segment.decode("latin-1")
    if not text:
        return {}
    delimiter, tokens = text[0], text[1:].split(text[0])
    keywords: dict[str, str] = {}
    place = 0
    while place + 1 < len(tokens):
        key, parts, place = tokens[place].strip(BLANK).upper(), [tokens[place + 1]], place + 2
        if not key:  # a delimiter too many between two pairs
            place -= 1
            continue
        if parts == [""] and place + 1 < len(tokens) and tokens[place] == "":
            parts, place = ["", tokens[place + 1]], place + 2
        while parts != [""] and place + 1 < len(tokens) and tokens[place] == "":
            if KEY.fullmatch(tokens[place + 1].strip()):
                break
            parts.append(tokens[place + 1])
            place += 2
        _keep(keywords, key, delimiter.join(parts).strip(BLANK))
    return keywords


def _keep(keywords: dict[str, str], key: str, value: str) -> None:
    if key in keywords and keywords[key] != value and STRUCTURAL.fullmatch(key):
        raise UnreadableFile(
            f"keyword {key} stands in TEXT twice with different values; export the file again"
        )
    keywords.setdefault(key, value)


def _with_supplement(
    keywords: dict[str, str], content, base: int, size: int, primary: tuple[int, int]
) -> tuple[dict[str, str], tuple[tuple[str, str], ...]]:
    """Return all keywords, those of the primary TEXT first, and why a supplement was not read."""
    begin, end = (_offset(keywords.get(k, "").encode()) for k in ("$BEGINSTEXT", "$ENDSTEXT"))
    if not begin or not end or end <= begin:
        return keywords, ()
    if primary[0] <= begin and end <= primary[1]:  # only repeats the primary TEXT
        return keywords, ()
    remark = ""
    if base + end >= size:
        remark = "ends beyond the file"
    elif begin <= primary[1] and end >= primary[0]:
        remark = "overlaps the primary TEXT"
    elif end - begin >= MAX_TEXT_BYTES:
        remark = f"is longer than {MAX_TEXT_BYTES} bytes"
    if remark:
        return keywords, (("text_segment", f"the supplemental TEXT {remark} and was not read"),)
    merged = dict(keywords)
    for key, value in split_text(bytes(content[base + begin : base + end + 1])).items():
        _keep(merged, key, value)
    return merged, ()


def _offset(digits: bytes) -> int | None:
    text = digits.decode("latin-1").strip(BLANK)
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None
