"""The last bases of an RNA read are those that were read last, whatever strand the gene is on."""

import numpy as np
import pytest

from aftercar.io.alignments import read_alignments, read_gene_models
from aftercar.sequencing.fragments import pile_up, split_segments
from aftercar.sequencing.genes import ReferenceWindow, build_genes


@pytest.mark.parametrize("symbol", ["CD19", "TP53"])
@pytest.mark.parametrize(("reverse", "covered"), [(False, (0, 55)), (True, (5, 60))])
def test_the_last_five_bases_of_a_read_are_left_out(
    conftest_reads, tmp_path, symbol, reverse, covered
):
    gene = build_genes(*read_gene_models(), [symbol])[symbol]
    assert gene.strand == {"CD19": "+", "TP53": "-"}[symbol]
    exon = max(gene.exons, key=lambda e: e.end - e.start)
    first = exon.start + 20
    bases = np.full(60, ord("A"), dtype=np.uint8)
    read = (first - 1, [(0, 60)], bases, np.full(60, 37), reverse, 0)
    bam = conftest_reads.write_bam(
        tmp_path / "reads.bam", [("r", read)], contig=gene.chrom, contig_length=90_000_000
    )
    reads = read_alignments(bam, gene.chrom, [(first, first)], min_mapping_quality=20)
    window = ReferenceWindow(gene.chrom, first, "A" * 60)
    everywhere = np.ones(60, dtype=bool)
    for model, expected in ((gene, covered), (None, (0, 60))):
        pileup = pile_up(split_segments(reads, model), window, everywhere, min_base_quality=20)
        shown = np.flatnonzero(pileup.depth())
        assert (shown[0], shown[-1] + 1) == expected
