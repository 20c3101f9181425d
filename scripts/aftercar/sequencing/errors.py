"""How often sequencing itself shows a change, learnt from the other positions of the same run."""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np

from aftercar.sequencing.alleles import Allele, homopolymer_length, placements, trimmed
from aftercar.sequencing.background import SiteBackground
from aftercar.sequencing.fragments import CODE, Pileup
from aftercar.sequencing.genes import ReferenceWindow

# Expected errors per fragment before a run has said anything, and the number of fragments that
# this expectation is worth. Raw bases 1e-3; bases that both mates agree on 2e-4; insertions and
# deletions 5e-5 off homopolymers, more in them. Conventions, refined by every run.
SUBSTITUTION_PRIOR = np.array([1e-3, 1e-3, 2e-4])
PRIOR_FRAGMENTS = 20_000
# Lost bases by length of the run of equal bases that loses one, 8 or more at the last.
INDEL_PRIOR = np.array([np.nan, 5e-5, 1e-4, 1.5e-4, 2e-4, 4e-4, 8e-4, 1.6e-3, 3e-3])
LONGEST_RUN = len(INDEL_PRIOR) - 1
SLIPPING_RUN = 4  # from this length on slips of the polymerase prevail, with a level of their own
# Polymerases lose a base of a run more often than they add one: gains per loss before a run has
# said anything, and what this expectation, and that of the whole level, is worth (conventions).
GAINS_PER_LOSS = 0.5
PRIOR_SLIPS = 20
INDEL_PRIOR_FRAGMENTS = 10_000
# Runs of the same length differ from each other: squared coefficient of variation of the error rate
# (a convention).
RUN_VARIATION = 0.5
# Slips of the polymerase go both ways: the other changes of length at a run count as its own
# background, against an expectation worth this many fragments.
RUN_PRIOR_FRAGMENTS = 1000
MAX_TIMES_USUAL = (
    3  # runs of one length rarely slip so many times more than the others (convention)
)
SMALLEST_RATE = 2e-5
# A change seen in a larger share of the fragments of a site is no background.
MAX_BACKGROUND_FRACTION = 0.05
# Sites of one context differ from each other by a factor, more than a run of few errors can tell:
# the least squared coefficient of variation, and the most (conventions).
VARIATION_RANGE = (0.2, 5.0)
SMALLEST_CORRELATION = 2e-5
OUTLIER_Z = 6.0


