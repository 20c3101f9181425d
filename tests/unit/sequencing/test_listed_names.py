"""HGVS names that users list: what they stand for, and which are refused with what message."""

import pytest
from tests.unit.sequencing.test_consequence import FIRST, SEQUENCE, gene_of

from aftercar.sequencing.alleles import Allele
from aftercar.sequencing.consequence import predict
from aftercar.sequencing.genes import reverse_complement
from aftercar.sequencing.listed_names import HgvsError, parse_name, resolve_names

# exon 1: ATG AAA CTG GGG GGC | exon 2: TTA GAT TAC | exon 3: TGG TAA, introns of 14 nt


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize(
    ("name", "at", "ref", "alt"),
    [
        ("c.5A>C", 4, "A", "C"),
        ("c.14del", 7, "TG", "T"),
        ("c.10del", 7, "TG", "T"),  # not 3'-most, the same change
        ("c.14delG", 7, "TG", "T"),
        ("c.14dup", 7, "T", "TG"),
        ("c.13_14insG", 7, "T", "TG"),
        ("c.7_9delinsAA", 6, "CTG", "AA"),
        ("c.7_9delCTGinsAA", 6, "CTG", "AA"),
        ("c.15+1G>A", 15, "G", "A"),
        ("c.16-2A>T", 27, "A", "T"),
        ("c.15+1_15+2del", 14, "CGT", "C"),
        ("c.15_15+1insA", 14, "C", "CA"),
    ],
)
def test_a_name_stands_for_the_same_left_aligned_record_on_both_strands(strand, name, at, ref, alt):
    gene, window = gene_of(strand)
    found = parse_name(f"NM_1.1:{name}", "", gene, window)
    if strand == "+":
        assert found == Allele(FIRST + 5 + at, ref, alt)
    else:  # the same sequence results, read on the other strand

        def changed(allele, sequence):
            at = allele.pos - FIRST
            return sequence[:at] + allele.alt + sequence[at + len(allele.ref) :]

        _, plus_window = gene_of("+")
        expected = changed(Allele(FIRST + 5 + at, ref, alt), plus_window.sequence)
        assert reverse_complement(changed(found, window.sequence)) == expected


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("c.5T>C", "the name has T, the reference A"),
        ("c.5A>A", "no change"),
        ("c.5_6A>C", "a substitution has one position"),
        ("c.7_9delCTC", "the name has CTC, the reference CTG"),
        ("c.7_9delCT", "the name has CT, the reference CTG"),
        ("c.7_9delCTCinsAA", "the name has CTC, the reference CTG"),
        ("c.7_9dupAAA", "the name has AAA, the reference CTG"),
        ("c.7_9delinsCTG", "no change"),
        ("c.9_7del", "7 does not lie behind 9"),
        ("c.7_7del", "7 does not lie behind 7"),
        ("c.15+2_15+1del", "does not lie behind"),
        ("c.5_7insA", "between two neighbouring bases"),
        ("c.5insA", "between two neighbouring bases"),
        ("c.5_6ins", "an insertion names its bases"),
        ("c.5delins", "delins names the new bases"),
        ("c.5delUinsA", "U is not made of the bases"),
        ("c.9+1G>A", "base 9 is not the last base of an exon before an intron"),
        ("c.15-1G>A", "base 15 is not the first base of an exon behind an intron"),
        ("c.30+1G>A", "base 30 is not the last base of an exon before an intron"),
        ("c.1-1G>A", "base 1 is not the first base of an exon behind an intron"),
        ("c.15+15G>A", "this intron has 14 nt"),
        ("c.31A>G", "lies behind the stop codon, which ends at 30"),
        ("c.-1A>G", "lies outside of NM_1.1"),
        ("c.0A>G", "there is no position 0"),
        ("c.15+0G>A", "there is no position 0"),
        ("c.5A>C;6A>C", "not understood"),
        ("p.K2T", "not understood"),
        ("g.5A>C", "not understood"),
        ("c.5_6inv", "not understood"),
        ("c.(5_6)del", "not understood"),
        ("c.5a>c", "not understood"),
        ("c.5del2", "not understood"),
        ("", "not understood"),
    ],
)  # fmt: skip
def test_a_name_that_cannot_be_is_refused_with_the_reason(strand, name, message):
    with pytest.raises(HgvsError, match=message):
        parse_name(name, "NM_1.1", *gene_of(strand))


