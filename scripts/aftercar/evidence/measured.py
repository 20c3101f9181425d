"""Answer a predicate about one measure from the values that were known."""

from collections.abc import Sequence
from typing import NamedTuple

from aftercar.evidence.timeline import Value, View
from aftercar.evidence.verdicts import Verdict, agreement, any_of, strongest

UNUSABLE = ("FAILED", "NOT_ASSESSED", "NOT_APPLICABLE")
# A limit that equals the one asked for is adequate, whatever the rounding of the table.
ROUNDING = 1 + 1e-6

MAY_BE_AFTER_LYMPHODEPLETION = "may be after lymphodepletion: none is recorded"

# Periods, as a reason names that nothing was measured in them.
TIMES = {
    "of_present_disease": "after the infusion and since the relapse, if there is one",
    "before_lymphodepletion": "before lymphodepletion",
}


class Source(NamedTuple):
    """Where a value comes from: the kind of specimen, the method, and what or with what."""

    specimen: str
    stream: str
    measure: str
    target: str
    item: str


def measured(node: dict, view: View, target: str, gene: str) -> Verdict:
    """Return the verdict of a `measure` predicate (keys: see rules.schema.yaml).

    `target` is the antigen that the rule is asked about, `gene` its gene; either may be empty.
    """
    measures = node["measure"] if isinstance(node["measure"], list) else [node["measure"]]
    known = [value for name in measures for value in view.values.get(name, ())]
    other_time: list[Value] = []
    if known:
        wanted = {"car": target, "gene": gene}.get(node.get("target", ""), node.get("target", ""))
        of_any_time = [value for value in known if _is_meant(value, node, wanted)]
        known = [value for value in of_any_time if _is_in_period(value, node, view)]
        other_time = [] if known else of_any_time
    positive = _from_values(node, view, known, target) if known else None
    if positive and node.get("period") == "before_lymphodepletion":
        positive = _with_day_of_lymphodepletion(positive, view)
    if positive is not None and positive.status not in ("NOT_ASSESSED", "ABSENT"):
        return positive
    if "negative_by" in node:
        return _from_negative_test(node["negative_by"], view, gene, positive)
    return positive or _not_measured(measures, node, other_time)


def _not_measured(measures: list[str], node: dict, other_time: list[Value]) -> Verdict:
    """Return NOT_ASSESSED; a specimen of a time that does not count is named."""
    reason = f"{' or '.join(measures)} was not measured"
    if other_time and node["period"] in TIMES:
        reason += f" {TIMES[node['period']]}, the latest is {other_time[-1].text}"
    return Verdict("NOT_ASSESSED", reason=reason)


def _is_meant(value: Value, node: dict, wanted: str) -> bool:
    if wanted and wanted not in value.target.split(";"):
        return False
    if node.get("target") and not wanted:
        return False
    if "specimens" in node and value.specimen not in node["specimens"]:
        return False
    by = node.get("identity")
    return by is None or any(f"identity by {word}" in value.flags for word in by)


def _is_in_period(value: Value, node: dict, view: View) -> bool:
    period = node.get("period", "any")
    if period == "after_infusion":
        return view.segment_start is not None and value.day > view.segment_start
    if period == "of_present_disease":
        start = view.present_disease_start
        return start is not None and value.day > (view.segment_start or 0) and value.day >= start
    if period == "before_infusion":
        return bool(view.infusions) and value.day <= (view.infusions[0].day or 0)
    if period == "before_lymphodepletion":
        return is_before_lymphodepletion(value, view)
    return True


def is_before_lymphodepletion(value: Value, view: View) -> bool:
    """Say whether a value is from before the lymphodepletion of the first infusion, or its day.

    Where none is recorded, the day of the infusion takes its place.
    """
    if not view.infusions:
        return False
    start = view.lymphodepletion_start
    return value.day <= ((view.infusions[0].day or 0) if start is None else start)


def _with_day_of_lymphodepletion(verdict: Verdict, view: View) -> Verdict:
    if view.lymphodepletion_start is not None:
        return verdict
    texts = tuple(f"{text} ({MAY_BE_AFTER_LYMPHODEPLETION})" for text in verdict.values)
    return verdict._replace(values=texts)


def _from_values(node: dict, view: View, known: Sequence[Value], target: str) -> Verdict:
    age = node.get("age", "fresh")
    groups: dict[Source, list[tuple[str, Value]]] = {}
    stale, unusable, fresh = [], [], False
    for value in known:
        if value.status in UNUSABLE:
            if age == "any" or view.is_fresh(value):
                unusable.append(value)
            continue
        answer = answer_of(value, node, target)
        if age != "any" and not view.is_fresh(value):
            if age != "lasting" or answer != "PRESENT":
                stale.append(value)
                continue
        else:
            fresh = True
        groups.setdefault(_source_of(value), []).append((answer, value))
    if not groups:
        return _without_value(view, stale, unusable)
    if not fresh and stale and all(_latest(g, node)[0] != "PRESENT" for g in groups.values()):
        return _without_value(view, stale, unusable)
    verdicts = {s: _verdict(*_latest(group, node), node) for s, group in groups.items()}
    needed = node.get("agreeing_sources", 0)
    together = _together(verdicts, node)
    return _agreeing(together, verdicts, needed) if needed else together


