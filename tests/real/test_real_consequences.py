"""Random changes of CD19 (plus strand) and TP53 (minus strand) against bcftools and by hand.

bcftools csq (Danecek 2017, 10.1093/bioinformatics/btx100) is bundled in pysam. Names are applied
back to the gene by a reader of HGVS names that is written out here.
"""

import random
import re
import subprocess
import sys
import time

import pytest
from tests.real.test_real_names import FASTA, locate

from aftercar.sequencing.alleles import Allele, left_align
from aftercar.sequencing.consequence import predict
from aftercar.sequencing.listed_names import parse_name

pytestmark = pytest.mark.real
both_genes = pytest.mark.parametrize("symbol", ["CD19", "TP53"])
FLIP = str.maketrans("ACGT", "TGCA")
KINDS = ("snv", "deletion", "insertion", "delins")


@pytest.fixture(scope="module")
def located(shared_data):
    """Gene model and reference of CD19 and TP53."""
    return {symbol: locate(shared_data, symbol) for symbol in FASTA}


def random_alleles(gene, window, kind, number, seed):
    """Different left-aligned changes in and beside coding exons whose introns are known."""
    rng = random.Random(seed)
    exons = [e for e in gene.exons if e.cds_start is not None]
    if gene.symbol == "CD19":
        exons = exons[:9]  # from intron 10 on the reference has N
    found = set()
    while len(found) < number:
        exon = rng.choice(exons)
        pos = rng.randint(exon.cds_start - 6, exon.cds_end + 6)
        ref = window.bases(pos, pos)
        word = "".join(rng.choice("ACGT") for _ in range(rng.choice((1, 1, 2, 3, 4, 6))))
        if kind == "snv":
            alt = rng.choice("ACGT")
        elif kind == "deletion":
            ref, alt = window.bases(pos, pos + rng.choice((1, 1, 2, 3, 4, 6, 9, 15))), ref
        elif kind == "insertion":
            alt = ref + word
        else:
            ref, alt = window.bases(pos, pos + rng.randint(1, 4)), word
        if ref != alt and "N" not in ref:
            found.add(left_align(Allele(pos, ref, alt), window))
    return sorted(found)


@both_genes
def test_a_thousand_consequences_take_less_than_a_second(located, symbol):
    gene, window = located[symbol]
    alleles = [a for kind in KINDS for a in random_alleles(gene, window, kind, 250, seed=1)]
    began = time.process_time()
    for allele in alleles:
        predict(gene, allele, window)
    assert time.process_time() - began < 1


# bcftools csq


def write_gff(path, gene):
    """One transcript of the gene as Ensembl's GFF3 has it."""
    coding = [e for e in gene.exons if e.cds_start is not None]
    low, high = min(e.cds_start for e in coding), max(e.cds_end for e in coding)
    lines, done = [], 0

    def line(kind, start, end, phase, attributes):
        columns = (gene.chrom, "havana", kind, start, end, ".", gene.strand, phase, attributes)
        lines.append("\t".join(map(str, columns)))

    line("gene", gene.start, gene.end, ".",
         f"ID=gene:G1;Name={gene.symbol};biotype=protein_coding;gene_id=G1")  # fmt: skip
    line("mRNA", gene.start, gene.end, ".",
         "ID=transcript:T1;Parent=gene:G1;biotype=protein_coding;transcript_id=T1")  # fmt: skip
    for exon in gene.exons:
        line("exon", exon.start, exon.end, ".", "Parent=transcript:T1")
        if exon.cds_start is not None:
            line("CDS", exon.cds_start, exon.cds_end, -done % 3, "ID=CDS:P1;Parent=transcript:T1")
            done += exon.cds_end - exon.cds_start + 1
        for start, end, left in (
            (exon.start, min(exon.end, low - 1), True),
            (max(exon.start, high + 1), exon.end, False),
        ):
            if start <= end:
                five = left == (gene.strand == "+")
                kind = "five_prime_UTR" if five else "three_prime_UTR"
                line(kind, start, end, ".", "Parent=transcript:T1")
    path.write_text("##gff-version 3\n" + "\n".join(lines) + "\n")


