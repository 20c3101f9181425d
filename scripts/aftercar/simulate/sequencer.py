"""A sequencer: bulk DNA, bulk RNA and 10x-like reads over genes with planted variants."""

import numpy as np

from aftercar.simulate.alignments import (
    DELETION,
    SKIP,
    Batch,
    Template,
    align,
    bam_bytes,
    read_letters,
)
from aftercar.simulate.genome import CONTIG_LENGTHS, PLANTED, POLYMORPHISMS, Gene, Locus
from aftercar.simulate.plan import Reads

READ, INSERT, INSERT_SD = 100, 190, 20
CELL_READ = 91
PAD = 25  # bases beyond a coding exon that the capture covers
ANCHOR_DNA, ANCHOR_RNA = 6, 4  # shorter overhangs are not aligned across a jump
CELL_STARTS = (150, 330)  # of the transcript, where 5' reads begin
CONTIGS = tuple(CONTIG_LENGTHS)


def haplotype(
    locus: Locus, snps: list[str], planted: str = "", *, blocks: list[tuple[int, int]] | None = None
) -> Template:
    """Return one allele: the locus with alternative alleles, as DNA or, with `blocks`, as RNA."""
    letters = np.frombuffer(locus.sequence.encode(), dtype=np.uint8).copy()
    positions = np.arange(len(letters)) + locus.start - 1
    for name in snps:
        contig, position, _, alternative = POLYMORPHISMS[name]
        if contig == locus.contig:
            letters[position - locus.start] = ord(alternative)
    keep = np.ones(len(letters), dtype=bool)
    if blocks is not None:
        keep[:] = False
        for first, last in blocks:
            keep[first - locus.start : last - locus.start + 1] = True
    if planted:
        _, first, last, replacement = PLANTED[planted]
        if replacement:
            letters[first - locus.start] = ord(replacement)
        else:
            keep[first - locus.start : last - locus.start + 1] = False
    gap = DELETION if blocks is None else SKIP
    return Template(letters[keep], positions[keep], CONTIGS.index(locus.contig), gap)


def alleles(gene: Gene, locus: Locus, library: Reads, **shape) -> list[tuple[Template, float]]:
    """Return the alleles of a bulk library with their shares.

    Planted variants lie on the haplotype that carries the heterozygous SNPs.
    """
    mine = {n: share for n, share in library.snps.items() if POLYMORPHISMS[n][0] == locus.contig}
    homozygous = [name for name, share in mine.items() if share == 1.0]
    first = max([share for share in mine.values() if share < 1.0], default=0.5)
    planted = {n: share for n, share in library.planted.items() if PLANTED[n][0] == gene.name}
    given = [
        (haplotype(locus, list(mine), name, **shape), share) for name, share in planted.items()
    ]
    given.append((haplotype(locus, list(mine), **shape), first - sum(planted.values())))
    given.append((haplotype(locus, homozygous, **shape), 1 - first))
    return [(template, share) for template, share in given if share > 0]


def bulk_bam(
    genes: dict[str, Gene],
    loci: dict[str, Locus],
    library: Reads,
    name: str,
    random: np.random.Generator,
) -> bytes:
    """Return the BAM of a bulk library of DNA or RNA."""
    batches: list[Batch] = []
    for gene_name, depth in library.depth.items():
        gene, locus = genes[gene_name], loci[gene_name]
        if library.assay == "dna":
            for template, share in alleles(gene, locus, library):
                batches += _dna(gene, template, depth * share, name, len(batches), random)
            continue
        for skipped, part in (((), 1 - library.exon2_skipping), ((2,), library.exon2_skipping)):
            if part == 0 or (skipped and gene_name != "CD19"):
                continue
            whole = 1.0 if gene_name != "CD19" else part
            blocks = [
                (first, last) for number, first, last, _, _ in gene.exons if number not in skipped
            ]
            for template, share in alleles(gene, locus, library, blocks=blocks):
                last = len(template.letters) - INSERT
                starts = _starts(0, last, depth * share * whole, random)
                batches += _pairs(template, starts, ANCHOR_RNA, name, len(batches), random)
    return bam_bytes(CONTIG_LENGTHS, name, batches, "aftercar-simulate")


def _starts(first: int, last: int, depth: float, random: np.random.Generator) -> np.ndarray:
    number = random.poisson(depth * max(last - first, 1) / INSERT)
    return random.integers(first, max(last, first + 1), number)


def _dna(gene, template, depth, name, batch, random) -> list[Batch]:
    """Fragments over the coding exons, captured with a little of the introns."""
    wanted: list[list[int]] = []
    for first, last in sorted((e[3] - PAD, e[4] + PAD) for e in gene.exons if e[3]):
        if wanted and first - wanted[-1][1] < INSERT:
            wanted[-1][1] = last
        else:
            wanted.append([first, last])
    starts = []
    for first, last in wanted:
        low = int(np.searchsorted(template.positions, first - 1 - INSERT))
        high = int(np.searchsorted(template.positions, last - 1))
        starts.append(_starts(low, high, depth, random))
    return _pairs(template, np.concatenate(starts), ANCHOR_DNA, name, batch, random)