@pytest.mark.parametrize(
    ("text", "transcript", "message"),
    [
        ("c.5A>C", "", "no transcript is stated; expected NM_1.1"),
        ("NM_1.2:c.5A>C", "", "NM_1.2: expected version NM_1.1"),
        ("NM_1:c.5A>C", "", "NM_1: expected version NM_1.1"),
        ("c.5A>C", "NM_7.1", "NM_7.1: expected transcript NM_1.1"),
        ("NM_1.1:c.5A>C", "NM_7.1", "NM_7.1: expected transcript NM_1.1"),
    ],
)
def test_names_on_other_transcripts_are_refused(text, transcript, message):
    with pytest.raises(HgvsError, match=message):
        parse_name(text, transcript, *gene_of("+"))


def test_the_gene_may_stand_behind_the_transcript():
    assert parse_name("NM_1.1(TOY):c.5A>C", "", *gene_of("+")) == Allele(FIRST + 9, "A", "C")


@pytest.mark.parametrize("strand", ["+", "-"])
def test_every_short_change_is_named_so_that_its_name_leads_back_to_it(strand):
    gene, window = gene_of(strand)
    inside = range(gene.start + 1, gene.end - 3)
    tried = 0
    for position in inside:
        base = window.bases(position, position)
        for ref, alts in (
            (base, [b for b in "ACGT" if b != base] + [base + "A", base + "GT"]),
            (window.bases(position, position + 2), [base, "TTTT"]),
        ):
            for alt in alts:
                allele = Allele(position, ref, alt)
                if ref == alt:
                    continue
                name = predict(gene, allele, window).hgvs_c
                found = parse_name(name, "NM_1.1", gene, window)
                at, other = position - FIRST, found.pos - FIRST
                assert (
                    window.sequence[:at] + alt + window.sequence[at + len(ref) :]
                    == window.sequence[:other]
                    + found.alt
                    + window.sequence[other + len(found.ref) :]
                ), name
                tried += 1
    assert tried > 6 * len(inside)


def test_all_faulty_rows_are_told_at_once(models):
    # CD19 exon 1 ends with c.88; of the reference only its length counts here
    def bases(chrom, start, end):
        return chrom, start, "A" * (end - start + 1)

    rows = [
        ("CD19", "", "NM_001770.6:c.88+8_81+9delCAinsA"),
        ("CD19", "NM_001770.6", "c.5A>T"),
        ("CD19", "NM_001770.5", "c.5A>T"),
        ("CD19", "ENST00000538922.8", "c.6A>T"),
        ("CD190", "NM_001770.6", "c.5A>T"),
        ("CD19", "ENST00000324662.8", "c.1490del"),
    ]
    names = [
        {"row": str(n), "gene": gene, "transcript": transcript, "hgvs_c": name}
        for n, (gene, transcript, name) in enumerate(rows, start=1)
    ]
    found, problems = resolve_names(names, models=models, bases=bases)
    assert found == [("chr16", 28932005, "A", "T"), ("chr16", 28932006, "A", "T")]
    assert [problem.split(":")[0] for problem in problems] == [
        "row 1, column hgvs_c", "row 3, column transcript", "row 5, column gene",
        "row 6, column transcript",
    ]  # fmt: skip
    assert "base 81 is not the last base of an exon before an intron" in problems[0]
    assert "expected version NM_001770.6 or ENST00000538922.8" in problems[1]
    assert "no gene model for CD190" in problems[2]
    assert "another isoform of CD19 (557 aa" in problems[3]
    assert "from c.1487 of NM_001770.6 on its numbers are 3 larger" in problems[3]


def test_the_sequence_here_is_that_of_the_gene_tests():
    assert SEQUENCE.startswith("CCCCCATGAAACTGGGGGGCGTAAG")
