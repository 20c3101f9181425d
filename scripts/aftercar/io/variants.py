"""Read lists of variants, VCF or tables of HGVS names, and write VCF."""

import csv
import itertools
from collections.abc import Callable
from functools import partial
from pathlib import Path

from aftercar.io.alignments import (
    AlignmentFileError,
    fasta_contigs,
    read_gene_models,
    read_reference,
)
from aftercar.io.whole_files import whole_file

_BASES = set("ACGT")
NAME_TABLES = (".tsv", ".txt")
_NAME_COLUMNS = ("gene", "transcript", "hgvs_c")

Variant = tuple[str, int, str, str]
# Takes rows of names, `models` and `bases`; returns variants, and what is wrong with other rows.
Resolve = Callable[..., tuple[list[Variant], list[str]]]


def read_variants(
    path: str | Path, resolve: Resolve, fasta_path: str | Path | None
) -> list[Variant]:
    """Return (contig, position, ref, alt) of each variant of a list, in file order; no path, none.

    The list is a VCF, of which alleles that are not written as bases (symbolic, breakends, missing)
    are left out, or a table of names for `resolve`, see `read_names`, on the reference in
    `fasta_path`. Raises AlignmentFileError, for all names at once that are not sound.
    """
    if not path:
        return []
    if Path(path).suffix.lower() not in NAME_TABLES:
        return _read_vcf(path)
    variants, problems = resolve_rows(read_names(path), resolve, fasta_path)
    if problems:
        raise AlignmentFileError(
            f"in the list of variants {'; '.join(problems)}",
            "HGVS names on the transcripts of resources/genes",
            "correct or remove these rows",
        )
    return variants


def resolve_rows(
    rows: list[dict[str, str]], resolve: Resolve, fasta_path: str | Path | None
) -> tuple[list[Variant], list[str]]:
    """Return what `resolve` makes of rows of names, given our gene models and a reference."""
    return resolve(rows, models=read_gene_models(), bases=partial(read_reference, fasta_path))


def read_names(path: str | Path) -> list[dict[str, str]]:
    """Return the rows of a table of names: row (from 1), gene, transcript (or empty) and hgvs_c.

    Tab-separated with a header; further columns, empty lines and lines with # are passed over.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    told = [line for line in lines if line.strip() and not line.startswith("#")]
    rows = list(csv.DictReader(told, delimiter="\t"))
    columns = told[0].split("\t") if told else []
    missing = [name for name in ("gene", "hgvs_c") if name not in columns]
    if missing:
        raise AlignmentFileError(
            f"a list of variants without column {' and '.join(missing)}",
            "a tab-separated table with columns gene, hgvs_c and transcript, or a VCF",
            "correct the header, or name a VCF .vcf or .vcf.gz",
        )
    return [
        {"row": str(number)} | {name: (row.get(name) or "").strip() for name in _NAME_COLUMNS}
        for number, row in enumerate(rows, start=1)
    ]


def _read_vcf(path: str | Path) -> list[Variant]:
    import pysam

    before = pysam.set_verbosity(0)
    try:
        with pysam.VariantFile(str(path)) as file:
            return [
                (record.chrom, record.pos, (record.ref or "").upper(), alt.upper())
                for record in file
                for alt in record.alts or ()
                if record.ref and _written_as_bases(record.ref, alt)
            ]
    except (OSError, ValueError):
        raise AlignmentFileError(
            "a file that is not VCF", "a VCF with REF and ALT as bases", "write the VCF again"
        ) from None
    finally:
        pysam.set_verbosity(before)


def _written_as_bases(*alleles: str) -> bool:
    return all(allele and set(allele.upper()) <= _BASES for allele in alleles)


def reference_contigs(references: dict[str, str]) -> dict[str, int]:
    """Return the contigs of all readable references with their lengths."""
    contigs: dict[str, int] = {}
    for path in references.values():
        try:
            contigs = fasta_contigs(path) | contigs
        except AlignmentFileError:
            continue  # the specimens that need it say so
    return contigs


def write_variants(
    path: str | Path, samples: dict[str, list[dict]], contigs: dict[str, int]
) -> None:
    """Write the rows of VARIANTS by sample_id as a VCF, one column each, sorted, without dates.

    AD counts fragments: reference, alternative. A specimen that was not looked at has no value.
    """
    import pysam

    header = pysam.VariantHeader()
    for contig, length in sorted(contigs.items()):
        header.contigs.add(contig, length=length)
    for name, number, kind, text in (
        ("GENE", 1, "String", "HGNC symbol"),
        ("TRANSCRIPT", 1, "String", "RefSeq, MANE Select"),
        ("HGVSC", 1, "String", "HGVS, coding"),
        ("HGVSP", 1, "String", "HGVS, protein"),
        ("EFFECT", 1, "String", "effect on the transcript"),
        ("TIER", 1, "String", "tier of the variant"),
        ("ORIGIN", 1, "String", "inherited or acquired"),
    ):
        header.info.add(name, number, kind, text)
    header.formats.add("AD", "R", "Integer", "fragments with reference and alternative allele")
    header.formats.add("VAF", "A", "Float", "variant allele fraction")
    header.formats.add("ST", 1, "String", "measurement status")
    for sample in samples:
        header.add_sample(sample)
    sites: dict[tuple, list[dict]] = {}
    for row in itertools.chain.from_iterable(samples.values()):
        sites.setdefault((row["chrom"], row["pos"], row["ref"], row["alt"]), []).append(row)
    order = {contig: number for number, contig in enumerate(sorted(contigs))}
    with whole_file(path) as part, pysam.VariantFile(str(part), "w", header=header) as file:
        for chrom, pos, ref, alt in sorted(sites, key=lambda s: (order[s[0]], *s[1:])):
            first = sites[chrom, pos, ref, alt][0]
            record = file.new_record(contig=chrom, start=pos - 1, stop=pos - 1 + len(ref))
            record.alleles = (ref, alt)
            for name, column in (
                ("GENE", "gene"),
                ("TRANSCRIPT", "transcript"),
                ("HGVSC", "hgvs_c"),
                ("HGVSP", "hgvs_p"),
                ("EFFECT", "consequence"),
                ("TIER", "tier"),
                ("ORIGIN", "origin"),
            ):
                if first[column]:
                    record.info[name] = first[column]
            for row in sites[chrom, pos, ref, alt]:
                if row["depth"]:
                    call = record.samples[row["sample_id"]]
                    call["AD"] = (row["depth"] - row["alt_fragments"], row["alt_fragments"])
                    if row["vaf"] is not None and row["vaf"] == row["vaf"]:  # not None, not NaN
                        call["VAF"] = (round(row["vaf"], 6),)
                    call["ST"] = row["status"]
            if any(row["filter"] == "PASS" for row in sites[chrom, pos, ref, alt]):
                record.filter.add("PASS")
            file.write(record)