def _source_of(value: Value) -> Source:
    """Name what counts as one source: a later value of the same source replaces an earlier one.

    A specimen of another kind is another place, another item another reagent, clone or variant.
    """
    return Source(value.specimen, value.stream, value.measure, value.target, value.item)


def _together(verdicts: dict[Source, Verdict], node: dict) -> Verdict:
    """Join the sources: in one kind of specimen, over the kinds of specimen, over the things.

    Reagents (`combine: agree`) ask the same thing and have to agree within a kind of specimen; a
    finding in one kind of specimen stands against a negative in another. Several variants, clones
    or viruses are different things: each can be found by itself.
    """
    agree = node.get("combine") == "agree" or "agreeing_sources" in node
    reagents = node.get("items", "reagents" if agree else "things") == "reagents"
    things: dict[tuple[str, ...], dict[str, list[Verdict]]] = {}
    for source, verdict in verdicts.items():
        thing = ("",) if reagents else (source.target, source.item)
        things.setdefault(thing, {}).setdefault(source.specimen, []).append(verdict)
    join = _agreed if agree else strongest
    return any_of(
        [strongest([join(place) for place in places.values()]) for places in things.values()]
    )


def _agreed(verdicts: list[Verdict]) -> Verdict:
    """Return the agreement of reagents or methods; traces found by one are no negative."""
    together = agreement(verdicts)
    return strongest(verdicts) if together.status == "ABSENT" else together


def _latest(group: list[tuple[str, Value]], node: dict) -> tuple[str, Value]:
    """Return the value that speaks for a source: the latest that can tell.

    A lasting property is PRESENT once found. Traces below the threshold overrule an earlier
    negative result; a test that was merely insensitive does not.
    """
    if node.get("age") == "lasting":
        for answer, value in reversed(group):
            if answer == "PRESENT":
                return answer, value
    for answer, value in reversed(group):
        if answer in ("PRESENT", "ABSENT") or _is_trace(value):
            return answer, value
    return group[-1]


def _is_trace(value: Value) -> bool:
    """Say whether something was found, though perhaps not enough to answer."""
    if value.status == "INDETERMINATE":
        return value.value is not None and value.value > 0
    return value.status in ("QUANTIFIED", "DETECTED_BELOW_LLOQ") and value.value != 0


def answer_of(value: Value, node: dict, target: str) -> str:
    """Return PRESENT, ABSENT or INDETERMINATE for one value."""
    if value.status == "INDETERMINATE":
        return "INDETERMINATE"
    if "below" in node:
        return _answer_below(value, node["below"])
    threshold = node.get("at_least", node.get("above", 0.0))
    if value.status == "NOT_DETECTED":
        return _answer_not_detected(value, node, target)
    below_lloq = value.status == "DETECTED_BELOW_LLOQ"
    if "detected" in node and below_lloq:
        return "PRESENT" if node.get("below_lloq") == "present" else "INDETERMINATE"
    if value.value is None:
        return "INDETERMINATE"
    reaches = value.value >= threshold if "at_least" in node else value.value > threshold
    if node.get("by") == "interval" and (value.low is None or value.low <= threshold):
        reaches = False
    if reaches:
        if below_lloq and node.get("below_lloq") != "present":
            return "INDETERMINATE"
        return "PRESENT"
    intermediate = node.get("detected_below_threshold") == "indeterminate" and value.value > 0
    open_interval = value.high is not None and value.high >= threshold
    unlimited = value.value == 0 and not _zero_counts(value, node)
    if intermediate or open_interval or unlimited or not _negative_counts(value, node, target):
        return "INDETERMINATE"
    return "ABSENT"


def _zero_counts(value: Value, node: dict) -> bool:
    """Say whether a zero excludes what is asked: by its limit of detection or its upper bound."""
    if "adequate_limit" not in node or (value.limit is None and value.high is not None):
        return True
    return value.limit is not None and value.limit <= node["adequate_limit"] * ROUNDING


def _answer_below(value: Value, threshold: float) -> str:
    if value.status == "NOT_DETECTED":
        known = value.limit is not None and value.limit <= threshold
        return "PRESENT" if known else "INDETERMINATE"
    if value.value is None:
        return "INDETERMINATE"
    return "PRESENT" if value.value < threshold else "ABSENT"


def _answer_not_detected(value: Value, node: dict, target: str) -> str:
    if value.limit is None or not _negative_counts(value, node, target):
        return "INDETERMINATE"
    needed = node.get("adequate_limit", value.limit)
    return "INDETERMINATE" if value.limit > needed * ROUNDING else "ABSENT"


