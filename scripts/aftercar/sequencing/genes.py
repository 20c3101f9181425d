"""Gene models: where exons, codons and domains lie, and whether a reference agrees with them."""

from dataclasses import dataclass
from functools import cached_property

COMPLEMENT = str.maketrans("ACGTN", "TGCAN")
_BASES = "TCAG"
_AMINO_ACIDS = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"
CODONS = {
    a + b + c: _AMINO_ACIDS[16 * i + 4 * j + k]
    for i, a in enumerate(_BASES)
    for j, b in enumerate(_BASES)
    for k, c in enumerate(_BASES)
}


class GeneModelError(ValueError):
    """A gene that is asked for is not in the gene models, or its model contradicts itself."""


def reverse_complement(sequence: str) -> str:
    """Return the other strand of `sequence`, read 5' to 3'."""
    return sequence.translate(COMPLEMENT)[::-1]


def translate(coding: str) -> str:
    """Return the amino acids of `coding` up to its first stop, X for unknown codons."""
    protein = []
    for start in range(0, len(coding) - 2, 3):
        protein.append(CODONS.get(coding[start : start + 3], "X"))
        if protein[-1] == "*":
            break
    return "".join(protein)


@dataclass(frozen=True)
class Exon:
    """An exon; 1-based inclusive genomic positions; cds_start and cds_end are None in the UTR."""

    number: int
    start: int
    end: int
    cds_start: int | None
    cds_end: int | None


@dataclass(frozen=True)
class Polymorphism:
    """A variant of the population; `frequency` of the alternative allele is None where unknown."""

    rs: str
    pos: int
    ref: str
    alt: str
    frequency: float | None
    note: str


@dataclass(frozen=True)
class OtherTranscript:
    """Another transcript in use, whose c. numbers from `from_c` on are larger by `shift_nt`."""

    names: tuple[str, ...]
    from_c: int
    shift_nt: int
    note: str


@dataclass(frozen=True)
class Hotspot:
    """A codon whose missense change is pathogenic; with `change`, only that one."""

    codon: int
    change: str
    source: str


