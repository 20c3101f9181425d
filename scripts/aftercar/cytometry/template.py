"""A gating template as the analysis uses it."""

from dataclasses import dataclass, field

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
    dim_positives: bool = False  # whether positives may crowd just above the negatives
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
    endpoints = {name for rule in source["report"] for name in names_of(rule.get("background", ()))}
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
                    "dim_positives",
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
            ReportRule(**rule | {"background": names_of(rule.get("background", ()))})
            for rule in source["report"]
        ),
        tuple(ratios["cuts"]),
        dict(ratios["scopes"]),
        tuple(source.get("views", ())),
        dict(source.get("notes", {})),
        source,
    )


def names_of(given: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    """Return the names that a key holds which takes one name or several."""
    return (given,) if isinstance(given, str) else tuple(given)
