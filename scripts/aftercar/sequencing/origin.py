"""Whether a variant was inherited or acquired, by the patient's own normal cells if given."""

from dataclasses import dataclass

import numpy as np

from aftercar.sequencing.alleles import Allele
from aftercar.sequencing.specimens import Findings, purity_of, window_segments
from aftercar.sequencing.variants import (
    KNOWN_VARIANT_ALPHA,
    KNOWN_VARIANT_MIN_FRAGMENTS,
    CallSettings,
    Evidence,
    count_known,
)
from aftercar.stats.beta_binomial import log_probability

# An inherited allele is half or all of the fragments of normal cells; capture and alignment favour
# one allele by a few percent (correlation; a convention: standard deviation 3 % around one half).
HETEROZYGOUS, HOMOZYGOUS, ALLELE_BALANCE_DISPERSION = 0.5, 0.99, 0.004
# Without a normal, fractions so near to one and two inherited copies raise the suspicion
# (conventions: purity and lost copies move them).
NEARLY_ALL, NEAR_HALF = 0.9, (0.4, 0.6)
# Leukemia left in normal cells shows its variants in any fraction up to this one; with more of it a
# clonal loss looks as if it were inherited.
LARGEST_TRACE = 0.3
# Inherited against not inherited must be this much likelier, or this much less likely (Bayes
# factor): an acquired loss that is taken for an inherited one would hide an escape.
DECISIVE_FACTOR = 1000.0

INHERITED, ABSENT, TRACE = "INHERITED", "ABSENT", "TRACE"
MAYBE_INHERITED, UNDECIDED = "MAYBE_INHERITED", "UNDECIDED"


@dataclass(frozen=True, eq=False)
class NormalCount:
    """What a matched normal shows of one variant."""

    normal: Findings
    evidence: Evidence

    @property
    def shown(self) -> str:
        """Name and counts, for a flag."""
        sample, seen = self.normal.sample["sample_id"], self.evidence
        return f"matched normal {sample} ({seen.alt_fragments} of {seen.depth} fragments)"


def inherited_factor(alternative: int, total: int, error_rate: float, dispersion: float) -> float:
    """Return the Bayes factor of inherited against not inherited for counts of normal cells.

    Inherited: half or all of the fragments. Not inherited: errors only, or a trace of leukemia of
    unknown size (uniform up to 30 %). Both pairs are averaged; beta-binomial counts.
    """
    balance = log_probability(
        alternative, total, np.array([HETEROZYGOUS, HOMOZYGOUS]), ALLELE_BALANCE_DISPERSION
    )
    fraction = (np.arange(100) + 0.5) / 100 * LARGEST_TRACE
    trace = log_probability(alternative, total, fraction, ALLELE_BALANCE_DISPERSION)
    errors = float(log_probability(alternative, total, error_rate, dispersion))
    other = np.logaddexp(errors, np.logaddexp.reduce(trace) - np.log(len(fraction)))
    return float(np.exp(np.clip(np.logaddexp(*balance) - other, -700, 700)))


def compare_with_normal(evidence: Evidence) -> str:
    """Return what normal cells say about a variant of the leukemia.

    INHERITED; ABSENT: no more than errors; TRACE: more than errors, too little to be inherited
    (residual leukemia, an impure sort, a mosaic); else too few fragments, which is MAYBE_INHERITED
    where that is the likelier side, or UNDECIDED.
    """
    count, depth = evidence.alt_fragments, evidence.depth
    if not depth:
        return UNDECIDED
    if evidence.not_a_fraction:  # half of the fragments, or few: not to be told
        return MAYBE_INHERITED if count else UNDECIDED
    factor = inherited_factor(count, depth, evidence.mean_error, evidence.dispersion)
    if factor >= DECISIVE_FACTOR:
        return INHERITED
    if factor > 1 / DECISIVE_FACTOR:
        return MAYBE_INHERITED if factor > 1 else UNDECIDED
    more = count >= KNOWN_VARIANT_MIN_FRAGMENTS and evidence.tail <= KNOWN_VARIANT_ALPHA
    return TRACE if more else ABSENT