@dataclass(frozen=True, eq=False)
class Gene:
    """A MANE transcript on GRCh38 with what is known about its protein.

    Two models are equal only if they are the same object, so that tables can be kept per gene.
    """

    symbol: str
    transcript: str
    ensembl_transcript: str
    ensembl_gene: str
    chrom: str
    strand: str
    exons: tuple[Exon, ...]
    role: str
    membrane: tuple[tuple[int, int], ...]
    epitope_exons: tuple[int, ...]
    inframe_loss_exons: tuple[int, ...]
    splice_events: tuple[dict, ...]
    polymorphisms: tuple[Polymorphism, ...]
    hotspots: tuple[Hotspot, ...]
    other_isoforms: tuple[OtherTranscript, ...]
    known_events: tuple[tuple[tuple[int, ...], str], ...]
    nmd_distance_nt: int
    nmd_start_proximal_nt: int

    @property
    def start(self) -> int:
        """First position of the transcript on the contig."""
        return min(exon.start for exon in self.exons)

    @property
    def end(self) -> int:
        """Last position of the transcript on the contig."""
        return max(exon.end for exon in self.exons)

    @property
    def membrane_end(self) -> int | None:
        """Last codon of the last transmembrane part; None where the model has none."""
        return max((end for _, end in self.membrane), default=None)

    @cached_property
    def exon_starts(self) -> tuple[int, ...]:
        """0-based index in the spliced transcript of the first base of each exon."""
        starts, length = [], 0
        for exon in self.exons:
            starts.append(length)
            length += exon.end - exon.start + 1
        return tuple(starts)

    @cached_property
    def coding_start(self) -> int:
        """0-based index of the start codon in the spliced transcript."""
        exon = next(exon for exon in self.exons if exon.cds_start is not None)
        first = exon.cds_start if self.strand == "+" else exon.cds_end
        assert first is not None
        return self.transcript_index(exon, first)

    @cached_property
    def coding_length(self) -> int:
        """Length of the coding sequence with its stop codon, in nt."""
        return len(self.cds_positions())

    def transcript_index(self, exon: Exon, position: int) -> int:
        """0-based index in the spliced transcript of a genomic position of `exon`."""
        inside = position - exon.start if self.strand == "+" else exon.end - position
        return self.exon_starts[exon.number - self.exons[0].number] + inside

    def cds_positions(self) -> list[int]:
        """Genomic positions of all coding bases, in transcript order."""
        positions: list[int] = []
        for exon in self.exons:
            if exon.cds_start is not None and exon.cds_end is not None:
                positions += self._in_order(exon.cds_start, exon.cds_end)
        return positions

    def transcript_positions(self) -> list[int]:
        """Genomic positions of all bases of the transcript, in its order."""
        return [p for exon in self.exons for p in self._in_order(exon.start, exon.end)]

    def _in_order(self, start: int, end: int) -> list[int]:
        span = range(start, end + 1)
        return list(span if self.strand == "+" else reversed(span))

    def exon_at(self, position: int) -> Exon | None:
        """Return the exon that holds a genomic position, or None."""
        return next((e for e in self.exons if e.start <= position <= e.end), None)

    def intron(self, upstream: int, downstream: int) -> tuple[int, int]:
        """First and last position of what is spliced out between two exons, given by number."""
        by_number = {exon.number: exon for exon in self.exons}
        a, b = by_number[upstream], by_number[downstream]
        return (a.end + 1, b.start - 1) if self.strand == "+" else (b.end + 1, a.start - 1)

    def coding_intervals(self, padding: int) -> list[tuple[int, int]]:
        """Coding parts of the exons with `padding` nt on both sides, merged, 1-based inclusive."""
        spans = sorted(
            (exon.cds_start - padding, exon.cds_end + padding)
            for exon in self.exons
            if exon.cds_start is not None and exon.cds_end is not None
        )
        merged: list[tuple[int, int]] = []
        for start, end in spans:
            if merged and start <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged


@dataclass(frozen=True)
class ReferenceWindow:
    """Upper-case bases of one gene and its surroundings; `start` is the 1-based first position."""

    contig: str
    start: int
    sequence: str

    @property
    def end(self) -> int:
        """Last position of the window."""
        return self.start + len(self.sequence) - 1

    def bases(self, first: int, last: int) -> str:
        """Bases from `first` to `last`, 1-based inclusive; N outside of the window."""
        low, high = first - self.start, last - self.start + 1
        if 0 <= low <= high <= len(self.sequence):
            return self.sequence[low:high]
        inside = self.sequence[max(low, 0) : max(high, 0)]
        left = min(max(self.start - first, 0), max(last - first + 1, 0))
        return ("N" * left + inside).ljust(last - first + 1, "N")


def build_genes(models: dict, exons: list[dict[str, str]], symbols: list[str]) -> dict[str, Gene]:
    """Return the genes named by `symbols` from the parsed genes.yaml and the rows of exons.tsv.

    Raises GeneModelError for an unknown symbol or a coding sequence that is not made of codons.
    """
    unknown = sorted(
        set(symbols) - set(models["genes"]) | set(symbols) - {e["gene"] for e in exons}
    )
    if unknown:
        raise GeneModelError(
            f"no gene model for {', '.join(unknown)}; known: {', '.join(sorted(models['genes']))}"
        )
    return {
        symbol: _build_gene(
            symbol,
            models["genes"][symbol],
            [row for row in exons if row["gene"] == symbol],
            models,
        )
        for symbol in symbols
    }


