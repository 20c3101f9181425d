"""Whether both copies of a gene are hit in the same cells: two hits, counted clone by clone.

A loss-of-function variant in one copy leaves the other. Frameshifts of two subclones are
alternatives: each cell has one of them. They count as two hits of one cell only where molecules,
cells or the sum of their fractions show it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from aftercar.stats.intervals import wilson_interval

# Fragments that show each variant without the other, before two variants are told apart.
MIN_MOLECULES = 3
# Share of molecules with both, of those with the rarer variant: above, one copy carries both;
# below, none does (template switching of the PCR joins a few; conventions).
CIS_ABOVE, NOT_CIS_BELOW = 0.5, 0.2
MAX_GROUPS = 8  # hits that are combined in all ways; more are taken together only
HALF = "a fraction above half of the copies: some cells have no other copy"
BESIDE_LOSS = "a variant and a lost copy, together in more cells than can have one of them only"
APART = "variants on different copies, together on more copies than one per cell"
PLOIDY_LIMIT = "assumes two copies per cell: a gained mutated copy would look the same"


@dataclass(frozen=True)
class Hit:
    """A loss-of-function variant: its name and its allele fraction with 95 % limits.

    `somatic`: not inherited, so that only leukemic cells carry it. Without proof it is False, and
    all cells of the specimen may carry the variant.
    """

    name: str
    vaf: float
    low: float
    high: float
    somatic: bool = False

    def cells(self, purity: float | None) -> float:
        """Return the largest share of cells that can carry the variant."""
        return purity if self.somatic and purity is not None else 1.0


@dataclass(frozen=True)
class Verdict:
    """State, bounds of the share of all cells with both copies hit, and reasons."""

    state: str
    low: float | None
    high: float | None
    reasons: list[str]


def phase_of_molecules(both: int, first_only: int, second_only: int) -> str:
    """Say what molecules that cover two variants tell: CIS, NOT_CIS or NOT_DETERMINED.

    `both` counts molecules with both variants, `first_only` and `second_only` those with one of
    them and the reference at the other. NOT_CIS: on two copies, of one cell or of two cells.
    """
    rarer = min(first_only, second_only)
    low, high = wilson_interval(both, both + rarer)
    if both >= MIN_MOLECULES and low > CIS_ABOVE:
        return "CIS"
    if rarer >= MIN_MOLECULES and high < NOT_CIS_BELOW:
        return "NOT_CIS"
    if rarer >= MIN_MOLECULES and both == 0:
        return "NOT_CIS"
    return "NOT_DETERMINED"


def judge_bulk(
    hits: Sequence[Hit],
    phases: Mapping[frozenset[str], str],
    loh: Mapping[str, object],
    *,
    purity: float | None,
    detectable: float | None,
    target_vaf: float,
) -> Verdict:
    """Return the state of one gene in the DNA of one specimen.

    `phases` holds phase_of_molecules by pair of names, `loh` the row of LOH; `detectable` is the
    smallest fraction of a variant that every coding exon would show, None: not all exons show any.
    `purity` is the share of leukemic cells; without it, only what holds for any purity is said.
    A copy is said to be there only as far as the reads exclude its loss in the cells of the hit.

    Pigeonhole: of 2N copies of N cells, cells with one hit give at most N mutated ones. With a
    summed fraction S of hits on different copies, at least 2S - purity of the cells have two. A
    hit and a lost copy share at least v + c - purity of the cells.
    """
    groups = _merge_cis(hits, phases)
    lost, intact = loh.get("state") == "LOH", loh.get("state") == "NO_LOH"
    if not groups:
        readable = detectable is not None and detectable <= target_vaf
        # without purity, few leukemic cells may all lack a copy unseen
        known = intact and purity is not None
        return _without_hit(lost=lost, intact=known, readable=readable)
    most_lost = float(str(loh.get("affected_fraction_high") or 0.0)) if intact else 1.0
    apart, unknown = _shared_cells(groups, phases, purity)
    half = max(0.0, *(2 * h.low - h.cells(purity) for h in groups))
    beside_loss = 0.0
    if lost:
        smallest = float(str(loh.get("affected_fraction_low") or 0.0))
        beside_loss = max(0.0, *(h.low + smallest - h.cells(purity) for h in groups))
    cells = max(h.cells(purity) for h in groups)
    high = cells if lost else min(sum(h.high for h in groups), cells)
    if half > most_lost:
        reason = "a fraction above half of the copies, but no allele is lost: they disagree"
        return Verdict("NOT_DETERMINED", None, None, [reason])
    shown = {HALF: half, BESIDE_LOSS: beside_loss, APART: apart}
    if best := max(shown.values()):
        reasons = [reason for reason, low in shown.items() if low > 0]
        return Verdict("BIALLELIC", best, max(high, best), [*reasons, PLOIDY_LIMIT])
    if unknown > 0:
        return Verdict(
            "SAME_CELLS_PHASE_UNKNOWN",
            0.0,
            high,
            [
                "variants together in the same cells; whether on one copy or on both is not known",
                PLOIDY_LIMIT,
            ],
        )
    if lost:
        reason = "a variant and a lost copy, which need not be in the same cells"
        return Verdict("NOT_DETERMINED", 0.0, high, [reason])
    if len(groups) > 1:
        # both hits of a pair in one cell: at most twice the fraction of the rarer one
        rarer = sum(sorted((h.high for h in groups), reverse=True)[1:])
        reasons = [
            "the variants fit into different cells and are not added up; one cell may have both, "
            "which only single cells can show"
        ]
        if purity is None:
            reasons.append("purity is not known: fewer leukemic cells would have to share them")
        return Verdict("SUBCLONAL_ALTERNATIVES", 0.0, min(2 * rarer, high), reasons)
    # as many cells as the hit has at least would have to lack the other copy
    smallest_clone = max(h.low for h in groups)
    intact = most_lost < smallest_clone
    readable = detectable is not None and detectable <= min(target_vaf, smallest_clone)
    if intact and readable:
        return Verdict(
            "MONOALLELIC", 0.0, None, ["one copy is hit; no second variant and no lost copy"]
        )
    missing = ([] if intact else ["loss of the other copy in its cells is not excluded"]) + (
        [] if readable else ["not every exon could show a second variant of its cells"]
    )
    return Verdict("NOT_DETERMINED", 0.0, high, ["one copy is hit", *missing])


def _without_hit(*, lost: bool, intact: bool, readable: bool) -> Verdict:
    if not readable:
        return Verdict(
            "NOT_DETERMINED", None, None, ["not every exon could show a loss of function"]
        )
    if lost:
        return Verdict("MONOALLELIC", 0.0, None, ["one copy is lost, no variant in the other"])
    if intact:
        return Verdict("NO_HIT", 0.0, None, ["no loss-of-function variant, no lost copy"])
    return Verdict("NOT_DETERMINED", None, None, ["loss of a copy was not informative"])


def _merge_cis(hits: Sequence[Hit], phases: Mapping[frozenset[str], str]) -> list[Hit]:
    """Return hits of different copies: those that one molecule carries together count once."""
    groups: list[list[Hit]] = []
    for hit in hits:
        near = [
            group
            for group in groups
            if any(phases.get(frozenset((hit.name, other.name))) == "CIS" for other in group)
        ]
        groups = [group for group in groups if group not in near]
        groups.append([hit, *(other for group in near for other in group)])
    return [max(group, key=lambda hit: (hit.vaf, hit.name)) for group in groups]


def _shared_cells(
    groups: Sequence[Hit], phases: Mapping[frozenset[str], str], purity: float | None
) -> tuple[float, float]:
    """Return the least share of cells with two hits: on different copies, and with phase unknown.

    Any set of hits may prove it. The phase of a set is known where each pair is NOT_CIS.
    """
    known = unknown = 0.0
    sizes = range(2, len(groups) + 1) if len(groups) <= MAX_GROUPS else (len(groups),)
    for size in sizes:
        for chosen in combinations(groups, size):
            shared = 2 * sum(h.low for h in chosen) - max(h.cells(purity) for h in chosen)
            pairs = combinations(chosen, 2)
            if all(phases.get(frozenset((a.name, b.name))) == "NOT_CIS" for a, b in pairs):
                known = max(known, shared)
            else:
                unknown = max(unknown, shared)
    return known, unknown