@dataclass(frozen=True, eq=False)
class ErrorModel:
    """Error counts by strand class and context; rates are asked for without the site's own counts.

    substitution_errors[s, context, alt] and substitution_total[s, context]; the context is the
    triplet around the base (64, and 64 for unknown neighbours). indel_errors[gained, length] and
    indel_total[length] count changes in runs of equal bases by the length of the run.
    `variation` is how much sites of one context differ: squared coefficient of variation of their
    rates. `background` is what controls show
    at single sites.
    """

    substitution_errors: np.ndarray
    substitution_total: np.ndarray
    indel_errors: np.ndarray
    indel_total: np.ndarray
    run_changes: dict[int, dict[Allele, int]]
    variation: float
    background: SiteBackground | None = None

    def correlation(self, rate: np.ndarray | float) -> np.ndarray:
        """Return the beta-binomial correlation of sites that err at this mean rate."""
        return np.maximum(self.variation * np.asarray(rate, dtype=float), SMALLEST_CORRELATION)

    def at_site(
        self, allele: Allele, rate: np.ndarray, dispersion: float
    ) -> tuple[np.ndarray, float]:
        """Return rate and correlation of an allele after controls were heard about its site."""
        if self.background is None:
            return rate, dispersion
        return self.background.rates(allele, rate, dispersion)

    def substitution_rate(
        self, context: int, alt: int, own_errors: np.ndarray, own_total: np.ndarray
    ) -> np.ndarray:
        """Return the error rate by strand class, shrunk: context to base pair to strand class."""
        reference = (context // 4) % 4 if context < 64 else None
        errors = self.substitution_errors.sum(axis=(1, 2)) - own_errors
        total = 3 * self.substitution_total.sum(axis=1) - own_total
        rate = _shrunk(errors, total, SUBSTITUTION_PRIOR)
        if reference is None:
            return rate
        same = [c for c in range(64) if (c // 4) % 4 == reference]
        errors = self.substitution_errors[:, same, alt].sum(axis=1) - own_errors
        total = self.substitution_total[:, same].sum(axis=1) - own_total
        rate = _shrunk(errors, total, rate)
        errors = self.substitution_errors[:, context, alt] - own_errors
        return _shrunk(errors, self.substitution_total[:, context] - own_total, rate)

    def indel_rate(
        self,
        allele: Allele,
        window: ReferenceWindow,
        own_errors: int,
        depth: int,
        *,
        usual_run: bool = False,
    ) -> tuple[float, float]:
        """Return error rate and correlation for an insertion, deletion or joined change.

        The site's own count is left out of the background; changes of another length at the same
        run, unless so frequent that they are variants, are part of it. For a `usual_run` they count
        no more than slips of such runs usually do: what is more may be a second clone.
        """
        length, gains = run_length_class(allele, window), is_gain(allele)
        if own_errors > MAX_BACKGROUND_FRACTION * depth:
            own_errors = 0  # so frequent that it was not counted among the errors
        per_loss, levels = self._library
        errors = self.indel_errors
        if own_errors:
            errors = errors.copy()
            errors[int(gains), length] = max(errors[int(gains), length] - own_errors, 0)
            per_loss, levels = _library_rates(errors, self.indel_total)
        expected = INDEL_PRIOR[length] * (per_loss if gains else 1.0)
        expected *= levels[int(length >= SLIPPING_RUN)]
        rate = self._length_rate(float(errors[int(gains), length]), length, depth, expected)
        if length > 1 and depth:
            # slips of the other direction tell how often this run slips at all
            per_other = per_loss if gains else 1 / per_loss
            others = self.run_changes.get(run_start(allele, window), {})
            slips = 0.0
            for other, fragments in others.items():
                if other == allele or fragments > MAX_BACKGROUND_FRACTION * depth:
                    continue
                same = is_gain(other) == gains
                usual = MAX_TIMES_USUAL * depth * (rate if same else rate / per_other)
                limit = usual if usual_run and length < LONGEST_RUN else fragments
                slips += min(fragments, limit) * (1.0 if same else per_other)
            rate = (slips + rate * RUN_PRIOR_FRAGMENTS) / (depth + RUN_PRIOR_FRAGMENTS)
        rate = max(rate, SMALLEST_RATE)
        return rate, max(float(self.correlation(rate)), RUN_VARIATION * rate)

    @cached_property
    def _library(self) -> tuple[float, tuple[float, ...]]:
        return _library_rates(self.indel_errors, self.indel_total)

    def _length_rate(self, own: float, length: int, depth: int, expected: float) -> float:
        """Rate of a run's length: what its library expects, outweighed by its own count."""
        own_total = max(float(self.indel_total[length]) - depth, 0.0)
        expectation = expected * INDEL_PRIOR_FRAGMENTS
        return float((own + expectation) / (own_total + INDEL_PRIOR_FRAGMENTS))


def _library_rates(errors: np.ndarray, total: np.ndarray) -> tuple[float, tuple[float, ...]]:
    """Gains per loss of a library, and its slips over the usual ones, in short and longer runs."""
    per_loss = _gains_per_loss(errors)
    usual = INDEL_PRIOR * np.array([[1.0], [per_loss]]) * total
    alike = slice(1, SLIPPING_RUN), slice(SLIPPING_RUN, None)
    levels = [
        (errors[:, part].sum() + PRIOR_SLIPS) / (usual[:, part].sum() + PRIOR_SLIPS)
        for part in alike
    ]
    return per_loss, tuple(map(float, levels))


def _gains_per_loss(errors: np.ndarray) -> float:
    lost, gained = errors[:, 2:].sum(axis=1)
    return float((gained + GAINS_PER_LOSS * PRIOR_SLIPS) / (lost + PRIOR_SLIPS))


def _shrunk(errors: np.ndarray, total: np.ndarray, prior: np.ndarray) -> np.ndarray:
    rate = (np.maximum(errors, 0) + prior * PRIOR_FRAGMENTS) / (
        np.maximum(total, 0) + PRIOR_FRAGMENTS
    )
    return np.maximum(rate, SMALLEST_RATE)


@lru_cache(maxsize=64)
def contexts(window: ReferenceWindow) -> np.ndarray:
    """Return the triplet context of each position of the window, 64 where a base is unknown."""
    code = CODE[np.frombuffer(window.sequence.encode(), dtype=np.uint8)].astype(np.int64)
    around = np.concatenate([[4], code, [4]])
    known = (around[:-2] < 4) & (code < 4) & (around[2:] < 4)
    return np.where(known, around[:-2] * 16 + code * 4 + around[2:], 64)


@lru_cache(maxsize=20_000)
def run_length_class(allele: Allele, window: ReferenceWindow) -> int:
    """Return the length of the run of equal bases that an allele changes; 8 for longer ones."""
    if not allele.is_indel:
        return 1
    places = placements(allele, window)
    change = trimmed(allele)
    letters = set(change.inserted or window.bases(places[0].start, places[0].end))
    if len(letters) > 1 or (change.inserted and change.deleted):
        return 1
    where = places[-1].start - (1 if change.inserted else 0)
    run = max(homopolymer_length(p, window) for p in (where, places[0].start))
    return min(run, LONGEST_RUN)


def is_gain(allele: Allele) -> bool:
    """Whether an allele is longer than the reference."""
    return len(allele.alt) > len(allele.ref)


@lru_cache(maxsize=20_000)
def run_start(allele: Allele, window: ReferenceWindow) -> int:
    """Return the first position of the run that an insertion or deletion changes."""
    return placements(allele, window)[0].start


def fit_errors(
    pileup: Pileup,
    window: ReferenceWindow,
    wanted: np.ndarray,
    proposals: dict[Allele, set[int]],
) -> ErrorModel:
    """Count the errors of a run at the wanted positions; what looks like a variant is left out."""
    context = contexts(window)
    reference = CODE[np.frombuffer(window.sequence.encode(), dtype=np.uint8)]
    depth = pileup.counts.sum(axis=1)
    errors, total = np.zeros((3, 65, 4)), np.zeros((3, 65))
    sites = np.flatnonzero(wanted & (reference < 4) & (depth.sum(axis=0) > 0))
    whole = depth[:, sites].sum(axis=0)
    for alt in range(4):
        here = sites[reference[sites] != alt]
        seen = pileup.counts[:, alt, here]
        background = seen.sum(axis=0) <= MAX_BACKGROUND_FRACTION * depth[:, here].sum(axis=0)
        for s in range(3):
            np.add.at(errors[s, :, alt], context[here[background]], seen[s][background])
    for s in range(3):
        np.add.at(total[s], context[sites], depth[s, sites])
    indel_errors, indel_total = np.zeros((2, LONGEST_RUN + 1)), np.zeros(LONGEST_RUN + 1)
    run_changes: dict[int, dict[Allele, int]] = {}
    code = np.concatenate([[9], reference, [9]])
    run_starts = [int(i) for i in sites if code[i] != code[i + 1]]
    for index in run_starts:
        run = homopolymer_length(window.start + index, window)
        indel_total[min(run, LONGEST_RUN)] += depth[:, index].sum()
    whole_depth = depth.sum(axis=0)
    for allele, fragments in proposals.items():
        index = min(max(allele.pos - window.start, 0), len(wanted) - 1)
        if not allele.is_indel:
            continue
        length = run_length_class(allele, window)
        if len(fragments) <= MAX_BACKGROUND_FRACTION * whole_depth[index]:
            indel_errors[int(is_gain(allele)), length] += len(fragments)
        if length > 1:
            run_changes.setdefault(run_start(allele, window), {})[allele] = len(fragments)
    model = ErrorModel(errors, total, indel_errors, indel_total, run_changes, VARIATION_RANGE[0])
    variation = _variation(model, pileup, sites, context, reference) if len(whole) else 0.0
    low, high = VARIATION_RANGE
    return replace(model, variation=min(max(variation, low), high))


def _variation(
    model: ErrorModel,
    pileup: Pileup,
    sites: np.ndarray,
    context: np.ndarray,
    reference: np.ndarray,
) -> float:
    """Estimate the variation between sites of a context by moments, without outlying sites."""
    depth = pileup.counts.sum(axis=1)[:, sites].astype(float)
    excess = weight = 0.0
    none = np.zeros(3)
    rates = {
        (c, alt): model.substitution_rate(c, alt, none, none)
        for c in np.unique(context[sites]).tolist()
        for alt in range(4)
    }
    for alt in range(4):
        here = np.flatnonzero(reference[sites] != alt)
        if not len(here):
            continue
        rate = np.stack([rates[int(c), alt] for c in context[sites[here]]], axis=1)
        expected = (depth[:, here] * rate).sum(axis=0)
        seen = pileup.counts[:, alt, sites[here]].sum(axis=0)
        z = (seen - expected) / np.sqrt(np.maximum(expected, 1e-9))
        usual = (z < OUTLIER_Z) & (expected > 0)
        excess += float(((seen - expected)[usual] ** 2 - expected[usual]).sum())
        weight += float((expected[usual] ** 2).sum())
    return excess / weight if weight > 0 else 0.0