def csq(tmp_path, fasta, gene, alleles):
    """What bcftools calls each allele: the set of its words. It runs alone: it keeps state."""
    write_gff(tmp_path / "gene.gff3", gene)
    rows = [
        f"{gene.chrom}\t{a.pos}\t{number}\t{a.ref}\t{a.alt}\t.\t.\t."
        for number, a in enumerate(alleles)
    ]
    head = f"##fileformat=VCFv4.2\n##contig=<ID={gene.chrom},length=100000000>\n"
    head += "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    (tmp_path / "in.vcf").write_text(head + "\n".join(rows) + "\n")
    arguments = ("-f", fasta, "-g", tmp_path / "gene.gff3", "-l", tmp_path / "in.vcf")
    code = "import sys; from pysam import bcftools; print(bcftools.csq(*sys.argv[1:]))"
    told = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    words = {}
    for row in told.splitlines():
        if row and not row.startswith("#"):
            columns = row.split("\t")
            found = re.search(r"BCSQ=([^;\t]*)", columns[7])
            consequences = found[1].split(",") if found else []
            words[int(columns[2])] = {w for c in consequences for w in c.split("|")[0].split("&")}
    return words


# What bcftools may say for each of our words; it adds splice_region and feature_* to many.
SAME = {
    "frameshift": {"frameshift", "stop_gained"},
    "stop_gained": {"stop_gained"},
    "start_lost": {"start_lost", "coding_sequence"},
    "stop_lost": {"stop_lost", "coding_sequence"},
    "splice_donor": {"splice_donor"},
    "splice_acceptor": {"splice_acceptor"},
    "inframe_deletion": {"inframe_deletion"},
    "inframe_insertion": {"inframe_insertion"},
    "inframe_indel": {"inframe_deletion", "inframe_insertion"},
    "missense": {"missense"},
    "synonymous": {"synonymous", "stop_retained"},
    "utr": {"5_prime_utr", "3_prime_utr"},
    "intron": {"splice_region", "intron"},
}


def understood(gene, window, allele, found, words):
    """Why we and bcftools may differ about a change; nothing if we cannot tell."""
    if words & {"splice_donor", "splice_acceptor"} and site_is_whole(gene, window, allele):
        return "the same bases, placed elsewhere, leave GT and AG where they are"
    if found.effect.startswith("splice_") and any("stands again" in f for f in found.flags):
        return "an insertion between exon and site"
    if found.hgvs_c.startswith("c.3_4ins") and words == {"start_lost"}:
        return "an insertion behind the start codon, which stays"
    if allele.ref[0] != allele.alt[0] and len(allele.ref) != len(allele.alt):
        return "a delins of unequal length, which bcftools trims otherwise"
    return ""


def site_is_whole(gene, window, allele):
    """Whether each exon still ends before the same GT and begins behind the same AG."""
    first = allele.pos - window.start
    changed = window.sequence[:first] + allele.alt + window.sequence[first + len(allele.ref) :]
    grown = len(allele.alt) - len(allele.ref)
    for exon in gene.exons[1:-1]:
        for site in (exon.start - 2, exon.end + 1):
            if abs(site - allele.pos) < 40:
                at, kept = site - window.start, window.bases(site, site + 1)
                if kept not in (changed[at : at + 2], changed[at + grown : at + grown + 2]):
                    return False
    return True


@both_genes
@pytest.mark.parametrize("kind", KINDS)
def test_consequences_are_those_of_bcftools_or_the_difference_is_understood(
    located,
    shared_data,
    tmp_path,
    symbol,
    kind,
):
    gene, window = located[symbol]
    alleles = random_alleles(gene, window, kind, 300 if kind != "delins" else 150, seed=4)
    words = csq(tmp_path, shared_data / "sequencing/reference" / FASTA[symbol], gene, alleles)
    differ, unexplained = 0, []
    for number, allele in enumerate(alleles):
        found = predict(gene, allele, window)
        if SAME[found.effect] & words[number]:
            continue
        differ += 1
        if not understood(gene, window, allele, found, words[number]):
            unexplained.append((allele, found, words[number]))
    assert unexplained == []
    assert differ <= {"snv": 0, "deletion": 6, "insertion": 12, "delins": 20}[kind]


