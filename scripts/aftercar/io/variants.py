"""Read and write VCF."""

import itertools
from pathlib import Path

from aftercar.io.alignments import AlignmentFileError, fasta_contigs

_BASES = set("ACGT")


def read_variants(path: str | Path) -> list[tuple[str, int, str, str]]:
    """Return (contig, position, ref, alt) of each alternative allele of a VCF, in file order.

    Alleles that are not written as bases (symbolic, breakends, missing) are left out; no path, no
    variants.
    """
    import pysam

    if not path:
        return []

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
    with pysam.VariantFile(str(path), "w", header=header) as file:
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
                    call["VAF"] = (round(row["vaf"], 6),)
                    call["ST"] = row["status"]
            if any(row["filter"] == "PASS" for row in sites[chrom, pos, ref, alt]):
                record.filter.add("PASS")
            file.write(record)
