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


def compare_with_normals(
    found: list[Findings], normals: list[Findings], settings: CallSettings
) -> None:
    """Add the origin to each row of VARIANTS and judge LOH by the positions of the normals.

    A normal that lacks an allele of a polymorphism which the specimen has is of another person, or
    a donor, and is left out; a quality row of the specimen says so. Call it after
    `add_known_variants`.
    """
    counted: dict[tuple, Evidence] = {}
    for findings in found:
        fitting = [normal for normal in normals if _same_person(normal, findings)]
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


def _same_person(normal: Findings, findings: Findings) -> bool:
    """Compare the known polymorphisms; a quality row of the specimen says what came of it."""
    compared, foreign = 0, []
    for symbol, part in findings.genes.items():
        if symbol not in normal.genes:
            continue
        for name, mine, its in _shared_polymorphisms(part, normal.genes[symbol]):
            compared += 1
            for here, there in ((mine, its), (1 - mine, 1 - its)):
                if here >= FOREIGN_FRACTION and there < LACKING_FRACTION:
                    foreign.append(name)
    check = f"matched_normal:{normal.sample['sample_id']}"
    if foreign:
        findings.quality(
            check, len(foreign), "polymorphisms", "FLAG",
            f"the normal lacks an allele of {', '.join(foreign)} that the specimen has: another "
            "person, or cells of a donor; it is not used for this specimen",
        )  # fmt: skip
        return False
    if normal.genes:
        verdict, said = ("PASS", "") if compared else ("FLAG", "no polymorphism could be compared")
        findings.quality(check, 0, "polymorphisms", verdict, said)
    else:
        findings.quality(check, None, "", "FLAG", "the matched normal was not measured")
    return True


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