def add_origins(
    findings: Findings,
    found: list[Findings],
    normals: list[Findings],
    fitting: list[Findings],
    settings: CallSettings,
    counted: dict[tuple, Evidence],
) -> None:
    """Say for each row of VARIANTS of a specimen where the variant comes from; reasons in flags.

    `found` are all specimens of the patient, `normals` his matched normals, `fitting` those that
    are of the same person. A normal counts for what is known on its day or later, or always where
    it has no day; of several, the deepest. `counted` keeps counts of normals by variant.
    """
    for row in findings.rows["variants"]:
        day = row["known_from_day"]
        known = [normal for normal in fitting if normal.not_after(day)]
        counts = _counts(known, row, settings, counted)
        normal = max(counts, key=lambda count: count.evidence.depth, default=None)
        same = [
            (specimen, other)
            for specimen in found
            if specimen.not_after(day)
            for other in specimen.rows["variants"]
            if other["assay"] == "dna" and _key(other) == _key(row)
        ]
        others = [other for specimen, other in same if specimen is not findings]
        supported = normal is not None and _is_free_of_leukemia(normal, counts, same)
        origin, flags = _origin(row, normal, others, supported)
        if normal is None and normals:
            flags.insert(0, _why_none(normals, fitting, known))
        row["origin"] = origin
        if normal is not None:
            row["normal_alt_fragments"] = normal.evidence.alt_fragments
            row["normal_depth"] = normal.evidence.depth
        row["flags"] = "; ".join(part for part in (str(row["flags"]), *flags) if part)


def _key(row: dict[str, object]) -> tuple:
    return tuple(row[name] for name in ("gene", "chrom", "pos", "ref", "alt"))


def _why_none(normals: list[Findings], fitting: list[Findings], known: list[Findings]) -> str:
    names = ", ".join(normal.sample["sample_id"] for normal in normals)
    if not fitting:
        return f"matched normal {names} not used: it does not fit this specimen or another"
    if not known:
        return f"matched normal {names} not used: it was collected later"
    return f"matched normal {names} was not measured at this gene"


def _counts(
    normals: list[Findings],
    row: dict[str, object],
    settings: CallSettings,
    counted: dict[tuple, Evidence],
) -> list[NormalCount]:
    found = []
    for normal in normals:
        part = normal.genes.get(str(row["gene"]))
        if part is None:
            continue
        key = (normal.sample["sample_id"], *_key(row))
        if key not in counted:
            allele = Allele(int(str(row["pos"])), str(row["ref"]), str(row["alt"]))
            segments = window_segments(normal, part.gene, allele)
            counted[key] = count_known(segments, part.window, part.calls, allele, settings)
        found.append(NormalCount(normal, counted[key]))
    return found


def _is_free_of_leukemia(
    normal: NormalCount,
    counts: list[NormalCount],
    same: list[tuple[Findings, dict[str, object]]],
) -> bool:
    """Whether something says that a normal shows a variant because it was inherited.

    Its purity by the sheet is no more than a trace; or a normal of another kind of specimen shows
    the variant in the same way; or a specimen with no more than a trace of leukemia does.
    """
    if _is_trace(purity_of(normal.normal.sample)):
        return True
    kind = normal.normal.sample["specimen"]
    return any(
        count.normal.sample["specimen"] != kind and compare_with_normal(count.evidence) == INHERITED
        for count in counts
    ) or any(
        _is_trace(purity_of(specimen.sample)) and _factor_of(row) >= DECISIVE_FACTOR
        for specimen, row in same
    )


def _is_trace(purity: float | None) -> bool:
    return purity is not None and purity <= LARGEST_TRACE


