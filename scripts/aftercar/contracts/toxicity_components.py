"""Components of CRS and ICANS as events.tsv holds them: grammar, words, and what is wrong."""

from collections.abc import Iterator

YES_NO = ("yes", "no")
# Component -> words; numbers have limits instead. Order of words is order of severity.
WORDS = {
    "fever": YES_NO,
    "hypotension": ("none", "no_pressor", "one_pressor", "several_pressors"),
    "oxygen": ("none", "low_flow", "high_flow", "positive_pressure"),
    "consciousness": ("awake", "spontaneous", "voice", "touch", "unarousable"),
    "seizure": ("none", "resolved", "prolonged"),
    "motor": ("none", "deep_focal"),
    "edema": ("none", "focal", "diffuse"),
}
SCORES = {"ice": 10, "capd": 32}  # largest score: ten points; eight items of four points
OF_EVENT = {
    "crs": ("fever", "hypotension", "oxygen"),
    "icans": ("ice", "capd", "consciousness", "seizure", "motor", "edema"),
}


def components_of(text: str) -> dict[str, str]:
    """Return the components of a cell `name=value;name=value`, which is valid by `faults`."""
    pairs = (part.partition("=") for part in text.split(";") if part.strip())
    return {name.strip(): value.strip() for name, _, value in pairs}


def faults(event: str, text: str) -> Iterator[tuple[str, str, str]]:
    """Yield (found, expected, remedy) for everything that is wrong in a cell of components."""
    if not text:
        return
    if event not in OF_EVENT:
        yield (
            f"components with event {event}", "empty: only crs and icans are graded by components",
            "empty the cell, or correct the event",
        )  # fmt: skip
        return
    known = OF_EVENT[event]
    seen: set[str] = set()
    for part in text.split(";"):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or name not in known:
            yield (
                repr(part.strip()), f"name=value with one of {', '.join(known)} for {event}",
                "separate components by ; and leave out what was not assessed",
            )  # fmt: skip
        elif name in seen:
            yield f"{name} twice", "each component once", "keep the worst value of the episode"
        elif name in SCORES:
            if not value.isdecimal() or int(value) > SCORES[name]:
                yield (
                    repr(part.strip()), f"a whole number from 0 to {SCORES[name]}",
                    "write the worst score of the episode",
                )  # fmt: skip
        elif value not in WORDS[name]:
            yield (
                repr(part.strip()), f"{name}= with one of {', '.join(WORDS[name])}",
                "leave the component out if it was not assessed",
            )  # fmt: skip
        seen.add(name)
