"""What a variant does to the transcript and the protein, and what HGVS calls it."""

from dataclasses import dataclass, field, replace

from aftercar.sequencing.alleles import (
    Allele,
    Change,
    check_reference,
    left_align,
    placements,
)
from aftercar.sequencing.genes import (
    Exon,
    Gene,
    Polymorphism,
    ReferenceWindow,
    reverse_complement,
    translate,
)

TRUNCATING = ("frameshift", "stop_gained")
SPLICE = ("splice_donor", "splice_acceptor")
# More frequent alleles are polymorphisms; one without a frequency is listed because it is common.
POPULATION_FREQUENCY = 1e-3


@dataclass(frozen=True)
class Consequence:
    """Names and effect of a variant; empty strings and None where there is nothing to say."""

    effect: str
    hgvs_c: str
    hgvs_p: str = ""
    exon: str = ""
    stop_codon: int | None = None
    nmd_candidate: str = ""
    loses_transmembrane: str = ""
    tier: str = "NONE"
    pathogenic_hotspot: bool = False
    flags: list[str] = field(default_factory=list)


def predict(gene: Gene, allele: Allele, window: ReferenceWindow) -> Consequence:
    """Return the consequence of `allele` on the MANE transcript of `gene`.

    Raises AlleleError if the reference bases of the allele are not those of the window.
    """
    check_reference(allele, window)
    places = placements(allele, window)
    hgvs_c = coding_name(gene, places, window)
    inside = [place for place in places if _exon_of(gene, place) is not None]
    known = next((p for p in gene.polymorphisms if _same(p, allele, window)), None)
    if inside:
        exon = _exon_of(gene, inside[0])
        assert exon is not None
        if not _touches_coding(exon, inside[0]):
            return Consequence("utr", hgvs_c, exon=str(exon.number))
        found = _protein_effect(gene, inside[0], exon, hgvs_c, window)
    else:
        found = _noncoding_effect(gene, places, hgvs_c)
    if known is not None:
        frequency = "" if known.frequency is None else f", frequency {known.frequency:g}"
        flags = [f"{known.rs}{frequency}: in the population"]
        if known.frequency is not None and known.frequency > 0.5:
            flags.append(f"{known.alt} is the common allele, the reference base the minor one")
        return replace(found, tier="POLYMORPHISM", pathogenic_hotspot=False, flags=flags)
    return found


def _same(polymorphism: Polymorphism, allele: Allele, window: ReferenceWindow) -> bool:
    """Whether a variant is a common one of the population, however that one is spelled."""
    if polymorphism.frequency is not None and polymorphism.frequency <= POPULATION_FREQUENCY:
        return False
    known = Allele(polymorphism.pos, polymorphism.ref, polymorphism.alt)
    return known == allele or (
        known.is_indel == allele.is_indel
        and window.bases(known.pos, known.end) == known.ref
        and left_align(known, window) == left_align(allele, window)
    )


def _exon_of(gene: Gene, change: Change) -> Exon | None:
    """Return the exon that holds the whole change; an insertion must stand between its bases."""
    for exon in gene.exons:
        if change.deleted and exon.start <= change.start and change.end <= exon.end:
            return exon
        if not change.deleted and exon.start < change.start <= exon.end:
            return exon
    return None


def _touches_coding(exon: Exon, change: Change) -> bool:
    if exon.cds_start is None or exon.cds_end is None:
        return False
    if change.deleted:
        return change.start <= exon.cds_end and change.end >= exon.cds_start
    return exon.cds_start < change.start <= exon.cds_end


# Names


def coding_name(gene: Gene, places: list[Change], window: ReferenceWindow) -> str:
    """Return the HGVS name on the coding sequence; `places` run from left to right.

    The 3' rule takes the last place in the direction of the transcript (HGVS 21.1, 3' rule).
    """
    change = places[-1] if gene.strand == "+" else places[0]
    oriented = str if gene.strand == "+" else reverse_complement
    inserted = oriented(change.inserted)
    first, last = change.start, change.end
    if not change.deleted:
        return "c." + _insertion_name(gene, change, inserted, window)
    if gene.strand == "-":
        first, last = last, first
    span = coding_position(gene, first)
    if first != last:
        span += "_" + coding_position(gene, last)
    if not inserted:
        return f"c.{span}del"
    if change.deleted == len(inserted) == 1:
        return f"c.{span}{oriented(window.bases(change.start, change.start))}>{inserted}"
    return f"c.{span}delins{inserted}"


