"""Read HGVS names of known variants, and refuse those that contradict gene or reference."""

import re
from collections.abc import Callable

from aftercar.sequencing.alleles import Allele, left_align
from aftercar.sequencing.genes import (
    Gene,
    GeneModelError,
    OtherTranscript,
    ReferenceWindow,
    build_genes,
    reverse_complement,
)

# Reference beside the gene that left-alignment may need.
_MARGIN_NT = 500
_POSITION = r"[-*]?\d+(?:[+-]\d+)?"
_NAME = re.compile(
    rf"c\.(?P<first>{_POSITION})(?:_(?P<last>{_POSITION}))?"
    r"(?:(?P<ref>[A-Z])>(?P<alt>[A-Z])"
    r"|(?P<kind>delins|del|dup|ins)(?P<bases>[A-Z]*)(?:ins(?P<after>[A-Z]+))?)"
)
_PLACE = re.compile(r"([-*]?)(\d+)(?:([+-])(\d+))?")
_EXAMPLE = "a name such as NM_001770.6:c.278dup, c.488G>T, c.355+1G>A or c.272_303delinsAGACGT"

Bases = Callable[[str, int, int], tuple[str, int, str]]


class HgvsError(ValueError):
    """A name that is no HGVS name of a coding sequence, or contradicts gene model or reference."""


class TranscriptError(HgvsError):
    """A name on another transcript than that of the gene model."""


def resolve_names(
    names: list[dict[str, str]], *, models: tuple[dict, list[dict[str, str]]], bases: Bases
) -> tuple[list[tuple[str, int, str, str]], list[str]]:
    """Return (contig, position, ref, alt) of sound names, and what is wrong with the other rows.

    A name has row (from 1), gene, transcript (empty where hgvs_c begins with it) and hgvs_c.
    `models` are the gene models as read; `bases` returns contig, first position and bases of a
    stretch of the reference.
    """
    found, problems = [], []
    known: dict[str, tuple[Gene, ReferenceWindow]] = {}
    for name in names:
        symbol = name["gene"]
        try:
            if symbol not in known:
                gene = build_genes(*models, [symbol])[symbol]
                part = bases(gene.chrom, gene.start - _MARGIN_NT, gene.end + _MARGIN_NT)
                known[symbol] = gene, ReferenceWindow(*part)
            gene, window = known[symbol]
            allele = parse_name(name["hgvs_c"], name["transcript"], gene, window)
            found.append((window.contig, allele.pos, allele.ref, allele.alt))
        except (HgvsError, GeneModelError) as error:
            problems.append(f"row {name['row']}, column {_column(error, name)}: {error}")
    return found, problems


def _column(error: Exception, name: dict[str, str]) -> str:
    """Return the column of the list that an error is about."""
    if isinstance(error, GeneModelError):
        return "gene"
    stated = isinstance(error, TranscriptError) and ":" not in name["hgvs_c"]
    return "transcript" if stated else "hgvs_c"


def parse_name(text: str, transcript: str, gene: Gene, window: ReferenceWindow) -> Allele:
    """Return the left-aligned allele that an HGVS name on the coding sequence stands for.

    The transcript, with its version, is `transcript` or stands before the name (NM_001770.6:c.).
    Raises HgvsError.
    """
    prefix, _, name = text.strip().rpartition(":")
    for stated in {prefix.partition("(")[0], transcript.strip()} - {""}:
        _require_transcript(stated, gene)
    if not (prefix or transcript.strip()):
        raise HgvsError(
            f"{text}: no transcript is stated; expected {gene.transcript} before the name or in "
            "column transcript, because other transcripts count differently"
        )
    try:
        return left_align(_allele(name, gene, window), window)
    except HgvsError as error:
        raise HgvsError(f"{text}: {error}{_other_numbering(name, gene, window)}") from None


def _require_transcript(stated: str, gene: Gene) -> None:
    ours = (gene.transcript, gene.ensembl_transcript)
    if stated in ours:
        return
    accession = stated.partition(".")[0]
    for isoform in gene.other_isoforms:
        if accession in isoform.names:
            raise TranscriptError(
                f"{stated} is another isoform of {gene.symbol} ({isoform.note}); "
                f"{_shifted(isoform, gene)}; expected the name on {gene.transcript}"
            )
    if accession in {name.partition(".")[0] for name in ours}:
        raise TranscriptError(f"{stated}: expected version {' or '.join(ours)} of this transcript")
    raise TranscriptError(f"{stated}: expected transcript {' or '.join(ours)} of {gene.symbol}")


def _shifted(isoform: OtherTranscript, gene: Gene) -> str:
    return (
        f"from c.{isoform.from_c} of {gene.transcript} on its numbers are {isoform.shift_nt} larger"
    )


