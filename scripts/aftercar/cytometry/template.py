"""A gating template as the analysis uses it, and what is wrong with one."""

from dataclasses import dataclass, field

from aftercar.cytometry.panel import synonym_clashes

METHODS = (
    "above_negatives",
    "above_quantile",
    "above_positives",
    "below_positives",
    "decades_below",
)
CLEANED = (
    "no_beads",
    "time",
    "cells",
    "singlets",
    "viable",
)  # made for every panel, as far as possible


@dataclass(frozen=True)
class CutRule:
    """How the cut of a marker is found. Distances are in robust spreads or e-folds."""

    name: str
    marker: str
    method: str
    within: str
    references: tuple[str, ...] = ()
    spreads: float | None = None  # None: from the configured quantile
    quantile: float | None = None
    decades: float | None = None
    controls: bool = True
    refine: bool = True
    highest: bool = False
    max_move: float | None = None
    negative_in: tuple[str, ...] = ()  # controls (healthy, pre_infusion) without the marker
    endpoint: bool = False  # limits a reported population that can be absent altogether


@dataclass(frozen=True)
class GateRule:
    """A gate: bounds by cut name (above, below), alternatives, and bounds only where stained."""

    name: str
    parent: str
    where: dict[str, str] = field(default_factory=dict)
    any_of: tuple[dict[str, str], ...] = ()
    fallback: dict[str, str] = field(default_factory=dict)
    if_present: dict[str, str] = field(default_factory=dict)
    needs_one_of: tuple[str, ...] = ()
    top_share: dict[str, float] = field(default_factory=dict)
    bottom_share: dict[str, float] = field(default_factory=dict)
    helper: bool = False


@dataclass(frozen=True)
class ReportRule:
    """A population that is reported: gate, role, denominator and the cut of its background.

    `unresolved` is a gate beside it with cells that may belong to the population as well, but
    cannot be told from normal ones: what is not detected is excluded only down to their share.
    `neighbours` names populations beside it whose tail may cross the cut between the two.
    With `when_stained` a specimen without the stains has no row instead of one that is
    NOT_ASSESSED.
    """

    gate: str
    of: str
    role: str = ""
    target: str = ""  # an antigen, or `infusion`: the antigens of the CAR in force
    background: tuple[str, ...] = ()
    unresolved: str = ""
    neighbours: dict[str, str] = field(default_factory=dict)  # gate -> cut between
    when_stained: bool = False


@dataclass(frozen=True)
class Template:
    """A parsed template; `source` is what it was made of (markers, synonyms, placement)."""

    panel: str
    cuts: dict[str, CutRule]
    gates: dict[str, GateRule]
    report: tuple[ReportRule, ...]
    ratio_cuts: tuple[str, ...]
    ratio_scopes: dict[str, str]
    views: tuple[dict[str, str], ...]
    notes: dict[str, str]
    source: dict

    @property
    def optional(self) -> frozenset[str]:
        """Return the markers whose absence nobody needs to be told of."""
        return frozenset(self.source["markers"].get("optional", ()))


def parse_template(source: dict) -> Template:
    """Return the template of a dictionary that `template_problems` found nothing wrong with."""
    endpoints = {name for rule in source["report"] for name in _names(rule.get("background", ()))}
    cuts = {
        name: CutRule(
            name,
            rule.get("marker", name),
            rule["method"],
            rule["within"],
            tuple(rule.get("negatives", rule.get("positives", ()))),
            negative_in=tuple(rule.get("negative_in", ())),
            endpoint=rule.get("endpoint", name in endpoints),
            **{
                key: rule[key]
                for key in (
                    "spreads", "quantile", "decades", "controls", "refine", "highest", "max_move",
                )
                if key in rule
            },
        )
        for name, rule in source["cuts"].items()
    }  # fmt: skip
    gates = {
        rule["name"]: GateRule(
            **rule | {key: tuple(rule[key]) for key in ("any_of", "needs_one_of") if key in rule}
        )
        for rule in source["gates"]
    }
    ratios = source.get("ratios", {"cuts": (), "scopes": {}})
    return Template(
        source["panel"],
        cuts,
        gates,
        tuple(
            ReportRule(**rule | {"background": _names(rule.get("background", ()))})
            for rule in source["report"]
        ),
        tuple(ratios["cuts"]),
        dict(ratios["scopes"]),
        tuple(source.get("views", ())),
        dict(source.get("notes", {})),
        source,
    )


def _names(given: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def template_problems(source: dict, roles: tuple[str, ...]) -> list[str]:
    """Say in words where names of a template (already valid by its schema) point nowhere."""
    gates = [rule["name"] for rule in source["gates"]]
    known = {*gates, *CLEANED}
    markers = {name for tier in source["markers"].values() for name in tier}
    problems = [
        f"gate {name} is named twice" for name in sorted({n for n in gates if gates.count(n) > 1})
    ]
    synonyms = {*source["synonyms"]["markers"], *source["synonyms"]["scatter"]}
    problems += [
        f"marker {name} has no synonyms in markers.yaml" for name in sorted(markers - synonyms)
    ]
    problems += [
        f"markers.yaml: {clash}" for clash in synonym_clashes(source["synonyms"]["markers"])
    ]
    for name, rule in source["cuts"].items():
        marker = rule.get("marker", name)
        if marker not in markers:
            problems.append(f"cut {name}: {marker} is not among the markers of the template")
        named = [rule["within"], *rule.get("negatives", []), *rule.get("positives", [])]
        problems += [f"cut {name}: there is no gate {gate}" for gate in named if gate not in known]
    for rule in source["gates"]:
        used = [rule.get(key, {}) for key in ("where", "fallback", "if_present")]
        used += rule.get("any_of", [])
        cuts = {cut for bounds in used for cut in bounds}
        problems += [
            f"gate {rule['name']}: there is no cut {cut}"
            for cut in sorted(cuts - set(source["cuts"]))
        ]
        if rule["parent"] not in known:
            problems.append(f"gate {rule['name']}: there is no gate {rule['parent']}")
    for rule in source["report"]:
        problems += [
            f"report: there is no gate {gate}"
            for gate in (rule["gate"], rule["of"], rule.get("unresolved", rule["of"]))
            if gate not in known
        ]
        if rule.get("role", "") not in roles:
            problems.append(f"report of {rule['gate']}: {rule['role']} is not a role")
        problems += [
            f"report of {rule['gate']}: there is no {kind} {name}"
            for gate, cut in rule.get("neighbours", {}).items()
            for kind, name, names in (("gate", gate, known), ("cut", cut, source["cuts"]))
            if name not in names
        ]
        problems += [
            f"report of {rule['gate']}: there is no cut {cut}"
            for cut in _names(rule.get("background", ()))
            if cut not in source["cuts"]
        ]
    return problems
