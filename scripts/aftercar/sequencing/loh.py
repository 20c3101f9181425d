"""Loss of heterozygosity: whether both parental copies of a gene are still there."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aftercar.contracts.sequencing import LOH_STATES
from aftercar.sequencing.fragments import BASES, Pileup
from aftercar.sequencing.genes import Gene, ReferenceWindow
from aftercar.stats.beta_binomial import log_probability

MIN_DEPTH = 20
# Without a matched normal, a position outside of these limits may be homozygous (conventions).
HETEROZYGOUS = (0.10, 0.90)
# In a matched normal a heterozygous position lies within these limits (a convention).
HETEROZYGOUS_IN_NORMAL = (0.35, 0.65)
# Positions nearer than a fragment is long share fragments, which count once.
MIN_DISTANCE_NT = 300
# Allele shares of captured DNA vary a little more than fragments drawn at random (a convention).
DISPERSION = 0.001
ALPHA = 1e-3
# A normal's allele share is drawn towards one half as if this many fragments had shown it.
PRIOR_FRAGMENTS = 100
# NO_LOH means at least that a loss in more than a third of all cells is excluded:
# 1 / (2 - 1/3) = 0.6 (a convention). With purity, a loss in all leukemic cells is excluded, too.
NO_LOSS_BELOW = 0.6
MIN_CONTROL_GENES = 3
# log2 ratios of gene depths between libraries of one design: spread where fewer than
# MIN_REFERENCES specimens show it (a convention, wide on purpose).
DEPTH_SPREAD_LOG2 = 0.2
MIN_REFERENCES = 3
_Z = 1.96
_SHARES = np.linspace(0.5, 0.999, 500)

LOH, NO_LOH, IMBALANCE, NOT_INFORMATIVE = LOH_STATES


@dataclass(frozen=True)
class Het:
    """A heterozygous position; `alt_share` is the share of alt fragments without any loss."""

    pos: int
    ref: str
    alt: str
    alt_share: float = 0.5


@dataclass(frozen=True)
class DepthRatio:
    """Depth of the gene over that of other genes, relative to normal specimens, 95 % limits."""

    ratio: float
    low: float
    high: float
    source: str


def hets_of_normal(
    gene: Gene, window: ReferenceWindow, normal: Pileup, wanted: np.ndarray
) -> list[Het]:
    """Return the heterozygous positions that a matched normal shows, with their allele shares.

    The share of alt fragments in the normal corrects the reference bias of each position.
    """
    counts = normal.counts.sum(axis=0)
    found = []
    for index in np.flatnonzero(wanted & (counts.sum(axis=0) >= MIN_DEPTH)):
        reference = window.sequence[index]
        if reference not in BASES:
            continue
        here = counts[:, index].copy()
        ref_count = int(here[BASES.index(reference)])
        here[BASES.index(reference)] = 0
        alt, alt_count = int(here.argmax()), int(here.max())
        total = ref_count + alt_count
        if not total or total < 0.95 * counts[:, index].sum():
            continue
        if HETEROZYGOUS_IN_NORMAL[0] <= alt_count / total <= HETEROZYGOUS_IN_NORMAL[1]:
            share = (alt_count + PRIOR_FRAGMENTS / 2) / (total + PRIOR_FRAGMENTS)
            found.append(Het(window.start + int(index), reference, BASES[alt], share))
    return found


def depth_ratio(
    gene: str, depths: dict[str, float], normals: Sequence[dict[str, float]]
) -> DepthRatio | None:
    """Return the depth of a gene over the median of the others, relative to normal specimens.

    `depths` holds median depths by gene, `normals` those of specimens without loss, of the same
    design. None without a normal or with fewer than MIN_CONTROL_GENES other genes: one other gene
    could itself be lost. The limits come from the spread of the normals where there are enough.
    """
    own = _log_ratio(gene, depths)
    usual = [ratio for normal in normals if (ratio := _log_ratio(gene, normal)) is not None]
    if own is None or not usual:
        return None
    spread, source = DEPTH_SPREAD_LOG2, f"{len(usual)} normal(s), spread by convention"
    if len(usual) >= MIN_REFERENCES:
        spread = max(float(np.std(usual, ddof=1)), DEPTH_SPREAD_LOG2 / 4)
        source = f"{len(usual)} normals and their spread"
    half = _Z * spread * (1 + 1 / len(usual)) ** 0.5
    centre = own - float(np.mean(usual))
    return DepthRatio(2**centre, 2 ** (centre - half), 2 ** (centre + half), source)


def _log_ratio(gene: str, depths: dict[str, float]) -> float | None:
    others = [depth for name, depth in depths.items() if name != gene and depth > 0]
    if len(others) < MIN_CONTROL_GENES or depths.get(gene, 0) <= 0:
        return None
    return float(np.log2(depths[gene] / np.median(others)))


def measure_loh(
    gene: Gene,
    window: ReferenceWindow,
    pileup: Pileup,
    *,
    hets: Sequence[Het] | None = None,
    purity: float | None = None,
    depth: DepthRatio | None = None,
) -> dict[str, object]:
    """Return the row of LOH of one gene, without naming columns.

    `hets` are heterozygous positions of the matched normal; without them the gene's known
    polymorphisms that look heterozygous here stand in. `purity` is the share of leukemic cells,
    None: not known. Which allele is lost at a position is not known, so both are possible at each.

    NO_LOH is QUANTIFIED only with purity: without it, nothing is known of the leukemic cells, and
    `affected_fraction_high` says which share of all cells may have lost a copy unseen. Without a
    heterozygous position the answer is NOT_INFORMATIVE: one that looks homozygous may
    have lost an allele or never had it.
    """
    counts = _counts(gene, window, pileup, hets)
    where = "the matched normal" if hets is not None else "known polymorphisms"
    row: dict[str, object] = {
        "gene": gene.symbol,
        "informative_snps": len(counts),
        "fragments": int(sum(total for _, total, _ in counts)),
        "purity": purity,
    }
    notes = [] if purity is not None else ["purity is not known: bounds for any purity"]
    if depth is None:
        notes.append("depth not informative: no normal of the same design, or too few other genes")
    else:
        row |= {
            "depth_ratio": depth.ratio,
            "depth_ratio_low": depth.low,
            "depth_ratio_high": depth.high,
        }
        notes.append(f"depth against {depth.source}")
    if not counts:
        reason = (
            f"no position of {where} is heterozygous and covered: not informative, which is not "
            "the same as no loss"
        )
        return row | {
            "state": NOT_INFORMATIVE,
            "status": "INDETERMINATE",
            "flags": "; ".join([reason, *notes]),
        }
    share, low, high, p = allele_balance(counts)
    row |= {
        "allele_fraction": share,
        "allele_fraction_low": low,
        "allele_fraction_high": high,
        "p_value": p,
    }
    state, mechanism, said = judge(low, high, p, purity, depth)
    cells = cells_with_loss(low, high, mechanism)
    notes = [f"{len(counts)} heterozygous position(s) of {where}", *said, *notes]
    return row | {
        "mechanism": mechanism,
        "affected_fraction_low": cells[0] if state in (LOH, NO_LOH) else None,
        "affected_fraction_high": cells[1] if state in (LOH, NO_LOH) else None,
        "state": state,
        # a few leukemic cells that all lost a copy hide among cells with both
        "status": "QUANTIFIED"
        if state == LOH or (state == NO_LOH and purity is not None)
        else "INDETERMINATE",
        "flags": "; ".join(notes),
    }


def _counts(
    gene: Gene, window: ReferenceWindow, pileup: Pileup, hets: Sequence[Het] | None
) -> list[tuple[int, int, float]]:
    """Return alt fragments, fragments and expected alt share of positions that share none."""
    known = hets
    if known is None:
        known = [Het(p.pos, p.ref, p.alt) for p in gene.polymorphisms if len(p.ref + p.alt) == 2]
    found = []
    for het in known:
        index = het.pos - window.start
        if not 0 <= index < pileup.counts.shape[2]:
            continue
        by_base = pileup.counts[:, :, index].sum(axis=0)
        alt = int(by_base[BASES.index(het.alt)])
        total = alt + int(by_base[BASES.index(het.ref)])
        if total < MIN_DEPTH:
            continue
        if hets is None and not HETEROZYGOUS[0] <= alt / total <= HETEROZYGOUS[1]:
            continue
        found.append((het.pos, alt, total, het.alt_share))
    kept: list[tuple[int, int, int, float]] = []
    for item in sorted(found, key=lambda item: (-item[2], item[0])):
        if all(abs(item[0] - other[0]) >= MIN_DISTANCE_NT for other in kept):
            kept.append(item)
    return [(alt, total, share) for _, alt, total, share in sorted(kept)]


def allele_balance(
    counts: Sequence[tuple[int, int, float]], dispersion: float = DISPERSION
) -> tuple[float, float, float, float]:
    """Return the share of the major parental copy with 95 % limits, and p that it is one half.

    `counts` are alt fragments, fragments and alt share without loss of each position. Profile
    likelihood of beta-binomial counts, each position with either allele on the major copy; p is
    half a chi-squared tail with one degree of freedom, because one half is the smallest share
    (Self & Liang 1987, 10.1080/01621459.1987.10478472).
    """
    from scipy.special import chdtrc

    total = np.zeros(len(_SHARES))
    for alt, fragments, usual in counts:
        bias = usual / (1 - usual)
        sides = []
        for share in (_SHARES, 1 - _SHARES):
            odds = share / (1 - share) * bias
            sides.append(log_probability(alt, fragments, odds / (1 + odds), dispersion))
        total += np.logaddexp(*sides) - np.log(2)
    best = int(total.argmax())
    inside = np.flatnonzero(2 * (total[best] - total) <= _Z**2)
    ratio = max(2 * float(total[best] - total[0]), 0.0)
    p = 1.0 if ratio == 0 else 0.5 * float(chdtrc(1, ratio))
    return float(_SHARES[best]), float(_SHARES[inside[0]]), float(_SHARES[inside[-1]]), p


def judge(
    low: float, high: float, p: float, purity: float | None, depth: DepthRatio | None
) -> tuple[str, str, list[str]]:
    """Return state, mechanism and reasons from the limits of the major copy's share.

    Share of the major copy by purity c: one half without loss, 1 / (2 - c) after a deletion,
    (1 + c) / 2 after a copy-neutral loss, (1 + c) / (2 + c) after a gain, which is no loss.
    """
    cells = 1.0 if purity is None else purity
    gain = (1 + cells) / (2 + cells)
    least_loss = NO_LOSS_BELOW if purity is None else min(NO_LOSS_BELOW, 1 / (2 - purity))
    if p >= ALPHA and depth is not None and depth.high < 1 - cells / 4:
        return NOT_INFORMATIVE, "", ["even copies at low depth: both copies may be lost"]
    if p >= ALPHA:
        if high < least_loss:
            return NO_LOH, "", [_excluded(cells_with_loss(low, high, "")[1], purity)]
        return NOT_INFORMATIVE, "", ["too few fragments to decide"]
    mechanism = _mechanism(low, high, depth)
    if mechanism == "gain":
        return IMBALANCE, mechanism, ["more depth than normal: a copy was gained, none is lost"]
    if mechanism in ("deletion", "copy_neutral"):
        return LOH, mechanism, []
    if low > gain:
        return LOH, mechanism, ["deletion and copy-neutral loss are not told apart"]
    return IMBALANCE, mechanism, ["the copies are uneven: a loss is not told from a gained copy"]


def _excluded(share: float, purity: float | None) -> str:
    """Say which loss the reads exclude, of all cells and of the leukemic ones."""
    said = f"a loss in more than {100 * share:.3g} % of all cells is excluded"
    if purity is None:
        return f"{said}; fewer leukemic cells than that may all have lost an allele"
    return f"{said}, that is {100 * share / purity:.3g} % of the leukemic cells"


def _mechanism(low: float, high: float, depth: DepthRatio | None) -> str:
    """Return the only mechanism whose depth fits, else not_determined."""
    if depth is None:
        return "not_determined"
    # depth relative to two copies in all cells, at the limits of the major copy's share
    expected = {
        "deletion": (1 / (2 * high), 1 / (2 * low)),
        "copy_neutral": (1.0, 1.0),
    }
    if low <= 2 / 3:
        most = min(high, 2 / 3)
        expected["gain"] = tuple(1 + (2 * m - 1) / (1 - m) / 2 for m in (low, most))  # type: ignore[assignment]
    fitting = [name for name, (a, b) in expected.items() if a <= depth.high and b >= depth.low]
    return fitting[0] if len(fitting) == 1 else "not_determined"


def cells_with_loss(low: float, high: float, mechanism: str) -> tuple[float, float]:
    """Return bounds of the share of all cells with the loss, from those of the major copy's share.

    A deletion in the share c of cells gives 1 / (2 - c), a copy-neutral loss (1 + c) / 2.
    """
    by_deletion = (2 - 1 / low, 2 - 1 / high)
    copy_neutral = (2 * low - 1, 2 * high - 1)
    if mechanism == "deletion":
        return by_deletion
    if mechanism == "copy_neutral":
        return copy_neutral
    return min(copy_neutral[0], by_deletion[0]), max(copy_neutral[1], by_deletion[1])