# Names, applied back by a reader of its own


def coordinates(gene, window):
    """Each base of the gene along its strand: its c. coordinate and letter."""
    letters, names = [], []
    positions = range(gene.start, gene.end + 1)
    for position in positions if gene.strand == "+" else reversed(positions):
        base = window.bases(position, position)
        letters.append(base if gene.strand == "+" else base.translate(FLIP))
        exon = next((e for e in gene.exons if e.start <= position <= e.end), None)
        names.append((position, exon))
    coding = [
        position
        for position, exon in names
        if exon and exon.cds_start and exon.cds_start <= position <= exon.cds_end
    ]
    exonic = [position for position, exon in names if exon]
    zero = exonic.index(coding[0])
    number = {}
    for index, position in enumerate(exonic):
        offset = index - zero
        if offset < 0:
            number[position] = str(offset)
        elif offset < len(coding):
            number[position] = str(offset + 1)
        else:
            number[position] = f"*{offset - len(coding) + 1}"
    labels, last, steps = [], None, 0
    upcoming = [None] * len(names)
    following = None
    for index in range(len(names) - 1, -1, -1):
        following = (number[names[index][0]], index) if names[index][1] else following
        upcoming[index] = following
    for index, (position, exon) in enumerate(names):
        if exon:
            last, steps = number[position], 0
            labels.append(last)
            continue
        steps += 1
        after, at = upcoming[index]
        labels.append(f"{last}+{steps}" if steps <= at - index else f"{after}-{at - index}")
    return {label: index for index, label in enumerate(labels)}, "".join(letters)


def applied(name, where, letters):
    """The gene along its strand after the change that a c. name describes."""
    at = r"([-*]?\d+(?:[+-]\d+)?)"
    first, last, edit = re.fullmatch(rf"c\.{at}(?:_{at})?(\D.*)", name).groups()
    start, end = where[first], where[last or first]
    assert start <= end
    if "ins" in edit and edit.startswith("ins"):
        assert end == start + 1
        return letters[:end] + edit[3:] + letters[end:]
    if edit == "dup":
        return letters[: end + 1] + letters[start : end + 1] + letters[end + 1 :]
    if edit == "del":
        return letters[:start] + letters[end + 1 :]
    if edit.startswith("delins"):
        return letters[:start] + edit[6:] + letters[end + 1 :]
    old, new = edit.split(">")
    assert letters[start] == old
    return letters[:start] + new + letters[start + 1 :]


def most_3prime(name, where, letters):
    """Whether a deletion or duplication could not be written one base further on."""
    match = re.fullmatch(r"c\.([^_]+?)(?:_(.+?))?(del|dup)", name)
    if match is None:
        return True
    start, end = where[match[1]], where[match[2] or match[1]]
    return end + 1 >= len(letters) or letters[start] != letters[end + 1]


@both_genes
@pytest.mark.parametrize("kind", KINDS)
def test_names_describe_the_change_and_stand_as_far_in_3prime_direction_as_can_be(
    located,
    symbol,
    kind,
):
    gene, window = located[symbol]
    where, letters = coordinates(gene, window)
    for allele in random_alleles(gene, window, kind, 300, seed=9):
        first = allele.pos - window.start
        changed = window.sequence[:first] + allele.alt + window.sequence[first + len(allele.ref) :]
        changed = changed[gene.start - window.start : len(changed) - (window.end - gene.end)]
        expected = changed if gene.strand == "+" else changed.translate(FLIP)[::-1]
        name = predict(gene, allele, window).hgvs_c
        assert applied(name, where, letters) == expected, (allele, name)
        assert most_3prime(name, where, letters), (allele, name)
        assert parse_name(name, gene.transcript, gene, window) == allele


