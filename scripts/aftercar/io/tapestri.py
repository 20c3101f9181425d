"""Read the variants of single cells from a Tapestri .h5 file (targeted DNA, one row per cell)."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from aftercar.contracts.reads import PanelReads
from aftercar.io.alignments import AlignmentFileError
from aftercar.io.hdf5_safety import unsafe_part

_ASSAY = "assays/dna_variants"
_LAYERS = ("AF", "DP", "NGT")
_BUILDS = {
    "GRCh37": ("hg19", "grch37", "b37", "hs37d5"),
    "GRCh38": ("hg38", "grch38"),
}
_MISSING = 3  # NGT: 0 reference, 1 heterozygous, 2 homozygous, 3 no call
_COLUMNS_AT_ONCE = 1024
_NOT_TAPESTRI = ("a Tapestri .h5 file with assays/dna_variants", "export the file again")


def read_panel(
    path: str | Path, wanted: set[tuple[str, int, str, str]], min_heterozygous: float
) -> PanelReads:
    """Return reads of the `wanted` variants (contig without chr, position, ref, alt) by cell.

    Also those of variants that at least the share `min_heterozygous` of the cells shows as
    heterozygous: they tell how often an allele drops out. Layers are read in blocks of variants.
    A genotype without call (NGT 3) has no reads; NGT_FILTERED, which writes it as reference, is
    never used. Raises AlignmentFileError.
    """
    with _opened(path) as file:
        assay = file[_ASSAY]
        barcodes = _texts(assay["ra/barcode"])
        variants = list(
            zip(
                (chrom.removeprefix("chr") for chrom in _texts(assay["ca/CHROM"])),
                (int(pos) for pos in assay["ca/POS"][:]),
                _texts(assay["ca/REF"]),
                _texts(assay["ca/ALT"]),
                strict=True,
            )
        )
        calls, chosen = _census(assay["layers/NGT"], variants, wanted, min_heterozygous)
        alt, depth, genotype, remarks = _chosen_reads(assay["layers"], chosen, len(barcodes))
        amplicons = _texts(assay["ca/amplicon"]) if "amplicon" in assay["ca"] else []
        return PanelReads(
            barcodes=barcodes,
            build=_build(assay),
            variants=variants,
            amplicons=amplicons or [""] * len(variants),
            covered=list(_amplicon_spans(file)),
            calls=calls,
            chosen=chosen,
            alt=alt,
            depth=depth,
            genotype=genotype,
            remarks=remarks,
        )


def panel_problems(path: str | Path) -> list[tuple[str, str, str]]:
    """Return (problem, expected, remedy) for what the structure of a file tells; reads no cell."""
    try:
        with _opened(path) as file:
            build = _build(file[_ASSAY])
    except AlignmentFileError as error:
        return [(error.found, error.expected, error.remedy)]
    if build == "GRCh38":
        return []
    return [
        (
            f"genome {build}",
            "GRCh38, in which the variants of the other assays are given",
            "run Tapestri Pipeline with a GRCh38 panel; else only the variants of column variants "
            f"are genotyped, which must then be given in coordinates of {build}",
        )
    ]


def _opened(path: str | Path):  # type: ignore[no-untyped-def]
    import h5py

    try:
        file = h5py.File(path, "r")
    except OSError:
        raise AlignmentFileError("a damaged file or none of HDF5", *_NOT_TAPESTRI) from None
    try:
        if unsafe := unsafe_part(file):
            raise AlignmentFileError(unsafe, *_NOT_TAPESTRI)
        _require_structure(file)
    except AlignmentFileError:
        file.close()
        raise
    return file


def _require_structure(file) -> None:  # type: ignore[no-untyped-def]
    columns = [f"ca/{name}" for name in ("CHROM", "POS", "REF", "ALT")] + ["ra/barcode"]
    needed = [_ASSAY, *(f"{_ASSAY}/{n}" for n in [*columns, *(f"layers/{n}" for n in _LAYERS)])]
    absent = [name for name in needed if name not in file]
    if absent:
        raise AlignmentFileError(f"an HDF5 file without {', '.join(absent[:4])}", *_NOT_TAPESTRI)
    assay = file[_ASSAY]
    shape = assay["ra/barcode"].shape + assay["ca/POS"].shape
    uneven = [n for n in _LAYERS if assay[f"layers/{n}"].shape != shape]
    if uneven:
        raise AlignmentFileError(
            f"layer {', '.join(uneven)} not of {shape[0]} cells by {shape[1]} variants",
            *_NOT_TAPESTRI,
        )
    samples = set(_texts(assay["ra/sample_name"])) if "sample_name" in assay["ra"] else set()
    if len(samples) > 1:
        raise AlignmentFileError(
            f"{len(samples)} samples in one file", "one sample per file", "export each one alone"
        )


def _texts(dataset) -> list[str]:  # type: ignore[no-untyped-def]
    return [v.decode() if isinstance(v, bytes) else str(v) for v in np.ravel(dataset[:])]


def _build(assay) -> str:  # type: ignore[no-untyped-def]
    """Name of the genome; `unknown` where the file names none."""
    if "metadata/genome_version" not in assay:
        return "unknown"
    value = np.ravel(assay["metadata/genome_version"][()])[0]
    name = value.decode() if isinstance(value, bytes) else str(value)
    known = {alias: build for build, aliases in _BUILDS.items() for alias in aliases}
    return known.get(name.strip().lower(), name.strip() or "unknown")


def _amplicon_spans(file) -> Iterator[tuple[str, int, int]]:  # type: ignore[no-untyped-def]
    """Contig, first and last position of each amplicon of the panel, if the file has them."""
    part = "assays/dna_read_counts/ca"
    if part in file and {"CHROM", "start_pos", "end_pos"} <= set(file[part]):
        columns = file[part]
        for chrom, first, last in zip(
            _texts(columns["CHROM"]), columns["start_pos"][:], columns["end_pos"][:], strict=True
        ):
            yield chrom.removeprefix("chr"), int(first), int(last)


def _census(
    layer, variants: list, wanted: set[tuple[str, int, str, str]], min_heterozygous: float
) -> tuple[np.ndarray, list[int]]:  # type: ignore[no-untyped-def]
    """Cells by genotype (0 to 3) of each variant, and the variants whose reads are needed."""
    calls = np.zeros((len(variants), _MISSING + 1), dtype=np.int64)
    for first in range(0, len(variants), _COLUMNS_AT_ONCE):
        block = layer[:, first : first + _COLUMNS_AT_ONCE]
        if block.size and not 0 <= block.min() <= block.max() <= _MISSING:
            raise AlignmentFileError(
                f"genotypes {int(block.min())} to {int(block.max())} in layer NGT",
                "0 (reference), 1, 2 or 3 (missing)", "export the file again",
            )  # fmt: skip
        for genotype in range(_MISSING + 1):
            calls[first : first + block.shape[1], genotype] = (block == genotype).sum(axis=0)
    called = calls[:, :_MISSING].sum(axis=1)
    heterozygous = (called > 0) & (calls[:, 1] >= min_heterozygous * called)
    chosen = [n for n, variant in enumerate(variants) if variant in wanted or heterozygous[n]]
    return calls, chosen


def _chosen_reads(
    layers, chosen: list[int], cells: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[str, ...]]:  # type: ignore[no-untyped-def]
    """Variant reads, all reads and genotype by cell and chosen variant; what to be aware of."""
    alt = np.zeros((cells, len(chosen)), dtype=np.int64)
    depth, genotype = alt.copy(), alt.copy()
    percent = np.zeros((cells, len(chosen)))
    for column, number in enumerate(chosen):
        genotype[:, column] = layers["NGT"][:, number]
        depth[:, column] = layers["DP"][:, number]
        percent[:, column] = layers["AF"][:, number]
    called = genotype != _MISSING
    homozygous = percent[genotype == 2]
    if len(homozygous) and np.median(homozygous) <= 1:
        raise AlignmentFileError(
            "layer AF with fractions", "percent, 0 to 100", "export the file again"
        )
    depth = np.where(called, depth, 0)
    alt = np.round(np.clip(percent, 0, 100) / 100 * depth).astype(np.int64)
    remarks = []
    for name, values in (("DP", depth[called]), ("GQ", _known(layers, "GQ", chosen)[called])):
        if values.size > 1 and values.min() == values.max():
            remarks.append(
                f"layer {name} is {int(values[0])} in every cell: a placeholder, not a measurement"
            )
    return alt, depth, genotype, tuple(remarks)


def _known(layers, name: str, chosen: list[int]) -> np.ndarray:  # type: ignore[no-untyped-def]
    """Return the chosen columns of a layer, or different numbers where the file lacks it."""
    shape = (layers["NGT"].shape[0], len(chosen))
    if name not in layers:
        return np.arange(shape[0] * shape[1]).reshape(shape)
    return np.stack([layers[name][:, n] for n in chosen], axis=1) if chosen else np.zeros(shape)