def _insertion_name(gene: Gene, change: Change, inserted: str, window: ReferenceWindow) -> str:
    """Name an insertion, as a duplication where the bases before it are the same."""
    size = len(inserted)
    left, right = change.start - 1, change.start
    if gene.strand == "+":
        copied = (left - size + 1, left)
        same = window.bases(*copied) == inserted
    else:
        copied = (right + size - 1, right)
        same = reverse_complement(window.bases(right, right + size - 1)) == inserted
        left, right = right, left
    if same:
        first, last = (coding_position(gene, position) for position in copied)
        return f"{first}dup" if size == 1 else f"{first}_{last}dup"
    return f"{coding_position(gene, left)}_{coding_position(gene, right)}ins{inserted}"


def coding_position(gene: Gene, position: int) -> str:
    """Return the HGVS coordinate of a genomic position, such as 88, 88+2, 89-1, -12 or *5."""
    exon = gene.exon_at(position)
    if exon is not None:
        return _exonic_coordinate(gene, position)
    edges = [(abs(position - edge), edge) for e in gene.exons for edge in (e.start, e.end)]
    step = 1 if gene.strand == "+" else -1
    distance = min(edges)[0]
    nearest = sorted(edge for d, edge in edges if d == distance)
    # in the middle of an intron HGVS counts from the upstream exon
    edge = nearest[0] if gene.strand == "+" else nearest[-1]
    sign = "+" if (position - edge) * step > 0 else "-"
    return f"{_exonic_coordinate(gene, edge)}{sign}{distance}"


def _exonic_coordinate(gene: Gene, position: int) -> str:
    transcript = gene.transcript_positions()
    coding = gene.cds_positions()
    offset = transcript.index(position) - transcript.index(coding[0])
    if offset < 0:
        return str(offset)
    if offset >= len(coding):
        return f"*{offset - len(coding) + 1}"
    return str(offset + 1)


# Effects outside of exons


def _noncoding_effect(gene: Gene, places: list[Change], hgvs_c: str) -> Consequence:
    """Effect of a change that lies in introns or crosses the edge of an exon."""
    hits = [_splice_hits(gene, place) for place in places]
    clear = [hit for hit in hits if not any(hit)]
    if clear:  # written elsewhere, the same change leaves exons and splice sites as they are
        touches = any(_inside_transcript(gene, place) for place in places)
        return Consequence("intron" if touches else "utr", hgvs_c)
    donors, acceptors, deleted = next((hit for hit in hits if hit[2]), hits[0])
    exons = sorted({exon.number for exon in (*donors, *acceptors, *deleted)})
    label = "-".join(str(n) for n in sorted({exons[0], exons[-1]}))
    coding = [e for e in (*donors, *acceptors, *deleted) if e.cds_start is not None]
    if not coding and not deleted:
        return Consequence("utr", hgvs_c, exon=label)
    before_end = _starts_before_membrane_end(gene, min(e.number for e in coding or deleted))
    if deleted:
        removed = sum((e.cds_end or 0) - (e.cds_start or 1) + 1 for e in deleted if e.cds_start)
        flags = ["in frame" if removed % 3 == 0 else "shifts the frame"]
        loses = _membrane_lost_by(gene, deleted, in_frame=removed % 3 == 0)
        return Consequence(
            "exon_deletion", hgvs_c, exon=label, loses_transmembrane=loses, tier="T2", flags=flags
        )
    effect = "splice_donor" if donors else "splice_acceptor"
    return Consequence(
        effect,
        hgvs_c,
        exon=label,
        tier="T1" if before_end else "T4",
        flags=["the effect on splicing is predicted from the site alone"],
    )


def _splice_hits(
    gene: Gene, change: Change
) -> tuple[tuple[Exon, ...], tuple[Exon, ...], tuple[Exon, ...]]:
    """Exons that lose their donor, their acceptor, or are deleted whole."""
    donors, acceptors, deleted = [], [], []
    last_number = gene.exons[-1].number
    for exon in gene.exons:
        if change.deleted and change.start <= exon.start and change.end >= exon.end:
            deleted.append(exon)
            continue
        right = _overlaps(change, exon.end + 1, exon.end + 2)
        left = _overlaps(change, exon.start - 2, exon.start - 1)
        donor, acceptor = (right, left) if gene.strand == "+" else (left, right)
        if donor and exon.number != last_number:
            donors.append(exon)
        if acceptor and exon.number != gene.exons[0].number:
            acceptors.append(exon)
    return tuple(donors), tuple(acceptors), tuple(deleted)