@both_genes
def test_insertions_that_repeat_what_stands_before_are_duplications(located, symbol):
    gene, window = located[symbol]
    where, letters = coordinates(gene, window)
    names = [
        predict(gene, allele, window).hgvs_c
        for allele in random_alleles(gene, window, "insertion", 400, seed=2)
    ]
    inserted = [re.fullmatch(r"c\.(.+)_(.+)ins([ACGT]+)", name) for name in names]
    for match in filter(None, inserted):
        at = where[match[2]]
        assert letters[at - len(match[3]) : at] != match[3]
    assert sum(name.endswith("dup") for name in names) > 20


def protein(coding):
    """Amino acids of a coding sequence up to its stop, by a table that is written out here."""
    table, letters = {}, "KNKNTTTTRSRSIIMIQHQHPPPPRRRRLLLLEDEDAAAAGGGGVVVV*Y*YSSSS*CWCLFLF"
    for number, amino_acid in enumerate(letters):
        codon = "".join("ACGT"[number // d % 4] for d in (16, 4, 1))
        table[codon] = amino_acid
    made = ""
    for start in range(0, len(coding) - 2, 3):
        made += table[coding[start : start + 3]]
        if made[-1] == "*":
            return made
    return made + "?"


@both_genes
@pytest.mark.parametrize("kind", KINDS)
def test_protein_names_and_stops_are_those_of_the_translated_coding_sequence(
    located,
    symbol,
    kind,
):
    gene, window = located[symbol]
    where, letters = coordinates(gene, window)
    exonic = [label for label in where if not re.search(r"\d[+-]", label)]
    normal = "".join(letters[where[label]] for label in exonic)
    start = exonic.index("1")
    reference = protein(normal[start:])
    looked_at = 0
    for allele in random_alleles(gene, window, kind, 300, seed=6):
        found = predict(gene, allele, window)
        if not found.hgvs_p or found.hgvs_p in ("p.M1?", "p.?"):
            continue
        inside = {label: index for index, label in enumerate(exonic)}
        try:
            changed = applied(found.hgvs_c, inside, normal)
        except KeyError:  # 3'-most the change stands in the intron
            continue
        if changed[:start] != normal[:start] or "N" in changed[start:]:
            changed = changed.split("N")[0]
        mutant = protein(changed[start:])
        looked_at += 1
        kind_of, said = found.effect, found.hgvs_p
        first = next(i for i, (a, b) in enumerate(zip(reference, mutant, strict=False)) if a != b)
        if kind_of in ("frameshift", "stop_gained") and said.endswith("*") and "ins" not in said:
            assert said == f"p.{reference[first]}{first + 1}*", allele
        elif kind_of == "frameshift":
            known = mutant.endswith("*")
            assert found.stop_codon == (len(mutant) if known else None)
            far = len(mutant) - first if known else "?"
            assert said == f"p.{reference[first]}{first + 1}{mutant[first]}fs*{far}", allele
        elif kind_of == "missense" and "delins" not in said:
            assert said == f"p.{reference[first]}{first + 1}{mutant[first]}", allele
        elif kind_of != "stop_lost":
            assert protein_applied(said, reference) == mutant, (allele, said)
        if kind_of in ("frameshift", "stop_gained") and mutant.endswith("*"):
            assert found.stop_codon == len(mutant)
    assert looked_at > 100


def protein_applied(name, reference):
    """The protein up to its stop after the change in frame that a p. name describes."""
    found = re.fullmatch(
        r"p\.([A-Z*])(\d+)(?:_([A-Z*])(\d+))?(del|dup|ins|delins)?([A-Z]*\*?)", name
    )
    a, first, b, last, edit, new = found.groups()
    start, end = int(first) - 1, int(last or first)
    assert reference[start] == a
    assert b is None or reference[end - 1] == b
    if edit == "ins":
        made = reference[: start + 1] + new + reference[end - 1 :]
    elif edit == "dup":
        made = reference[:end] + reference[start:end] + reference[end:]
    else:
        made = reference[:start] + new + reference[end:]
    return made[: made.index("*") + 1]
