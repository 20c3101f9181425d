"""Call variants of a gene in the fragments of one specimen, and count given ones."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike

from aftercar.sequencing.alleles import Allele, placements
from aftercar.sequencing.background import SiteBackground
from aftercar.sequencing.breakpoints import count_at_breakpoints, is_long, propose_from_clips
from aftercar.sequencing.candidates import propose
from aftercar.sequencing.errors import MAX_BACKGROUND_FRACTION, ErrorModel, contexts, fit_errors
from aftercar.sequencing.fragments import BASES, CODE, Pileup, Segments, pile_up
from aftercar.sequencing.genes import ReferenceWindow
from aftercar.sequencing.haplotype_sets import (
    AlleleSupport,
    fit_together,
    near,
    pairs_on_molecules,
    support_of,
    tell,
)
from aftercar.sequencing.length_changes import spanning_depth
from aftercar.sequencing.realign import FLANK_NT
from aftercar.stats.beta_binomial import log_probability, smallest_significant, upper_tail
from aftercar.stats.intervals import wilson_interval

# Proposed alleles must be this unlikely as errors before reads are realigned to them.
PROPOSAL_ALPHA = 1e-2
MAX_HAPLOTYPES = 12
# A change of fewer fragments than this share beside one of so many nt is doubted (conventions).
SHADOW_NT, SHADOW_SHARE = 20, 0.05
KNOWN_FLANK_NT = 4  # reference bases beside an allele that must be known
LONG_ALLELE_NT = 100  # deletions that span so much are realigned by themselves
# Strands are compared only where both should show this many fragments (likelihood ratio, 1 df).
STRAND_MIN_EXPECTED = 4
STRAND_ALPHA = 1e-4
# Strands of a true variant differ too: in how reads of either are captured, aligned and trimmed.
# The spread of the log odds between them, and the least ratio that an artefact shows (conventions).
STRAND_SPREAD = 0.2
STRAND_MIN_RATIO = 3
# Level at which a variant that is known from another specimen counts as seen: one test, not 8,000.
KNOWN_VARIANT_ALPHA = 1e-3
KNOWN_VARIANT_MIN_FRAGMENTS = 2
SENSITIVITY = 0.95
VARIANT_PRIOR = 1e-6  # somatic variants per base, one in a megabase (a convention)


@dataclass(frozen=True)
class CallSettings:
    """Thresholds of the configuration (sequencing/...)."""

    min_base_quality: int
    min_alt_fragments: int
    false_calls_per_base: float
    target_vaf: float


@dataclass(frozen=True, eq=False)
class Evidence:
    """Fragments of one specimen for an allele, by strand class, against what errors would show.

    `leaning` are the fragments that fit it better than any other allele, also those that end so
    near to it that they count for no side: what they show beside it is explained.
    `not_a_fraction` says why counts with and without it cannot be compared, if so.
    """

    allele: Allele
    alternative: np.ndarray
    total: np.ndarray
    error_rate: np.ndarray
    dispersion: float
    leaning: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    not_a_fraction: str = ""
    doubt: str = ""  # why it may be no variant: a filter of VARIANTS

    @property
    def alt_fragments(self) -> int:
        """Fragments that show the allele."""
        return int(self.alternative.sum())

    @property
    def depth(self) -> int:
        """Fragments that tell the allele from the reference."""
        return int(self.total.sum())

    @property
    def mean_error(self) -> float:
        """Error rate over all strand classes."""
        if not self.depth:
            return float(self.error_rate.mean())
        return float((self.error_rate * self.total).sum() / self.depth)

    @property
    def tail(self) -> float:
        """Probability that errors alone show as many fragments."""
        return upper_tail(self.alt_fragments, self.depth, self.mean_error, self.dispersion)

    @property
    def vaf(self) -> float | None:
        """Variant allele fraction; None without depth or where it is not known."""
        known = self.depth and not self.not_a_fraction
        return self.alt_fragments / self.depth if known else None

    @property
    def interval(self) -> tuple[float, float] | tuple[None, None]:
        """Wilson 95 % interval of the variant allele fraction; None like the fraction."""
        if self.vaf is None:
            return None, None
        return wilson_interval(self.alt_fragments, self.depth)

    @property
    def log10_bayes_factor(self) -> float:
        """Variant (fraction log-uniform over 0.001 to 1) against error only, all strand classes."""
        fraction = np.logspace(-3, 0, 241)[:, None]
        rate = self.error_rate[None, :]
        mixed = fraction * (1 - rate) + (1 - fraction) * rate
        with_variant = log_probability(self.alternative, self.total, mixed, self.dispersion).sum(
            axis=1
        )
        error_only = log_probability(
            self.alternative, self.total, self.error_rate, self.dispersion
        ).sum()
        peak = with_variant.max()
        average = peak + np.log(np.exp(with_variant - peak).mean())
        return float((average - error_only) / np.log(10))

    @property
    def posterior(self) -> float:
        """Probability of the variant, before the reads as rare as VARIANT_PRIOR."""
        odds = np.log(VARIANT_PRIOR) - np.log1p(-VARIANT_PRIOR)
        odds += self.log10_bayes_factor * np.log(10)
        return float(1 / (1 + np.exp(-np.clip(odds, -700, 700))))

    def detectable_vaf(self, alpha: float, floor: int) -> float | None:
        """Smallest fraction that this depth shows with 95 % probability; None: none at all."""
        if self.not_a_fraction:
            return None
        found = detectable_fraction(
            np.array([self.depth]), np.array([self.mean_error]), self.dispersion, alpha, floor
        )[0]
        return None if np.isnan(found) else float(found)


@dataclass(frozen=True, eq=False)
class Calls:
    """What one specimen shows in one gene, and what is needed to look for more."""

    found: list[Evidence]
    pileup: Pileup
    errors: ErrorModel
    spanning: np.ndarray  # fragments that would show a change of length at each position
    proposed: dict[Allele, int] = field(default_factory=dict)  # fragments that reads propose
    # changes that would be calls, if nothing beside them made them doubtful (`Evidence.doubt`)
    doubted: list[Evidence] = field(default_factory=list)


def detectable_fraction(
    depth: np.ndarray, error: np.ndarray, dispersion: ArrayLike, alpha: float, floor: int
) -> np.ndarray:
    """Return the smallest variant fraction that would be called with 95 % probability, by depth.

    The count that a call needs comes from the caller's own error model; the number of variant
    fragments is binomial. NaN where no count is enough.
    """
    from scipy.special import betaincinv

    needed = smallest_significant(depth, error, dispersion, alpha, floor)
    possible = needed <= depth
    safe_needed = np.where(possible, needed, 1)
    safe_depth = np.where(possible, depth, 1)
    shown = betaincinv(safe_needed, safe_depth - safe_needed + 1, SENSITIVITY)
    fraction = np.maximum((shown - error) / (1 - error), 0)  # errors show the allele too
    return np.where(possible, fraction, np.nan)


def call_variants(
    segments: Segments,
    window: ReferenceWindow,
    wanted: np.ndarray,
    settings: CallSettings,
    background: SiteBackground | None = None,
    *,
    spliced: bool = False,
) -> Calls:
    """Return every allele at the `wanted` positions that errors do not explain.

    Alleles that change more than one base are realigned first; a substitution that only their
    fragments show is a trace of how the aligner wrote them and is not called. Clipped ends propose
    long alleles, but not in `spliced` reads, where they are mostly unaligned exons.
    """
    quality = settings.min_base_quality
    pileup = pile_up(segments, window, wanted, min_base_quality=quality)
    proposals = propose(segments, window, wanted, pileup, min_base_quality=quality)
    errors = replace(fit_errors(pileup, window, wanted, proposals), background=background)
    if not spliced:
        clipped = propose_from_clips(segments, window, wanted, min_base_quality=quality)
        for allele, fragments in clipped.items():
            proposals.setdefault(allele, set()).update(fragments)
    complex_calls = _call_complex(segments, window, pileup, errors, proposals, settings)
    shadows = [found for found in complex_calls if _is_shadow(found, complex_calls)]
    slips = [found for found in complex_calls if not _holds(found, errors, window, settings)]
    sure = [found for found in complex_calls if found not in shadows and found not in slips]
    return Calls(
        sure + _call_substitutions(window, wanted, pileup, errors, complex_calls, settings),
        pileup,
        errors,
        spanning_depth(segments, window, pileup.depth()),
        {allele: len(fragments) for allele, fragments in proposals.items()},
        [
            replace(found, doubt="run_slippage" if found in slips else "beside_frequent_change")
            for found in complex_calls
            if found not in sure
        ],
    )


def _is_shadow(evidence: Evidence, others: list[Evidence]) -> bool:
    """Whether a long change beside is so frequent that this may be how its reads were aligned."""
    return any(
        max(len(other.allele.ref), len(other.allele.alt)) > SHADOW_NT
        and evidence.alt_fragments < SHADOW_SHARE * other.alt_fragments
        and near(evidence.allele, other.allele)
        for other in others
    )


def count_known(
    segments: Segments,
    window: ReferenceWindow,
    calls: Calls,
    allele: Allele,
    settings: CallSettings,
) -> Evidence:
    """Return the evidence for an allele that is known from elsewhere, called here or not.

    It competes with the alleles that this specimen shows by itself, and with nothing else: what
    other specimens show cannot change the count.
    """
    own = [found.allele for found in (*calls.found, *calls.doubted)]
    if allele.is_snv:
        wanted = np.zeros(len(window.sequence), dtype=bool)
        index = allele.pos - window.start
        wanted[index] = True
        pileup = pile_up(segments, window, wanted, min_base_quality=settings.min_base_quality)
        return _substitution(window, pileup, calls.errors, index, CODE[ord(allele.alt)])
    rivals = [a for a in own if a != allele and not a.is_snv and near(a, allele)]
    alleles = [allele, *rivals[: MAX_HAPLOTYPES - 1]]
    pairs = [(0, n) for n in range(1, len(alleles)) if fit_together(allele, alleles[n])]
    told = tell(segments, window, alleles, pairs)
    found = support_of(segments, told, 0, set(range(len(alleles))), _ends(allele, window))
    if is_long(allele):
        found = count_at_breakpoints(segments, window, allele, found)
    return _evidence(allele, found, calls.errors, window, usual_run=False)


def _ends(allele: Allele, window: ReferenceWindow) -> tuple[int, int]:
    """0-based positions at which the first and the last spelling leave the reference."""
    places = placements(allele, window)
    return places[0].start - 1, places[-1].start - 1


def strand_verdict(evidence: Evidence) -> str:
    """Return "", "strand_bias" or "strand not assessed".

    Bias is a ratio of at least STRAND_MIN_RATIO between the fractions of both strands that
    fractions which vary (beta-binomial, by STRAND_SPREAD) show with less than STRAND_ALPHA.
    """
    from scipy.special import chdtrc, xlog1py, xlogy

    k, n = evidence.alternative[:2].astype(float), evidence.total[:2].astype(float)
    if n.min() == 0 or k.sum() == 0 or evidence.not_a_fraction:
        return "strand not assessed"
    share = k.sum() / n.sum()
    if (share * n).min() < STRAND_MIN_EXPECTED:
        return "strand not assessed"
    apart, together = k / n, np.array([share, share])
    if apart.max() < STRAND_MIN_RATIO * apart.min():
        return ""
    # a spread of the log odds is this correlation of the fragments of a strand (delta method);
    # it makes as many fragments count as the effective sample has
    correlation = STRAND_SPREAD**2 * share * (1 - share)
    weight = 1 / (1 + (n - 1) * correlation)
    separate = (weight * (xlogy(k, apart) + xlog1py(n - k, -apart))).sum()
    pooled = (weight * (xlogy(k, together) + xlog1py(n - k, -together))).sum()
    ratio = max(2 * float(separate - pooled), 0.0)
    return "strand_bias" if chdtrc(1, ratio) < STRAND_ALPHA else ""


def _is_call(evidence: Evidence, settings: CallSettings) -> bool:
    return (
        evidence.alt_fragments >= settings.min_alt_fragments
        and evidence.tail <= settings.false_calls_per_base
    )


# Substitutions


def _substitution(
    window: ReferenceWindow, pileup: Pileup, errors: ErrorModel, index: int, alt: int
) -> Evidence:
    alternative = pileup.counts[:, alt, index]
    total = pileup.counts[:, :, index].sum(axis=1)
    context = int(contexts(window)[index])
    own = alternative if alternative.sum() <= MAX_BACKGROUND_FRACTION * total.sum() else np.zeros(3)
    allele = Allele(window.start + index, window.sequence[index], BASES[alt])
    rate = errors.substitution_rate(context, int(alt), own, total)
    mean = float((rate * total).sum() / max(int(total.sum()), 1)) or float(rate.mean())
    correlation = float(errors.correlation(mean))
    return Evidence(allele, alternative, total, *errors.at_site(allele, rate, correlation))


def _call_substitutions(
    window: ReferenceWindow,
    wanted: np.ndarray,
    pileup: Pileup,
    errors: ErrorModel,
    complex_calls: list[Evidence],
    settings: CallSettings,
) -> list[Evidence]:
    seen = pileup.counts.sum(axis=0)
    reference = CODE[np.frombuffer(window.sequence.encode(), dtype=np.uint8)]
    calls = []
    for alt, index in np.argwhere(seen >= settings.min_alt_fragments):
        if reference[index] in (alt, 4) or not wanted[index]:
            continue
        evidence = _substitution(window, pileup, errors, int(index), int(alt))
        if not _is_call(evidence, settings):
            continue
        shown = (pileup.mismatch_index == index) & (pileup.mismatch_base == alt)
        fragments = pileup.mismatch_fragment[shown]
        explained = np.zeros(len(fragments), dtype=bool)
        for found in complex_calls:
            if near(found.allele, evidence.allele):
                explained |= np.isin(fragments, found.leaning)
        left = np.bincount(pileup.mismatch_stratum[shown][~explained], minlength=3)
        if explained.any() and not _is_call(replace(evidence, alternative=left), settings):
            continue
        calls.append(evidence)
    return calls


# Insertions, deletions and joined changes


def _call_complex(
    segments: Segments,
    window: ReferenceWindow,
    pileup: Pileup,
    errors: ErrorModel,
    proposals: dict[Allele, set[int]],
    settings: CallSettings,
) -> list[Evidence]:
    depth = pileup.depth()
    promising = []
    for allele, fragments in proposals.items():
        index = min(max(allele.pos - window.start, 0), len(depth) - 1)
        around = int(depth[max(index - 1, 0) : index + 3].max(initial=0))
        rate, dispersion = errors.indel_rate(allele, window, len(fragments), around, usual_run=True)
        likely = upper_tail(len(fragments), max(around, len(fragments)), rate, dispersion)
        if len(fragments) * 2 >= settings.min_alt_fragments and likely <= PROPOSAL_ALPHA:
            promising.append(allele)
    promising = _without_chance_joins(promising, proposals, pileup, window)
    promising = [allele for allele in promising if _flanks_known(allele, window)]
    calls: list[Evidence] = []
    for cluster in _clusters(sorted(promising)):
        ranked = sorted(cluster, key=lambda a: (-len(proposals[a]), a))[:MAX_HAPLOTYPES]
        calls += _call_cluster(segments, window, errors, ranked, proposals, settings)
    return calls


def _without_chance_joins(
    alleles: list[Allele],
    proposals: dict[Allele, set[int]],
    pileup: Pileup,
    window: ReferenceWindow,
) -> list[Allele]:
    """Leave out joined substitutions of which one stands alone on more fragments than both.

    An error beside an inherited variant is no new variant; nor is a second change beside it.
    """
    kept = []
    for allele in alleles:
        together = len(proposals[allele])
        parts = [
            i
            for i in range(len(allele.ref))
            if not allele.is_indel and allele.ref[i] != allele.alt[i]
        ]
        alone = 0
        for i in parts:
            index, alt = allele.pos + i - window.start, CODE[ord(allele.alt[i])]
            if 0 <= index < pileup.counts.shape[2]:
                alone = max(alone, int(pileup.counts[:, alt, index].sum()) - together)
        if alone <= together:
            kept.append(allele)
    return kept


def _flanks_known(allele: Allele, window: ReferenceWindow) -> bool:
    """Whether the reference is known on both sides: else only reads with the allele are told."""
    places = placements(allele, window)
    before = window.bases(places[0].start - KNOWN_FLANK_NT, places[0].start - 1)
    last = places[-1].end
    return "N" not in before + window.bases(last + 1, last + KNOWN_FLANK_NT)


def _clusters(alleles: list[Allele]) -> list[list[Allele]]:
    """Alleles that compete for the same reads.

    A long one competes with those of nearly the same ends only: it spans what others change.
    """
    groups: list[list[Allele]] = []
    long: list[list[Allele]] = []
    reach = -1
    for allele in alleles:
        if len(allele.ref) > LONG_ALLELE_NT:
            rivals = (g for g in long if _same_ends(g[0], allele))
            group = next(rivals, None)
            if group is None:
                long.append([allele])
            else:
                group.append(allele)
            continue
        if groups and allele.pos <= reach + FLANK_NT:
            groups[-1].append(allele)
        else:
            groups.append([allele])
        reach = max(reach, allele.end) if len(groups[-1]) > 1 else allele.end
    return groups + long


def _same_ends(a: Allele, b: Allele) -> bool:
    return abs(a.pos - b.pos) <= FLANK_NT and abs(a.end - b.end) <= FLANK_NT


def _call_cluster(
    segments: Segments,
    window: ReferenceWindow,
    errors: ErrorModel,
    alleles: list[Allele],
    proposals: dict[Allele, set[int]],
    settings: CallSettings,
) -> list[Evidence]:
    """Realign to all alleles at once; drop the one that fewest fragments need until all stand."""
    pairs = pairs_on_molecules(alleles, [proposals[allele] for allele in alleles])
    told = tell(segments, window, alleles, pairs)
    kept = list(range(len(alleles)))
    while kept:
        found = []
        for number in kept:
            ends = _ends(alleles[number], window)
            shown = support_of(segments, told, number, set(kept), ends)
            if is_long(alleles[number]):
                shown = count_at_breakpoints(segments, window, alleles[number], shown)
            found.append(_evidence(alleles[number], shown, errors, window, usual_run=True))
        failing = [i for i in range(len(found)) if not _is_call(found[i], settings)]
        if not failing:
            return found
        del kept[min(failing, key=lambda i: (found[i].alt_fragments, -i))]
    return []


def _holds(
    evidence: Evidence, errors: ErrorModel, window: ReferenceWindow, settings: CallSettings
) -> bool:
    """Whether a call stands even if all else that its run of equal bases shows are slips."""
    own, depth = evidence.alt_fragments, evidence.depth
    rate, dispersion = errors.indel_rate(evidence.allele, window, own, depth)
    rates, dispersion = errors.at_site(evidence.allele, np.full(3, rate), dispersion)
    return _is_call(replace(evidence, error_rate=rates, dispersion=dispersion), settings)


def _evidence(
    allele: Allele,
    shown: AlleleSupport,
    errors: ErrorModel,
    window: ReferenceWindow,
    *,
    usual_run: bool,
) -> Evidence:
    support = shown.support
    depth, own = int(support.total.sum()), int(support.alternative.sum())
    rate, dispersion = errors.indel_rate(allele, window, own, depth, usual_run=usual_run)
    rates, dispersion = errors.at_site(allele, np.full(3, rate), dispersion)
    return Evidence(
        allele,
        support.alternative,
        support.total,
        rates,
        dispersion,
        leaning=shown.leaning,
        not_a_fraction=support.not_a_fraction,
    )