def _origin(
    row: dict[str, object],
    normal: NormalCount | None,
    others: list[dict[str, object]],
    supported: bool,
) -> tuple[str, list[str]]:
    """Return the origin and its reasons.

    `others` are earlier counts of DNA of the same patient. A loss of function is inherited only if
    it is `supported` that the normal has no leukemia: else an escape would be called harmless.
    """
    verdict = "" if normal is None else compare_with_normal(normal.evidence)
    if row["tier"] == "POLYMORPHISM":
        told = normal is not None and verdict in (ABSENT, TRACE)
        return "POLYMORPHISM", [f"not inherited: {normal.shown}"] if told and normal else []
    lacking = next((other for other in others if _excludes_inheritance(other)), None)
    if normal is not None and verdict == INHERITED:
        if lacking is not None:
            return "NOT_DETERMINED", [
                f"{normal.shown} shows it as if inherited, but {_lacks(lacking)}: leukemia in the "
                "normal, or cells of two people"
            ]
        if row["tier"] in ("T1", "T2") and not supported:
            return "POSSIBLY_GERMLINE", [
                f"{normal.shown} shows it as if inherited, but nothing says that it is free of "
                "leukemia, which would show a clonal loss alike: state its purity in the sheet"
            ]
        flags = [f"inherited: {normal.shown}; in all cells, no escape from therapy"]
        if row["tier"] in ("T1", "T2"):
            flags.append("an inherited loss of function: was there before the leukemia")
        return "GERMLINE", flags
    if normal is not None and verdict == ABSENT:
        limit = normal.evidence.detectable_vaf(KNOWN_VARIANT_ALPHA, KNOWN_VARIANT_MIN_FRAGMENTS)
        shown = "" if limit is None else f"; fractions of {limit:.2g} and more would show"
        return "SOMATIC", [f"absent from {normal.shown}{shown}"]
    if normal is not None and verdict == TRACE:
        return "NOT_DETERMINED", [
            f"{normal.evidence.vaf:.2g} in {normal.shown}: too little to be inherited; leukemia "
            "left in the normal, an impure sort, or a mosaic"
        ]
    flags = []
    if normal is None:
        flags.append("no matched normal was compared")
    elif not normal.evidence.depth:
        flags.append(f"{normal.shown} does not cover the site")
    else:
        flags.append(f"{normal.shown} is too shallow to tell whether the variant was inherited")
    if lacking is not None:
        return "NOT_DETERMINED", [*flags, f"not inherited, unless from a donor: {_lacks(lacking)}"]
    if verdict == MAYBE_INHERITED:
        return "POSSIBLY_GERMLINE", flags
    return _by_fraction(row, flags)


def _by_fraction(row: dict[str, object], flags: list[str]) -> tuple[str, list[str]]:
    """Judge by the fraction alone, which is weak: purity and lost copies move it."""
    seen = row["status"] in ("QUANTIFIED", "INDETERMINATE", "DETECTED_BELOW_LLOQ")
    if not row["alt_fragments"] or not seen or row["vaf"] is None:
        return "NOT_DETERMINED", flags
    fraction, low, high = (float(str(row[name])) for name in ("vaf", "vaf_low", "vaf_high"))
    if high >= HOMOZYGOUS or fraction >= NEARLY_ALL:
        flags.append("nearly all fragments show it: more often inherited than a clonal loss")
        return "POSSIBLY_GERMLINE", flags
    if low <= HETEROZYGOUS <= high or NEAR_HALF[0] <= fraction <= NEAR_HALF[1]:
        flags.append("a fraction near 50 % may be inherited (weak: by the fraction alone)")
        return "POSSIBLY_GERMLINE", flags
    return "NOT_DETERMINED", flags


def _excludes_inheritance(other: dict[str, object]) -> bool:
    """Whether another DNA specimen shows too little of a variant for an inherited one."""
    return _factor_of(other) <= 1 / DECISIVE_FACTOR


def _factor_of(row: dict[str, object]) -> float:
    """Return the Bayes factor of inherited against not by the counts of a row of VARIANTS."""
    depth = int(str(row["depth"]))
    if not depth:
        return 1.0
    # errors of any plausible rate; the factor hardly depends on it
    return inherited_factor(int(str(row["alt_fragments"])), depth, 1e-3, 1e-4)


def _lacks(other: dict[str, object]) -> str:
    return (
        f"{other['alt_fragments']} of {other['depth']} fragments in {other['sample_id']} "
        f"(day {other['day']})"
    )
