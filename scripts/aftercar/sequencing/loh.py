"""Loss of heterozygosity: whether both parental copies of a gene are still there."""

from aftercar.contracts.sequencing import LOH_STATES
from aftercar.sequencing.fragments import BASES, Pileup
from aftercar.sequencing.genes import Gene, ReferenceWindow
from aftercar.stats.intervals import wilson_interval

MIN_DEPTH = 20
# Outside of these limits a position may be homozygous (conventions).
HETEROZYGOUS = (0.10, 0.90)
# Share of the major allele: 0.5 with both copies; 1 / (2 - purity) after a deletion. The limit
# lies between none and a loss in half of the cells (1 / 1.5 = 0.67).
LOH_ABOVE = 0.6
LOH, NO_LOH, NOT_INFORMATIVE = LOH_STATES


def measure_loh(gene: Gene, window: ReferenceWindow, pileup: Pileup) -> dict[str, object]:
    """Return the allelic balance over the gene's known polymorphisms, without naming columns.

    The major alleles of all heterozygous positions are pooled. Without one the answer is
    NOT_INFORMATIVE: a position that looks homozygous may have lost an allele or never had it.
    """
    major = total = informative = 0
    for known in gene.polymorphisms:
        index = known.pos - window.start
        if not 0 <= index < pileup.counts.shape[2]:
            continue
        by_base = pileup.counts[:, :, index].sum(axis=0)
        a, b = int(by_base[BASES.index(known.ref)]), int(by_base[BASES.index(known.alt)])
        if a + b < MIN_DEPTH or not HETEROZYGOUS[0] <= b / (a + b) <= HETEROZYGOUS[1]:
            continue
        informative += 1
        major += max(a, b)
        total += a + b
    row: dict[str, object] = {
        "gene": gene.symbol,
        "informative_snps": informative,
        "fragments": total,
    }
    if not informative:
        reason = (
            "no known polymorphism of the gene is heterozygous and covered: not informative, "
            "which is not the same as no loss"
        )
        return row | {"state": NOT_INFORMATIVE, "status": "INDETERMINATE", "flags": reason}
    low, high = wilson_interval(major, total)
    row |= {
        "allele_fraction": major / total,
        "allele_fraction_low": low,
        "allele_fraction_high": high,
    }
    flags = f"{informative} heterozygous position(s); deletion and copy-neutral loss look the same"
    if low > LOH_ABOVE:
        return row | {"state": LOH, "status": "QUANTIFIED", "flags": flags}
    if high < LOH_ABOVE:
        return row | {"state": NO_LOH, "status": "QUANTIFIED", "flags": flags}
    return row | {
        "state": NOT_INFORMATIVE,
        "status": "INDETERMINATE",
        "flags": flags + "; too few fragments to decide",
    }