def _pairs(template, starts, anchor, name, batch, random) -> list[Batch]:
    """Return both mates of each fragment, as two batches."""
    size = np.clip(random.normal(INSERT, INSERT_SD, len(starts)).round(), READ, 300).astype(
        np.int64
    )
    size = np.minimum(size, len(template.letters) - starts)
    kept = size >= READ
    starts, size = starts[kept], size[kept]
    second = starts + size - READ
    first_is_read1 = random.random(len(starts)) < 0.5
    left, left_end, left_cigar = align(template, starts, READ, anchor)
    right, right_end, right_cigar = align(template, second, READ, anchor)
    span = np.maximum(right_end, left_end) - np.minimum(left, right)
    names = np.char.add(
        f"r{batch:02d}.", np.char.zfill(np.arange(len(starts)).astype("S7"), 7).astype(str)
    ).astype("S11")
    tags = _text_tags([b"RG"], [np.full(len(starts), name.encode())])
    flags_left = 0x1 | 0x2 | 0x20 | np.where(first_is_read1, 0x40, 0x80)
    flags_right = 0x1 | 0x2 | 0x10 | np.where(first_is_read1, 0x80, 0x40)
    contig = np.full(len(starts), template.contig)
    made = []
    for begin, end, cigar, mate, flags, insert, where in (
        (left, left_end, left_cigar, right, flags_left, span, starts),
        (right, right_end, right_cigar, left, flags_right, -span, second),
    ):
        letters, qualities = read_letters(template, where, READ, random)
        made.append(
            Batch(contig, begin, end, letters, qualities, cigar, flags, mate, insert, names, tags)
        )
    return made


def _text_tags(keys: list[bytes], values: list[np.ndarray]) -> np.ndarray:
    """Return text tags as fixed-width bytes, one row per read."""
    columns = []
    for key, value in zip(keys, values, strict=True):
        width = value.dtype.itemsize
        letters = value.astype(f"S{width}").view(np.uint8).reshape(len(value), width)
        head = np.broadcast_to(np.frombuffer(key + b"Z", dtype=np.uint8), (len(value), 3))
        columns += [head, letters, np.zeros((len(value), 1), dtype=np.uint8)]
    joined = np.ascontiguousarray(np.column_stack(columns), dtype=np.uint8)
    return joined.view(f"V{joined.shape[1]}").reshape(len(joined))


def cell_bam(
    gene: Gene,
    locus: Locus,
    planted: str,
    barcodes: np.ndarray,
    reference_molecules: np.ndarray,
    mutant_molecules: np.ndarray,
    name: str,
    random: np.random.Generator,
) -> bytes:
    """Return a 10x-like BAM (5' chemistry, CB and UB tags) of one gene.

    `reference_molecules` and `mutant_molecules` count the molecules of each barcode by allele;
    each is read one or more times, from different starts.
    """
    blocks = [(first, last) for _, first, last, _, _ in gene.exons]
    batches = []
    for number, (allele, molecules) in enumerate(
        (("", reference_molecules), (planted, mutant_molecules))
    ):
        if not molecules.any():
            continue
        template = haplotype(locus, [], allele, blocks=blocks)
        cell = np.repeat(np.arange(len(barcodes)), molecules)
        umis = _sequences(len(cell), 10, random)
        copies = 1 + random.poisson(2.0, len(cell))
        rows = np.repeat(np.arange(len(cell)), copies)
        starts = random.integers(*CELL_STARTS, len(rows))
        begin, end, cigar = align(template, starts, CELL_READ, ANCHOR_RNA)
        letters, qualities = read_letters(template, starts, CELL_READ, random)
        names = np.char.add(
            f"c{number}.", np.char.zfill(np.arange(len(rows)).astype("S7"), 7).astype(str)
        ).astype("S10")
        tags = _text_tags(
            [b"CB", b"UB", b"RG"],
            [barcodes[cell][rows].astype("S18"), umis[rows], np.full(len(rows), name.encode())],
        )
        none = np.full(len(rows), -1)
        batches.append(
            Batch(
                np.full(len(rows), template.contig), begin, end, letters, qualities, cigar,
                np.where(random.random(len(rows)) < 0.5, 0, 0x10), none, np.zeros(len(rows), int),
                names, tags,
            )
        )  # fmt: skip
    return bam_bytes(CONTIG_LENGTHS, name, batches, "aftercar-simulate")


def _sequences(number: int, length: int, random: np.random.Generator) -> np.ndarray:
    letters = np.frombuffer(b"ACGT", dtype=np.uint8)[random.integers(0, 4, (number, length))]
    return np.ascontiguousarray(letters).view(f"S{length}").reshape(number)


def barcodes_of(number: int, random: np.random.Generator) -> np.ndarray:
    """Return distinct cell barcodes of 16 letters with the suffix -1."""
    drawn = np.unique(_sequences(number + 50, 16, random))
    return np.char.add(random.permutation(drawn)[:number], b"-1").astype(str)