def _negative_counts(value: Value, node: dict, target: str) -> bool:
    """Say whether a negative result of this specimen speaks for this target at all."""
    if "negative_specimens" in node and value.specimen not in node["negative_specimens"]:
        return False
    return "negative_targets" not in node or target in node["negative_targets"]


def _verdict(answer: str, value: Value, node: dict) -> Verdict:
    reason = ""
    if answer == "INDETERMINATE":
        reason = _why_indeterminate(value, node)
    elif answer == "ABSENT":
        # a yes or no has its limit in the share of cells, which the flags put in words
        unit = "of all cells" if value.unit == "yes=1" else value.unit
        sensitivity = "not stated" if value.limit is None else f"{value.limit:.3g} {unit}".strip()
        reason = f"adequate test, limit of detection {sensitivity}"
    found = answer == "PRESENT" or (answer == "INDETERMINATE" and _is_trace(value))
    return Verdict(answer, (value.text,), (value.day,), reason, found=found)


def _why_indeterminate(value: Value, node: dict) -> str:
    if value.status == "INDETERMINATE":
        return value.flags or "the test ran but cannot tell"
    if value.status == "DETECTED_BELOW_LLOQ":
        return "detected below the lower limit of quantification"
    if value.status == "NOT_DETECTED" and value.limit is None:
        return "not detected, but the limit of detection is unknown"
    if value.status == "NOT_DETECTED":
        return f"not detected, but the limit {value.limit:.3g} is too high or the specimen unfit"
    if value.value == 0 and not _zero_counts(value, node):
        return "zero, but the limit of detection is not stated or too high"
    if "negative_specimens" in node and value.specimen not in node["negative_specimens"]:
        return f"below the threshold, but {value.specimen} cannot show absence"
    return "the interval reaches across the threshold, or traces lie below it"


def _without_value(view: View, stale: list[Value], unusable: list[Value]) -> Verdict:
    if unusable and not stale:
        worst = max(unusable, key=lambda value: (value.status == "FAILED", value.day))
        return Verdict("NOT_ASSESSED", (worst.text,), reason=f"specimen {worst.status}")
    if not stale:
        return Verdict("NOT_ASSESSED", reason="was not measured")
    latest = max(stale, key=lambda value: value.day)
    return Verdict(
        "NOT_ASSESSED",
        (latest.text,),
        (latest.day,),
        f"STALE: {view.day - latest.day} days old, {view.max_age_days[latest.specimen]} allowed",
        stale=True,
    )


def _agreeing(together: Verdict, verdicts: dict[Source, Verdict], needed: int) -> Verdict:
    """Return a finding only if `needed` sources share it: one in two specimens is one source."""
    if together.status != "PRESENT":
        return together
    sources = {s._replace(specimen="") for s, v in verdicts.items() if v.status == "PRESENT"}
    if len(sources) >= needed:
        return together
    return together._replace(
        status="INDETERMINATE",
        reason=f"{len(sources)} of {needed} antibody clones or methods: an epitope may be masked",
    )


def _from_negative_test(node: dict, view: View, gene: str, positive: Verdict | None) -> Verdict:
    """Return ABSENT if a second measure shows that the test would have found something."""
    wanted = {"gene": gene}.get(node["target"], node["target"])
    tests = [v for v in view.values.get(node["measure"], ()) if v.target == wanted]
    ran = [v for v in tests if v.status not in UNUSABLE and view.is_fresh(v)]
    adequate = [v for v in ran if v.limit is not None and v.status != "INDETERMINATE"]
    adequate = [v for v in adequate if v.limit <= node["adequate_limit"] * ROUNDING]  # type: ignore[operator]
    if adequate:
        return _covered(adequate[-1])
    if ran:
        reason = f"the reads cover {wanted} too thinly to exclude a variant"
        return Verdict("INDETERMINATE", (ran[-1].text,), (ran[-1].day,), reason)
    old = [v for v in tests if v.status not in UNUSABLE]
    unusable = [v for v in tests if v.status in UNUSABLE and view.is_fresh(v)]
    if old or unusable:
        return _without_value(view, old, unusable)
    return positive or Verdict("NOT_ASSESSED", reason=f"{wanted or 'the gene'} was not sequenced")


def _covered(value: Value) -> Verdict:
    """Return ABSENT with the sensitivity; the status word of the coverage row is not repeated.

    It may say that a variant was found later and looked for in this older specimen.
    """
    text = (
        f"{value.target} callable={value.value if value.value is None else round(value.value, 3)}, "
        f"detectable VAF {value.limit:.3g}, {value.specimen} {value.sample_id}, day {value.day}"
    )
    return Verdict(
        "ABSENT", (text,), (value.day,), f"adequate test, VAF {value.limit:.3g} detectable"
    )
