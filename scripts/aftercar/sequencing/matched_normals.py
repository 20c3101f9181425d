"""Compare specimens with matched normals of the patient: origin of variants, lost alleles."""

from collections.abc import Iterator

from aftercar.sequencing.alleles import Allele
from aftercar.sequencing.fragments import BASES
from aftercar.sequencing.loh import depth_ratio, hets_of_normal, measure_loh
from aftercar.sequencing.origin import add_origins
from aftercar.sequencing.specimens import Findings, GeneFindings, purity_of, wanted_positions
from aftercar.sequencing.variants import CallSettings, Evidence

# An allele of a polymorphism that a specimen shows in at least the first fraction and its normal in
# less than the second was never the patient's: leukemia loses alleles and gains none (conventions).
FOREIGN_FRACTION, LACKING_FRACTION, MIN_IDENTITY_DEPTH = 0.2, 0.05, 20

_MISFIT = "another person, or cells of a donor; it is not used for any specimen of the patient"


def compare_with_normals(
    found: list[Findings], normals: list[Findings], settings: CallSettings
) -> None:
    """Add the origin to each row of VARIANTS and judge LOH by the positions of the normals.

    Where a normal lacks an allele of a polymorphism which a specimen has, one of them is of another
    person, or a donor: the normal is left out for all specimens, and their quality rows say so.
    Call it after `add_known_variants`.
    """
    counted: dict[tuple, Evidence] = {}
    fitting = [n for n in normals if _fits_all(n, found)]
    for findings in found:
        add_origins(findings, found, normals, fitting, settings, counted)
        for part in findings.genes.values():
            _judge_loss(findings, part, [n for n in fitting if n.not_after(findings.day)])


def _judge_loss(findings: Findings, part: GeneFindings, normals: list[Findings]) -> None:
    """Replace the row of LOH of a gene by one that rests on the deepest normal."""
    symbol = part.gene.symbol
    measured = [normal for normal in normals if symbol in normal.genes]
    if not measured or findings.sample["assay"] != "dna":
        return
    normal = max(measured, key=lambda n: int(n.genes[symbol].calls.pileup.counts.sum()))
    wanted = wanted_positions(part.gene, part.window)
    hets = hets_of_normal(part.gene, part.window, normal.genes[symbol].calls.pileup, wanted)
    if not hets:
        return  # homozygous, or too shallow to tell: the specimen's own positions stand
    own, batch = _depths(findings), findings.sample["batch"]
    same_run = [_depths(n) for n in measured if batch and n.sample["batch"] == batch]
    row = measure_loh(
        part.gene,
        part.window,
        part.calls.pileup,
        hets=hets,
        purity=purity_of(findings.sample),
        depth=depth_ratio(symbol, own, same_run),
    )
    rows = findings.rows["loh"]
    at = next(i for i, old in enumerate(rows) if old["gene"] == symbol)
    named = f"matched normal {normal.sample['sample_id']}"
    rows[at] = findings.who | row | {"flags": "; ".join(p for p in (str(row["flags"]), named) if p)}


def _depths(findings: Findings) -> dict[str, float]:
    """Median depth of the coding bases by gene."""
    return {
        str(row["gene"]): float(str(row["depth"]))
        for row in findings.rows["callability"]
        if row["exon"] == "all" and row.get("depth") is not None
    }


def _fits_all(normal: Findings, found: list[Findings]) -> bool:
    """Compare a normal with all specimens of the patient; their quality rows say what came of it.

    Which of two that do not fit is the wrong one cannot be told, so that one that does not fit
    makes the normal doubtful for all.
    """
    compared = [_compared(normal, findings) for findings in found]
    misfits = [
        f.sample["sample_id"] for f, (_, foreign) in zip(found, compared, strict=True) if foreign
    ]
    check = f"matched_normal:{normal.sample['sample_id']}"
    for findings, (shared, foreign) in zip(found, compared, strict=True):
        if not normal.genes:
            findings.quality(check, None, "", "FLAG", "the matched normal was not measured")
            continue
        verdict, said = ("PASS", "") if shared else ("FLAG", "no polymorphism could be compared")
        if misfits:
            who = f"{', '.join(misfits)} of this patient has"
            lacks = f"{', '.join(foreign)} that the specimen has" if foreign else f"what {who}"
            verdict, said = "FLAG", f"the normal lacks an allele of {lacks}: {_MISFIT}"
        findings.quality(check, len(foreign), "polymorphisms", verdict, said)
    return not misfits


def _compared(normal: Findings, findings: Findings) -> tuple[int, list[str]]:
    """Return how many polymorphisms both cover, and those of which the normal lacks an allele."""
    compared, foreign = 0, []
    for symbol, part in findings.genes.items():
        if symbol not in normal.genes:
            continue
        for name, mine, its in _shared_polymorphisms(part, normal.genes[symbol]):
            compared += 1
            for here, there in ((mine, its), (1 - mine, 1 - its)):
                if here >= FOREIGN_FRACTION and there < LACKING_FRACTION:
                    foreign.append(name)
    return compared, foreign


def _shared_polymorphisms(
    one: GeneFindings, two: GeneFindings
) -> Iterator[tuple[str, float, float]]:
    """Yield the name and both fractions of each substitution that both specimens cover."""
    for known in one.gene.polymorphisms:
        if not len(known.ref) == len(known.alt) == 1:
            continue
        allele = Allele(known.pos, known.ref, known.alt)
        fractions = [_fraction(part, allele) for part in (one, two)]
        if None not in fractions:
            yield known.rs, *fractions  # type: ignore[misc]


def _counts(part: GeneFindings, allele: Allele) -> tuple[int, int]:
    """Fragments with a substitution, and with it or the reference base."""
    index = allele.pos - part.window.start
    pileup = part.calls.pileup
    if not 0 <= index < pileup.counts.shape[2]:
        return 0, 0
    by_base = pileup.counts[:, :, index].sum(axis=0)
    alternative = int(by_base[BASES.index(allele.alt)])
    return alternative, alternative + int(by_base[BASES.index(allele.ref)])


def _fraction(part: GeneFindings, allele: Allele) -> float | None:
    alternative, total = _counts(part, allele)
    return alternative / total if total >= MIN_IDENTITY_DEPTH else None
