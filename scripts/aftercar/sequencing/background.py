"""What healthy controls show at a site: errors that come back there, beyond those of its context.

Sequencing errors depend on the bases around a site, which every run tells by itself (errors.py);
some sites err far more often in every library: a repeat, a pseudogene, a fragile base. Only
controls tell those from a variant of a few percent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aftercar.sequencing.alleles import Allele
from aftercar.stats.beta_binomial import upper_tail

# A control with more than this carries the allele: inherited, or a large clone.
CARRIER_FRACTION = 0.2
# A control this unlikely beside the quieter half of the others carries the allele itself.
OUTLIER_ALPHA = 1e-4
# The context of a site counts as this many fragments of it.
CONTEXT_FRAGMENTS = 500
# Squared coefficient of variation of a site's error rate between libraries before controls have
# said anything, and the number of controls that this is worth (conventions: a rate of 1 % may well
# be 0.5 % or 2 % in the next library).
EXPECTED_VARIATION = 0.25
EXPECTED_VARIATION_CONTROLS = 4
# Controls change the rate of a site only where its context explains their errors this badly.
RECURRENT_ALPHA = 1e-2
# Columns of BACKGROUND that hold the counts of SiteCounts, in its order.
COUNT_COLUMNS = (
    "error_fragments", "fragments", "controls", "controls_showing", "controls_left_out",
)  # fmt: skip


@dataclass(frozen=True)
class SiteCounts:
    """What the controls of a site show of one allele; carriers of the allele are left out.

    `errors` of `total` fragments in `controls` controls, of which `showing` have any; `variation`
    is the squared coefficient of variation of the rate between them.
    """

    errors: int
    total: int
    controls: int
    showing: int
    left_out: int
    variation: float


def site_counts(
    errors: Sequence[int], total: Sequence[int], context_rate: float
) -> SiteCounts | None:
    """Join the counts of one allele at one site over controls; None if no control remains.

    A control that carries the allele itself (inherited, a clone, contaminated) says nothing about
    errors: left out are those with more than 20 %, and, from the highest rate down and never more
    than half of the rest, those that the quieter half makes unlikely (beta-binomial).
    """
    seen = [
        (e, n) for e, n in zip(errors, total, strict=True) if n > 0 and e <= CARRIER_FRACTION * n
    ]
    covered = sum(n > 0 for n in total)
    if not seen:
        return None
    seen.sort(key=lambda count: count[0] / count[1])
    quiet = seen[: (len(seen) + 1) // 2]
    prior = context_rate * CONTEXT_FRAGMENTS
    rate = (sum(e for e, _ in quiet) + prior) / (sum(n for _, n in quiet) + CONTEXT_FRAGMENTS)
    while len(seen) > len(quiet):
        e, n = seen[-1]
        if upper_tail(e, n, rate, EXPECTED_VARIATION * rate) > OUTLIER_ALPHA:
            break
        seen.pop()
    counts = np.array(seen)
    return SiteCounts(
        errors=int(counts[:, 0].sum()),
        total=int(counts[:, 1].sum()),
        controls=len(seen),
        showing=int((counts[:, 0] > 0).sum()),
        left_out=covered - len(seen),
        variation=_variation(counts[:, 0], counts[:, 1]),
    )


def _variation(errors: np.ndarray, total: np.ndarray) -> float:
    """Squared coefficient of variation between controls, by moments, shrunk to the expected one."""
    whole, others = float(total.sum()), len(errors) - 1
    rate = errors.sum() / whole
    weight = rate * (whole - (total.astype(float) ** 2).sum() / whole)
    found = 0.0
    if weight > 0:
        expected = total * rate
        found = max(float(((errors - expected) ** 2 / expected).sum()) - others, 0.0) / weight
    prior = EXPECTED_VARIATION * EXPECTED_VARIATION_CONTROLS
    return (prior + others * found) / (EXPECTED_VARIATION_CONTROLS + others)


def site_rates(
    counts: SiteCounts, context_rate: np.ndarray, dispersion: float
) -> tuple[np.ndarray, float]:
    """Return error rates and beta-binomial correlation of an allele at a site with controls.

    `context_rate` (one per strand class) and `dispersion` are what the run says without controls;
    both stay where they explain the controls. Else the rate is that of the controls, shrunk
    towards the context, and the correlation is that between libraries: controls may raise a rate,
    never lower it, because a quiet control is no proof that this specimen is quiet.
    """
    context = float(np.mean(context_rate))
    if upper_tail(counts.errors, counts.total, context, dispersion) > RECURRENT_ALPHA:
        return context_rate, dispersion
    rate = (counts.errors + context * CONTEXT_FRAGMENTS) / (counts.total + CONTEXT_FRAGMENTS)
    # the next library differs from the mean of so many, which is itself known from so many only
    between = counts.variation * (1 + 1 / counts.controls)
    return np.maximum(context_rate, rate), max(dispersion, between * rate)


Backgrounds = dict[str, "SiteBackground"]  # by gene


@dataclass(frozen=True, eq=False)
class SiteBackground:
    """Counts of controls for the alleles of one gene; one mapping per source (run, panel)."""

    sources: tuple[Mapping[Allele, SiteCounts], ...]

    def rates(
        self, allele: Allele, context_rate: np.ndarray, dispersion: float
    ) -> tuple[np.ndarray, float]:
        """Return error rates and correlation of an allele: those of the source that shows more."""
        found = [
            site_rates(source[allele], context_rate, dispersion)
            for source in self.sources
            if allele in source
        ]
        return max([(context_rate, dispersion), *found], key=lambda r: (float(r[0].mean()), r[1]))

    def substitution_positions(self) -> set[int]:
        """Return the positions at which a source shows a single wrong base."""
        return {allele.pos for source in self.sources for allele in source if allele.is_snv}


def backgrounds_of(tables: Sequence[Sequence[Mapping[str, object]]]) -> Backgrounds:
    """Return by gene what the rows of BACKGROUND of each source (run, panel) say."""
    sources: dict[str, list[dict[Allele, SiteCounts]]] = {}
    for rows in tables:
        by_gene: dict[str, dict[Allele, SiteCounts]] = {}
        for row in rows:
            allele = Allele(int(str(row["pos"])), str(row["ref"]), str(row["alt"]))
            errors, total, controls, showing, left_out = (int(str(row[n])) for n in COUNT_COLUMNS)
            by_gene.setdefault(str(row["gene"]), {})[allele] = SiteCounts(
                errors, total, controls, showing, left_out, float(str(row["variation"]))
            )
        for gene, counts in by_gene.items():
            sources.setdefault(gene, []).append(counts)
    return {gene: SiteBackground(tuple(found)) for gene, found in sources.items()}
