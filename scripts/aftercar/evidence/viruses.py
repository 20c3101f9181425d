"""Viruses: days on which one was found, and tests that did not find it or could not tell."""

from aftercar.evidence.timeline import Event, Value, View

FOUND = ("QUANTIFIED", "DETECTED_BELOW_LLOQ")
BLOOD = "PB"
LISTED = 8  # days that are named one by one
Found = tuple[str, Event, dict[str, object]]


def virus_rows(view: View, gap_days: int) -> list[Found]:
    """Return (kind, event, fields of TOXICITY) of each virus and specimen, blood without its name.

    Kind `virus` is a run of specimens in a row in which it was found; a run ends with a specimen
    without the virus, and where more than `gap_days` lie between two specimens. Kind `virus_test`
    sums up what did not find it: one row for NOT_DETECTED, FAILED and INDETERMINATE each.
    """
    tests: dict[tuple[str, str], list[Value]] = {}
    for value in view.values.get("virus_copies", ()):
        tests.setdefault((value.target, value.specimen), []).append(value)
    rows: list[Found] = []
    for (virus, specimen), values in sorted(tests.items()):
        name = virus if specimen == BLOOD else f"{virus} in {specimen or 'unknown specimen'}"
        rows += _episodes(name, values, gap_days)
        for status in ("NOT_DETECTED", "FAILED", "INDETERMINATE"):
            mine = [value for value in values if value.status == status]
            if mine:
                rows.append(_tests(name, status, mine))
    return rows


def _episodes(name: str, values: list[Value], gap_days: int) -> list[Found]:
    rows: list[Found] = []
    run: list[Value] = []
    for value in values:
        if value.status in FOUND:
            if run and value.day - run[-1].day > gap_days:
                rows.append(_episode(name, run, value, gap_days))
                run = []
            run.append(value)
        elif run and value.status == "NOT_DETECTED":
            rows.append(_episode(name, run, value, gap_days))
            run = []
    if run:
        rows.append(_episode(name, run, None, gap_days))
    return rows


def _episode(name: str, run: list[Value], after: Value | None, gap_days: int) -> Found:
    last = run[-1].day
    near = after is not None and after.status == "NOT_DETECTED" and after.day - last <= gap_days
    most = max(run, key=lambda value: value.value or 0.0)
    if after is None:
        end = "no later specimen without the virus"
    elif near:
        end = f"not detected on day {after.day}"
    else:
        found = "not detected" if after.status == "NOT_DETECTED" else "found again"
        end = (
            f"end not known: next specimen that can tell ({found}) on day {after.day}, more than "
            f"{gap_days} days later"
        )
    return (
        "virus",
        Event(run[0].day, last if near else None, name),
        {
            "status": "QUANTIFIED" if most.status == "QUANTIFIED" else "DETECTED_BELOW_LLOQ",
            "value": f"{len(run)} specimen{'s' if len(run) > 1 else ''}, at most {most.text}",
            "flags": end,
        },
    )


def _tests(name: str, status: str, values: list[Value]) -> Found:
    seen = sorted({value.day for value in values})
    days = ", ".join(map(str, seen)) if len(seen) <= LISTED else f"{seen[0]} to {seen[-1]}"
    times = f"{len(values)} time{'s' if len(values) > 1 else ''}"
    if status == "NOT_DETECTED":
        limits = [value.limit for value in values]
        known = [limit for limit in limits if limit is not None]
        limit = f"limit {max(known):.3g} {values[0].unit}" if known else "limit unknown"
        if known and len(known) < len(limits):
            limit += ", of some unknown"
        text = f"tested {times}, not found ({limit}); days: {days}"
    elif status == "FAILED":
        text = f"FAILED {times}, nothing is known from it; days: {days}"
    else:
        text = f"INDETERMINATE {times}: neither found nor absent; days: {days}"
    return (
        "virus_test",
        Event(values[0].day, values[-1].day, name),
        {"status": status, "value": text, "flags": ""},
    )
