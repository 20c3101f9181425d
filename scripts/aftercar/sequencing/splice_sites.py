"""Where the motifs of splice sites lie, and which sites the protein depends on."""

from aftercar.sequencing.alleles import Change
from aftercar.sequencing.genes import Exon, Gene

# Bases of exon and intron that belong to the motif of a site (Sequence Ontology SO:0001630,
# splice_region_variant; of the exon those nearest to the site only).
DONOR_NT = (2, 8)
ACCEPTOR_NT = (2, 3)


def codes_at_site(gene: Gene, exon: Exon, *, donor: bool) -> bool:
    """Whether coding bases depend on a site: of the exon itself, and behind it for a donor."""
    coding = [e.number for e in gene.exons if e.cds_start is not None]
    if donor:
        return coding[0] <= exon.number < coding[-1]
    return coding[0] <= exon.number <= coding[-1]


def in_motif(gene: Gene, exon: Exon, change: Change) -> bool:
    """Whether a change lies in the motif of a site of the exon on which coding bases depend."""
    for donor, (exonic, intronic) in ((True, DONOR_NT), (False, ACCEPTOR_NT)):
        outer = gene.exons[-1] if donor else gene.exons[0]
        if exon is outer or not codes_at_site(gene, exon, donor=donor):
            continue
        if donor == (gene.strand == "+"):
            first, last = exon.end - exonic + 1, exon.end + intronic
        else:
            first, last = exon.start - intronic, exon.start + exonic - 1
        if change.deleted and change.start <= last and change.end >= first:
            return True
        if not change.deleted and first < change.start <= last:
            return True
    return False
