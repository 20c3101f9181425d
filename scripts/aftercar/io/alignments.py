"""Read BAM, FASTA and gene models; check their headers; hand reads over as plain arrays."""

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import yaml

from aftercar.contracts.reads import AlignedReads
from aftercar.io.bam_index import index_problem
from aftercar.io.read_collector import (
    DUPLICATE,
    NOT_ALIGNED,
    UNUSED,
    ReadCollector,
    neighbours,
)
from aftercar.io.templates import SAFE

GENE_MODELS = Path(__file__).resolve().parents[3] / "resources" / "genes"


class AlignmentFileError(ValueError):
    """A BAM or FASTA file that cannot be used: what was found, what was expected, what to do."""

    def __init__(self, found: str, expected: str, remedy: str) -> None:
        """Keep the three parts; the text of the error joins them."""
        super().__init__(f"found {found}; expected {expected}; to mend it: {remedy}")
        self.found, self.expected, self.remedy = found, expected, remedy


_NO_REFERENCE = AlignmentFileError(
    "no reference", "a FASTA in sequencing/references of config.yaml", "add the reference"
)


_NOT_BAM = {
    True: AlignmentFileError(
        "a CRAM file", "a BAM file", "convert it: samtools view -b -T REFERENCE.fa FILE.cram"
    ),
    False: AlignmentFileError(
        "a text file (SAM)", "a BAM file", "convert it: samtools sort -o FILE.bam FILE.sam"
    ),
}


def read_gene_models(folder: str | Path = GENE_MODELS) -> tuple[dict, list[dict[str, str]]]:
    """Return the content of genes.yaml and the rows of exons.tsv of a folder of gene models."""
    with open(Path(folder) / "exons.tsv", newline="") as file:
        exons = list(csv.DictReader(file, delimiter="\t"))
    return yaml.load((Path(folder) / "genes.yaml").read_text(), Loader=SAFE), exons


def contig_in(contig: str, names: Sequence[str]) -> str | None:
    """Return how `names` spell a contig (chr16 or 16), or None."""
    other = contig.removeprefix("chr") if contig.startswith("chr") else f"chr{contig}"
    return next((name for name in (contig, other) if name in names), None)


@contextmanager
def opened_bam(path: str | Path) -> Iterator:
    """Open a BAM file without htslib's own messages, which name the file."""
    import pysam

    before = pysam.set_verbosity(0)
    try:
        try:
            bam = pysam.AlignmentFile(str(path), "rb")
        except (OSError, ValueError) as error:
            truncated = "truncated" in str(error).lower() or "eof" in str(error).lower()
            raise AlignmentFileError(
                "a truncated BAM file" if truncated else "a file that is not BAM",
                "a complete, coordinate-sorted BAM file",
                "copy the file again, or align again",
            ) from None
        try:
            if not bam.is_bam:
                raise _NOT_BAM[bool(bam.is_cram)]
            yield bam
        finally:
            with suppress(OSError):  # htslib repeats an error of reading when it closes the file
                bam.close()
    finally:
        pysam.set_verbosity(before)


def require_index(bam) -> None:  # type: ignore[no-untyped-def]
    """Raise AlignmentFileError where reads cannot be looked up by place."""
    order = bam.header.to_dict().get("HD", {}).get("SO", "")
    if order in ("queryname", "unsorted"):
        raise AlignmentFileError(
            f"a BAM file whose order is {order}",
            "reads sorted by coordinate",
            "run: samtools sort, then samtools index",
        )
    if not bam.has_index():
        raise AlignmentFileError(
            "a BAM file without index",
            "a .bai file beside the BAM file",
            "run: samtools index FILE.bam (sort it first with samtools sort)",
        )


def _sample_note(bam) -> tuple[str, str, str] | None:  # type: ignore[no-untyped-def]
    """Return what the read groups say about whose reads these are, without naming anybody."""
    groups = bam.header.to_dict().get("RG", [])
    samples = {group["SM"] for group in groups if "SM" in group}
    if len(samples) > 1:
        return (
            "samples_in_file",
            "FLAG",
            f"read groups of {len(samples)} samples (SM); the reads are taken as those of one "
            "specimen, fractions are those of the mixture; split the file with samtools split",
        )
    if not samples:
        return "samples_in_file", "NOT_POSSIBLE", "no read group names a sample (SM)"
    return None