def _build_gene(symbol: str, model: dict, rows: list[dict[str, str]], models: dict) -> Gene:
    exons = tuple(
        Exon(
            int(row["exon"]),
            int(row["start"]),
            int(row["end"]),
            int(row["cds_start"]) if row["cds_start"] else None,
            int(row["cds_end"]) if row["cds_end"] else None,
        )
        for row in sorted(rows, key=lambda row: int(row["exon"]))
    )
    gene = Gene(
        symbol=symbol,
        transcript=rows[0]["transcript"],
        ensembl_transcript=model.get("ensembl_transcript", ""),
        ensembl_gene=rows[0]["ensembl_gene"],
        chrom=rows[0]["chrom"],
        strand=rows[0]["strand"],
        exons=exons,
        role=model["role"],
        membrane=tuple(
            (item["start"], item["end"])
            for item in model.get("domains", {}).get("items", [])
            if item["name"] == "transmembrane"
        ),
        epitope_exons=tuple(model.get("epitope_exons", ())),
        inframe_loss_exons=tuple(model.get("inframe_loss_exons", ())),
        splice_events=tuple(model.get("splice_events", ())),
        polymorphisms=tuple(
            Polymorphism(
                item["rs"],
                item["pos"],
                item["ref"],
                item["alt"],
                item.get("frequency"),
                item.get("note", ""),
            )
            for item in model.get("polymorphisms", ())
        ),
        hotspots=tuple(
            Hotspot(item["codon"], item.get("change", ""), item["source"])
            for item in model.get("hotspots", ())
        ),
        known_events=tuple(
            (tuple(item["exons"]), f"{item['effect']} ({item['source']})")
            for item in model.get("known_events", ())
        ),
        other_isoforms=tuple(
            OtherTranscript(tuple(item["names"]), item["from_c"], item["shift_nt"], item["note"])
            for item in model.get("other_isoforms", ())
        ),
        nmd_distance_nt=models["nmd_distance_nt"],
        nmd_start_proximal_nt=models.get("nmd_start_proximal_nt", 0),
    )
    if len(gene.cds_positions()) % 3:
        raise GeneModelError(f"{symbol}: the coding sequence is not made of whole codons")
    return gene


def reference_faults(gene: Gene, window: ReferenceWindow) -> list[str]:
    """Say where a reference contradicts the gene model; an empty list if it agrees.

    Looked at: start codon, stop codon, no stop before it, and GT or GC after and AG before each
    exon; unknown bases (N) neither agree nor contradict. A wrong build fails nearly all of these.
    """
    oriented = str if gene.strand == "+" else reverse_complement
    coding = "".join(window.bases(position, position) for position in gene.cds_positions())
    if gene.strand == "-":
        coding = coding.translate(COMPLEMENT)
    faults = []
    if not _compatible(coding[:3], {"ATG"}):
        faults.append(f"{gene.symbol}: start codon reads {coding[:3]}")
    if not _compatible(coding[-3:], {"TAA", "TAG", "TGA"}):
        faults.append(f"{gene.symbol}: stop codon reads {coding[-3:]}")
    if "*" in translate(coding[:-3]):
        faults.append(f"{gene.symbol}: a stop codon within the coding sequence")
    for upstream, downstream in zip(gene.exons, gene.exons[1:], strict=False):
        first, last = gene.intron(upstream.number, downstream.number)
        intron_ends = window.bases(first, first + 1), window.bases(last - 1, last)
        donor, acceptor = (oriented(e) for e in intron_ends[:: 1 if gene.strand == "+" else -1])
        if not _compatible(donor, {"GT", "GC"}):
            faults.append(f"{gene.symbol}: {donor} after exon {upstream.number}, expected GT")
        if not _compatible(acceptor, {"AG"}):
            faults.append(f"{gene.symbol}: {acceptor} before exon {downstream.number}, expected AG")
    return faults


def reference_known(gene: Gene, window: ReferenceWindow) -> float:
    """Share of the coding bases that the reference knows (is not N)."""
    coding = [window.bases(position, position) for position in gene.cds_positions()]
    return sum(base in "ACGT" for base in coding) / len(coding)


def _compatible(found: str, expected: set[str]) -> bool:
    return any(all(f in ("N", e) for f, e in zip(found, word, strict=True)) for word in expected)
