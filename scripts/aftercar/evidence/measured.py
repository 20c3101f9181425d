"""Answer a predicate about one measure from the values that were known."""

from collections.abc import Sequence

from aftercar.evidence.timeline import Value, View
from aftercar.evidence.verdicts import Verdict, agreement, any_of

UNUSABLE = ("FAILED", "NOT_ASSESSED", "NOT_APPLICABLE")
# A limit that equals the one asked for is adequate, whatever the rounding of the table.
ROUNDING = 1 + 1e-6


def measured(node: dict, view: View, target: str, gene: str) -> Verdict:
    """Return the verdict of a `measure` predicate (keys: see rules.schema.yaml).

    `target` is the antigen that the rule is asked about, `gene` its gene; either may be empty.
    """
    measures = node["measure"] if isinstance(node["measure"], list) else [node["measure"]]
    known = [value for name in measures for value in view.values.get(name, ())]
    if known:
        wanted = {"car": target, "gene": gene}.get(node.get("target", ""), node.get("target", ""))
        known = [value for value in known if _is_meant(value, node, wanted, view)]
    positive = _from_values(node, view, known, target) if known else None
    if positive is not None and positive.status not in ("NOT_ASSESSED", "ABSENT"):
        return positive
    if "negative_by" in node:
        return _from_negative_test(node["negative_by"], view, gene, positive)
    return positive or Verdict("NOT_ASSESSED", reason=f"{' or '.join(measures)} was not measured")


def _is_meant(value: Value, node: dict, wanted: str, view: View) -> bool:
    if wanted and wanted not in value.target.split(";"):
        return False
    if node.get("target") and not wanted:
        return False
    if "specimens" in node and value.specimen not in node["specimens"]:
        return False
    period = node.get("period", "any")
    if period == "after_infusion":
        return view.segment_start is not None and value.day > view.segment_start
    if period == "before_infusion":
        return bool(view.infusions) and value.day <= (view.infusions[0].day or 0)
    return True


def _from_values(node: dict, view: View, known: Sequence[Value], target: str) -> Verdict:
    age = node.get("age", "fresh")
    groups: dict[tuple[str, ...], list[tuple[str, Value]]] = {}
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
        groups.setdefault(_source_of(value, node), []).append((answer, value))
    if not groups:
        return _without_value(view, stale, unusable)
    if not fresh and stale and all(_latest(g, node)[0] != "PRESENT" for g in groups.values()):
        return _without_value(view, stale, unusable)
    verdicts = [_verdict(*_latest(group, node), node) for group in groups.values()]
    needed = node.get("agreeing_sources", 0)
    if needed:
        return _agreeing(verdicts, needed)
    return agreement(verdicts) if node.get("combine") == "agree" else _any_tested(verdicts)


def _source_of(value: Value, node: dict) -> tuple[str, ...]:
    """Name what counts as one source: a later value of the same source replaces an earlier one."""
    if node.get("combine") == "agree":
        return value.stream, value.measure
    return value.stream, value.measure, value.target, value.item


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
    """Say whether something was found, though not enough to answer."""
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
    if intermediate or open_interval or not _negative_counts(value, node, target):
        return "INDETERMINATE"
    return "ABSENT"


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
        sensitivity = (
            "not stated" if value.limit is None else f"{value.limit:.3g} {value.unit}".strip()
        )
        reason = f"adequate test, limit of detection {sensitivity}"
    return Verdict(answer, (value.text,), (value.day,), reason)


def _why_indeterminate(value: Value, node: dict) -> str:
    if value.status == "INDETERMINATE":
        return value.flags or "the test ran but cannot tell"
    if value.status == "DETECTED_BELOW_LLOQ":
        return "detected below the lower limit of quantification"
    if value.status == "NOT_DETECTED" and value.limit is None:
        return "not detected, but the limit of detection is unknown"
    if value.status == "NOT_DETECTED":
        return f"not detected, but the limit {value.limit:.3g} is too high or the specimen unfit"
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


def _any_tested(verdicts: list[Verdict]) -> Verdict:
    """Return the or over sources of one measure; those that cannot tell do not undo a negative."""
    telling = [v for v in verdicts if v.status != "INDETERMINATE"]
    present = [v for v in telling if v.status == "PRESENT"]
    return any_of(present or telling or verdicts)


def _agreeing(verdicts: list[Verdict], needed: int) -> Verdict:
    """Return the answer that `needed` sources share; one alone is not enough."""
    together = agreement(verdicts)
    if together.status not in ("PRESENT", "ABSENT"):
        return together
    sources = sum(v.status == together.status for v in verdicts)
    if sources >= needed or together.status == "ABSENT":
        return together
    return together._replace(
        status="INDETERMINATE",
        reason=f"{sources} of {needed} antibody clones or methods: an epitope may be masked",
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