def _overlaps(change: Change, first: int, last: int) -> bool:
    if change.deleted:
        return change.start <= last and change.end >= first
    return first < change.start <= last


def _inside_transcript(gene: Gene, change: Change) -> bool:
    return gene.start <= change.start <= gene.end


def _starts_before_membrane_end(gene: Gene, exon_number: int) -> bool:
    """Whether the exon begins before the end of the transmembrane domain (of the protein)."""
    end = gene.transmembrane_end
    if end is None:
        return True
    coded = 0
    for exon in gene.exons:
        if exon.number == exon_number:
            return coded // 3 + 1 <= end
        if exon.cds_start is not None and exon.cds_end is not None:
            coded += exon.cds_end - exon.cds_start + 1
    return False


def _membrane_lost_by(gene: Gene, deleted: tuple[Exon, ...], *, in_frame: bool) -> str:
    if gene.transmembrane_end is None:
        return ""
    first, last = gene.domains["transmembrane"]
    coding = gene.cds_positions()
    lost = {
        index // 3 + 1
        for index, position in enumerate(coding)
        if any(exon.start <= position <= exon.end for exon in deleted)
    }
    hit = bool(lost & set(range(first, last + 1)))
    shifted = not in_frame and bool(lost) and min(lost) <= last
    return "yes" if hit or shifted else "no"


# Effects on the protein


def _protein_effect(
    gene: Gene, change: Change, exon: Exon, hgvs_c: str, window: ReferenceWindow
) -> Consequence:
    before, after, junction = mutated_transcript(gene, change, window)
    coding_start = gene.transcript_positions().index(gene.cds_positions()[0])
    reference = translate(before[coding_start:])
    number = str(exon.number)
    shift = len(change.inserted) - change.deleted
    if _start_is_lost(gene, change, after, coding_start):
        return Consequence(
            "start_lost", hgvs_c, "p.M1?", number, tier="T2",
            flags=["a later start codon may be used"],
        )  # fmt: skip
    mutant = translate(after[coding_start:])
    first = next(
        (i for i, (a, b) in enumerate(zip(reference, mutant, strict=False)) if a != b), None
    )
    if first is None:
        return Consequence("synonymous", hgvs_c, exon=number)
    stopped = mutant.endswith("*")
    natural = shift % 3 == 0 and stopped and len(mutant) == len(reference) + shift // 3
    if shift % 3:
        effect, name = "frameshift", _frameshift_name(reference, mutant, first)
    elif reference[first] == "*":
        effect = "stop_lost"
        name = (
            f"p.*{first + 1}{mutant[first]}ext*{len(mutant) - len(reference) if stopped else '?'}"
        )
    elif stopped and not natural:
        effect, name = "stop_gained", f"p.{reference[first]}{first + 1}*"
        if mutant[first] != "*":
            name = _inframe_name(reference, mutant, first)
    else:
        effect, name = _inframe_effect(reference, mutant, first, shift), ""
        name = _inframe_name(reference, mutant, first)
    stop = len(mutant) if stopped and effect in TRUNCATING else None
    nmd = ""
    if effect in TRUNCATING:
        stop_end = coding_start + 3 * len(mutant)
        nmd = "yes" if stop and junction - stop_end > gene.nmd_distance_nt else "no"
    tier, flags, hotspot = _tier(gene, effect, exon, first + 1, name)
    if effect in TRUNCATING and stop is None:
        flags.append("no stop codon before the end of the known reference")
    return Consequence(
        effect, hgvs_c, name, number, stop, nmd,
        _membrane_effect(gene, effect, reference, mutant, first, stop), tier, hotspot, flags,
    )  # fmt: skip


