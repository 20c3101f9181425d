"""Changes that reverse transcription makes, not the genome."""

from aftercar.sequencing.alleles import Allele, placements
from aftercar.sequencing.genes import Gene, ReferenceWindow

# Reverse transcription skips between short repeats within an exon: in cDNA, a deletion of this size
# inside one exon is no finding (Schulz 2021, 10.1186/s13059-021-02411-1; the size is a convention).
CDNA_ARTEFACT_NT = 50


def cdna_doubts(
    gene: Gene, allele: Allele, window: ReferenceWindow, *, rna: bool
) -> list[tuple[str, str]]:
    """Return (filter, flag) of what makes a deletion doubtful because cDNA shows it too.

    In RNA a long deletion within an exon; in DNA the loss of exactly one intron, which comes from
    cDNA in the library, from a processed pseudogene or from a transgene.
    """
    if rna:
        long = len(allele.ref) - len(allele.alt) >= CDNA_ARTEFACT_NT
        text = "a deletion within an exon seen in cDNA only: reverse transcription artefact"
        return [("cdna_artefact", text)] if long else []
    introns = {
        gene.intron(upstream.number, downstream.number)
        for upstream, downstream in zip(gene.exons, gene.exons[1:], strict=False)
    }
    removed = {(place.start, place.end) for place in placements(allele, window) if place.deleted}
    if not introns & removed:
        return []
    return [("spliced", "an intron is missing: spliced copies (cDNA, pseudogene), no deletion")]