def alignment_problems(
    bam_path: str | Path, fasta_path: str | Path | None, genes: list[str]
) -> list[tuple[str, str, str]]:
    """Return (problem, expected, remedy) for all that the headers tell; opens no reads.

    `genes` are symbols of the gene models; with none, contigs and build are not looked at.
    """
    models, exons = read_gene_models()
    chroms = sorted({row["chrom"] for row in exons if row["gene"] in genes})
    found: list[tuple[str, str, str]] = []
    names: list[str] = []
    lengths: dict[str, int] = {}
    try:
        with opened_bam(bam_path) as bam:
            names = list(bam.references)
            lengths = dict(zip(bam.references, bam.lengths, strict=True))
            require_index(bam)
            if problem := index_problem(bam_path, bam.nreferences, bam.tell()):
                raise AlignmentFileError(
                    f"the index of another BAM file or of another state of it ({problem})",
                    "the index that was made from this file",
                    "run: samtools index FILE.bam",
                )
    except AlignmentFileError as error:
        found.append((error.found, error.expected, error.remedy))
    if names:
        found += contig_problems(lengths, chroms, models["contig_lengths"])
    if fasta_path:
        try:
            contigs = fasta_contigs(fasta_path)
        except AlignmentFileError as error:
            found.append((error.found, error.expected, error.remedy))
        else:
            found += _reference_problems(contigs, chroms, models["contig_lengths"])
    return found


def _reference_problems(
    contigs: dict[str, int], chroms: Sequence[str], known: dict[str, dict[str, int]]
) -> list[tuple[str, str, str]]:
    if chroms and not any(contig_in(chrom, list(contigs)) for chrom in chroms):
        missing = _without_contigs(chroms)
        return [(missing.found, missing.expected, missing.remedy)]
    told = _other_build(contigs, chroms, known)
    if not told:
        return []
    return [(f"a reference FASTA with {told}", "the FASTA of GRCh38", "correct the path of it")]


def _other_build(
    lengths: dict[str, int], chroms: Sequence[str], known: dict[str, dict[str, int]]
) -> str:
    """Say which contig has the length of another build than GRCh38; nothing if none has."""
    for build, sizes in known.items():
        for chrom in chroms if build != "GRCh38" else ():
            name = contig_in(chrom, list(lengths))
            if name and lengths[name] == sizes.get(chrom):
                return f"the length of {chrom} in build {build}"
    return ""


def _without_contigs(chroms: Sequence[str]) -> AlignmentFileError:
    return AlignmentFileError(
        f"a reference without {' and '.join(chroms)}",
        "a GRCh38 FASTA with the contigs of the genes",
        "correct sequencing/references in config.yaml",
    )


def contig_problems(
    lengths: dict[str, int], chroms: Sequence[str], known: dict[str, dict[str, int]]
) -> list[tuple[str, str, str]]:
    """Say what is wrong with the contigs of a BAM header, given those that the genes lie on."""
    here = {chrom: contig_in(chrom, list(lengths)) for chrom in chroms}
    if chroms and not any(here.values()):
        return [
            (
                f"contigs {', '.join(list(lengths)[:3])} and none named like {chroms[0]}",
                f"one of the contigs {', '.join(chroms)}, with or without chr",
                "align to GRCh38 with these contig names, or rename them with samtools reheader",
            )
        ]
    if told := _other_build(lengths, chroms, known):
        return [
            (
                told,
                "reads aligned to GRCh38",
                "align the reads again to GRCh38; coordinates cannot be converted afterwards",
            )
        ]
    return []


def fasta_contigs(path: str | Path) -> dict[str, int]:
    """Return the contigs of an indexed FASTA with their lengths, from its .fai alone."""
    index = Path(f"{path}.fai")
    if not Path(path).exists():
        raise AlignmentFileError(
            "no reference FASTA", "the file named in sequencing/references", "correct the path"
        )
    if not index.exists() or (str(path).endswith(".gz") and not Path(f"{path}.gzi").exists()):
        raise AlignmentFileError(
            "a reference FASTA without index",
            ".fai beside the FASTA (and .gzi beside a bgzip file)",
            "run: samtools faidx FILE.fa",
        )
    rows = [line.split("\t") for line in index.read_text().splitlines() if line]
    return {row[0]: int(row[1]) for row in rows}