def _other_numbering(name: str, gene: Gene, window: ReferenceWindow) -> str:
    """Say whether a refused name would fit the numbers of another isoform."""
    for isoform in gene.other_isoforms:

        def ours(match: re.Match, isoform: OtherTranscript = isoform) -> str:
            number = int(match[0])
            inside = number >= isoform.from_c + isoform.shift_nt
            return str(number - isoform.shift_nt) if inside else match[0]

        first_edit = re.search(r"[A-Za-z]", name.removeprefix("c."))
        head = len(name) if first_edit is None else first_edit.start() + 2
        moved = re.sub(r"(?<![-+*\d])\d+", ours, name[:head]) + name[head:]
        if moved == name:
            continue
        try:
            _allele(moved, gene, window)
        except HgvsError:
            continue
        return (
            f"; it fits the numbers of {' = '.join(isoform.names)} ({isoform.note}): "
            f"on {gene.transcript} that would be {moved}"
        )
    return ""


def _allele(name: str, gene: Gene, window: ReferenceWindow) -> Allele:
    """Return the allele of a name without transcript, not yet left-aligned."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise HgvsError(f"not understood; expected {_EXAMPLE}")
    part = match.groupdict()
    for letters in (part["ref"], part["alt"], part["bases"], part["after"]):
        if letters and set(letters) - set("ACGT"):
            raise HgvsError(f"{letters} is not made of the bases A, C, G and T")
    first = _genomic(part["first"], gene)
    last = _genomic(part["last"], gene) if part["last"] else first
    forward = gene.strand == "+"
    if part["last"] and (last <= first if forward else last >= first):
        raise HgvsError(f"{part['last']} does not lie behind {part['first']}")
    low, high = min(first, last), max(first, last)
    oriented = str if forward else reverse_complement
    before = window.bases(low - 1, low - 1)
    old = window.bases(low, high)
    kind = part["kind"]
    if kind == "ins":
        if high - low != 1:
            raise HgvsError("an insertion stands between two neighbouring bases, such as 87_88ins")
        if not part["bases"] or part["after"]:
            raise HgvsError("an insertion names its bases, such as insTC")
        return Allele(low, old[0], old[0] + oriented(part["bases"]))
    if "N" in old:
        raise HgvsError("the reference does not know these bases")
    if part["ref"]:
        if part["last"]:
            raise HgvsError("a substitution has one position; write delins for more bases")
        _require_bases(part["ref"], oriented(old))
        if part["ref"] == part["alt"]:
            raise HgvsError("no change")
        return Allele(low, old, oriented(part["alt"]))
    if kind == "delins":
        new, stated = part["bases"], ""
        if part["after"] or not new:
            raise HgvsError("delins names the new bases, such as delinsAGACGT")
    else:
        new, stated = part["after"] or "", part["bases"]
    if stated:
        _require_bases(stated, oriented(old))
    if kind == "dup":
        if new:
            raise HgvsError("a duplication has no further bases; write delins")
        return Allele(high, old[-1], old[-1] + old)
    if new and oriented(new) == old:
        raise HgvsError("no change")
    if new:
        return Allele(low, old, oriented(new))
    return Allele(low - 1, before + old, before)


def _require_bases(stated: str, found: str) -> None:
    if stated != found:
        raise HgvsError(f"the name has {stated}, the reference {found}")


def _genomic(text: str, gene: Gene) -> int:
    """Return the genomic position of a coordinate such as 88, 88+2, 89-1, -12 or *5."""
    match = _PLACE.fullmatch(text)
    assert match is not None
    region, number, sign, offset = match[1], int(match[2]), match[3], int(match[4] or 0)
    if number == 0 or (sign and not offset):
        raise HgvsError(f"{text}: there is no position 0")
    if region == "-":
        index = gene.coding_start - number
    elif region == "*":
        index = gene.coding_start + gene.coding_length + number - 1
    else:
        index = gene.coding_start + number - 1
        if number > gene.coding_length:
            raise HgvsError(
                f"{text} lies behind the stop codon, which ends at {gene.coding_length}"
            )
    length = gene.exon_starts[-1] + gene.exons[-1].end - gene.exons[-1].start + 1
    if not 0 <= index < length:
        raise HgvsError(f"{text} lies outside of {gene.transcript}")
    place = max(i for i, start in enumerate(gene.exon_starts) if start <= index)
    exon, inside = gene.exons[place], index - gene.exon_starts[place]
    size = exon.end - exon.start + 1
    step = 1 if gene.strand == "+" else -1
    position = exon.start + inside if step == 1 else exon.end - inside
    if not offset:
        return position
    downstream = sign == "+"
    at_border = inside == size - 1 if downstream else inside == 0
    neighbour = place + (1 if downstream else -1)
    if not at_border or not 0 <= neighbour < len(gene.exons):
        side = "last base of an exon before" if downstream else "first base of an exon behind"
        raise HgvsError(f"{text}: base {region}{number} is not the {side} an intron")
    pair = sorted((exon.number, gene.exons[neighbour].number))
    first, last = gene.intron(*pair)
    if offset > last - first + 1:
        raise HgvsError(f"{text}: this intron has {last - first + 1} nt")
    return position + (offset if downstream else -offset) * step