def mutated_transcript(gene: Gene, change: Change, window: ReferenceWindow) -> tuple[str, str, int]:
    """Return the spliced transcript before and after a change within one exon.

    The number is the 0-based index, after the change, of the first base behind the last junction.
    """
    exonic = [(window.bases(e.start, e.end), e) for e in gene.exons]
    before, after, lengths = "", "", []
    for sequence, exon in exonic:
        changed = sequence
        if _exon_of(gene, change) is exon:
            first = change.start - exon.start
            changed = sequence[:first] + change.inserted + sequence[first + change.deleted :]
        if gene.strand == "-":
            sequence, changed = reverse_complement(sequence), reverse_complement(changed)
        before, after = before + sequence, after + changed
        lengths.append(len(changed))
    return before, after, sum(lengths[:-1])


def _start_is_lost(gene: Gene, change: Change, after: str, coding_start: int) -> bool:
    first_codon = gene.cds_positions()[:3]
    low, high = min(first_codon), max(first_codon)
    near = (
        change.start <= high and change.end >= low if change.deleted else low < change.start <= high
    )
    return near and after[coding_start : coding_start + 3] != "ATG"


def _frameshift_name(reference: str, mutant: str, first: int) -> str:
    if mutant[first] == "*":
        return f"p.{reference[first]}{first + 1}*"
    length = len(mutant) - first if mutant.endswith("*") else "?"
    return f"p.{reference[first]}{first + 1}{mutant[first]}fs*{length}"


def _inframe_effect(reference: str, mutant: str, first: int, shift: int) -> str:
    if shift < 0:
        return "inframe_deletion" if _pure(reference, mutant, first) else "inframe_indel"
    if shift > 0:
        return "inframe_insertion" if _pure(mutant, reference, first) else "inframe_indel"
    return "missense"


def _pure(longer: str, shorter: str, first: int) -> bool:
    """Whether `shorter` is `longer` with one stretch left out."""
    missing = len(longer) - len(shorter)
    return longer[first + missing :] == shorter[first:]


def _inframe_name(reference: str, mutant: str, first: int) -> str:
    """HGVS name of a change of amino acids in frame, 3'-most as the rule asks."""
    tail = 0
    room = min(len(reference), len(mutant)) - first
    while tail < room and reference[-1 - tail] == mutant[-1 - tail]:
        tail += 1
    old = reference[first : len(reference) - tail]
    new = mutant[first : len(mutant) - tail]
    if not old:
        copied = reference[first - len(new) : first]
        if copied == new:
            return "p." + _span(reference, first - len(new), first - 1) + "dup"
        return f"p.{reference[first - 1]}{first}_{reference[first]}{first + 1}ins{new}"
    span = _span(reference, first, first + len(old) - 1)
    if not new:
        return f"p.{span}del"
    if len(old) == len(new) == 1:
        return f"p.{old}{first + 1}{new}"
    return f"p.{span}delins{new}"


def _span(protein: str, first: int, last: int) -> str:
    one = f"{protein[first]}{first + 1}"
    return one if first == last else f"{one}_{protein[last]}{last + 1}"


def _membrane_effect(
    gene: Gene, effect: str, reference: str, mutant: str, first: int, stop: int | None
) -> str:
    """Whether part of the transmembrane domain is lost; empty where the model has none."""
    if "transmembrane" not in gene.domains:
        return ""
    start, end = gene.domains["transmembrane"]
    if effect == "frameshift":
        return "yes" if first + 1 <= end else "no"
    if effect == "stop_gained":
        return "yes" if stop is not None and stop <= end else "no"
    if len(mutant) < len(reference):
        lost = range(first + 1, first + 1 + len(reference) - len(mutant))
        return "yes" if lost.start <= end and lost.stop > start else "no"
    return "no"


def _tier(
    gene: Gene, effect: str, exon: Exon, codon: int, name: str
) -> tuple[str, list[str], bool]:
    """Tier of the variant, what to add to it, and whether it is a known pathogenic missense."""
    if effect in TRUNCATING:
        end = gene.transmembrane_end
        return ("T1" if end is None or codon <= end else "T4"), [], False
    if effect in ("inframe_deletion", "inframe_indel") and exon.number in gene.inframe_loss_exons:
        return "T2", [], False
    if effect == "missense":
        for hotspot in gene.hotspots:
            if hotspot.codon == codon and hotspot.change in ("", name):
                return "T3", [f"pathogenic hotspot ({hotspot.source})"], True
        if exon.number in gene.epitope_exons:
            return "T3", ["epitope region, effect uncertain"], False
    if effect == "inframe_insertion" and exon.number in gene.epitope_exons:
        return "T3", ["epitope region, effect uncertain"], False
    return "T4", [], False