def read_reference(
    path: str | Path | None, chrom: str, start: int, end: int
) -> tuple[str, int, str]:
    """Return contig, 1-based first position and upper-case bases of a stretch of a FASTA.

    The contig is looked for with and without chr; the stretch is cut where the contig ends.
    """
    import pysam

    if path is None:
        raise _NO_REFERENCE
    contigs = fasta_contigs(path)
    contig = contig_in(chrom, list(contigs))
    if contig is None:
        raise _without_contigs([chrom])
    start = max(start, 1)
    with pysam.FastaFile(str(path)) as fasta:
        return contig, start, fasta.fetch(contig, start - 1, min(end, contigs[contig])).upper()


def read_references(
    bam_path: str | Path,
    fasta_path: str | Path | None,
    stretches: dict[str, tuple[str, int, int]],
) -> dict[str, tuple[str, int, str]]:
    """Return what `read_reference` gives for each named stretch that BAM and FASTA both have.

    `stretches` are contig, first and last position by name. Raises AlignmentFileError where the
    headers rule out any analysis.
    """
    if fasta_path is None:
        raise _NO_REFERENCE
    problems = alignment_problems(bam_path, fasta_path, genes=[])
    chroms = sorted({chrom for chrom, _, _ in stretches.values()})
    with opened_bam(bam_path) as bam:
        lengths = dict(zip(bam.references, bam.lengths, strict=True))
    known = read_gene_models()[0]["contig_lengths"]
    problems += contig_problems(lengths, chroms, known)
    for problem in problems:
        raise AlignmentFileError(*problem)
    contigs = fasta_contigs(fasta_path)
    for problem in _reference_problems(contigs, chroms, known):
        raise AlignmentFileError(*problem)
    return {
        name: read_reference(fasta_path, *stretch)
        for name, stretch in stretches.items()
        if contig_in(stretch[0], list(contigs)) and contig_in(stretch[0], list(lengths))
    }


def read_alignments(
    path: str | Path,
    chrom: str,
    intervals: list[tuple[int, int]],
    *,
    min_mapping_quality: int,
    barcodes: dict[str, int] | None = None,
    cell: int | None = None,
    unfiltered: bool = False,
) -> AlignedReads:
    """Return the usable reads that overlap any of `intervals` (1-based inclusive, sorted).

    Usable: primary, not a duplicate, not failed, mapped with at least `min_mapping_quality`. With
    `barcodes` (cell barcode -> number) only reads of listed cells, with `cell` all as reads of this
    one; reads marked as duplicates are then used where a UMI tells molecules apart, and reads
    without UMI belong to the molecule of their name. Duplicates are also used of a bulk file whose
    reads carry a molecular barcode (MI or RX). `unfiltered` takes every aligned read.
    Raises AlignmentFileError.
    """
    of_cells = barcodes is not None or cell is not None
    unused = UNUSED | (0 if of_cells else DUPLICATE)
    unused = NOT_ALIGNED if unfiltered else unused
    with opened_bam(path) as bam:
        require_index(bam)
        contig = contig_in(chrom, list(bam.references))
        if contig is None:
            raise AlignmentFileError(
                f"no contig {chrom}", f"a BAM file with contig {chrom}", "align to GRCh38"
            )
        limit = bam.get_reference_length(contig)
        contig_number = bam.get_tid(contig)
        collected = ReadCollector(contig_number, min_mapping_quality, unused, barcodes, cell)
        try:
            for group in neighbours([(a, min(b, limit)) for a, b in intervals if a <= limit]):
                collected.add_intervals(path, bam, group)
        except (OSError, ValueError):
            raise AlignmentFileError(
                f"a BAM file that breaks off or is not sorted on {contig}, or the index of another",
                "a complete BAM file, sorted by coordinate, with its own index",
                "copy the file again, run samtools sort if need be, then samtools index",
            ) from None
        note = _sample_note(bam)
    return collected.arrays(() if note is None else (note,))
