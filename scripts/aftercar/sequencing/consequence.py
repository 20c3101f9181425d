"""What a variant does to the transcript and the protein, and how much that matters."""

from dataclasses import dataclass, field, replace
from functools import lru_cache

from aftercar.sequencing.alleles import (
    Allele,
    Change,
    check_reference,
    left_align,
    placements,
)
from aftercar.sequencing.genes import (
    CODONS,
    Exon,
    Gene,
    Polymorphism,
    ReferenceWindow,
    reverse_complement,
    translate,
)
from aftercar.sequencing.hgvs import coding_name, extension_name, frameshift_name, inframe_name
from aftercar.sequencing.splice_sites import codes_at_site, in_motif
from aftercar.sequencing.transcript import (
    Transcript,
    differing,
    edited,
    membrane_loss,
    nmd_candidate,
    spliced,
)

TRUNCATING = ("frameshift", "stop_gained")
SPLICE = ("splice_donor", "splice_acceptor")
# More frequent alleles are polymorphisms; one without a frequency is listed because it is common.
POPULATION_FREQUENCY = 1e-3
LOST = ("all", "part")
PREDICTED = "the effect on splicing is predicted from the site alone"
NEAR_SITE = "near a splice site: its effect on splicing is not predicted"
MAY_ALTER_SPLICING = "may alter splicing: beside a splice site, the effect is not predicted"
_NEAR_EXON_NT = 10
# Bases beside a change in which a splice site may stand again; two are needed.
_SITE_NT = 2


@dataclass(frozen=True)
class Consequence:
    """Names and effect of a variant; empty strings and None where there is nothing to say.

    `nmd_candidate` and `loses_transmembrane` are yes, no, or empty: unknown or no such question.
    """

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
    found = _consequence(gene, places, window, coding_name(gene, places, window))
    known = next((p for p in gene.polymorphisms if _same(p, allele, window)), None)
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


def _consequence(
    gene: Gene, places: list[Change], window: ReferenceWindow, hgvs_c: str
) -> Consequence:
    """Judge the change at that of its places which leaves most of the gene as it is."""
    exonic = [(place, exon) for place in places if (exon := _exon_of(gene, place)) is not None]
    for place, exon in exonic:
        if not _coding_bases(exon, place):
            return _beside_site(gene, places, Consequence("utr", hgvs_c, exon=str(exon.number)))
    if exonic:
        place, exon = max(exonic, key=lambda pair: _coding_bases(pair[1], pair[0]))
        upstream = gene.transcript_index(exon, _upstream_base(gene, place))
        found = _coding(gene, window, hgvs_c, (exon, exon), upstream, place.deleted, place)
        return _beside_site(gene, places, found)
    for place in places:
        if ends := _fused_exons(gene, place):
            return _fusion(gene, window, hgvs_c, ends, place)
    hits = [_splice_hits(gene, place) for place in places]
    if any(hit.none for hit in hits):  # written there, exons and splice sites stay as they are
        if all(p.end < gene.start or p.start > gene.end for p in places):
            return Consequence("outside_transcript", hgvs_c)
        found = Consequence("intron", hgvs_c, flags=_near_exon(gene, places))
        return _beside_site(gene, places, found)
    hit = next((hit for hit in hits if hit.deleted), hits[0])
    if hit.deleted:
        found = _exon_deletion(gene, window, hgvs_c, hit)
    else:
        found = _splice_loss(gene, window, hgvs_c, hit, places[0])
    return replace(found, flags=[*found.flags, *_published(gene, hit)])


def _upstream_base(gene: Gene, change: Change) -> int:
    """Genomic position of the first changed base in the direction of the transcript.

    For an insertion it is the base of the transcript behind it.
    """
    return change.start if gene.strand == "+" else change.end


def _exon_of(gene: Gene, change: Change) -> Exon | None:
    """Return the exon that holds the whole change and of which something stays.

    An insertion must stand between two bases of the exon.
    """
    for exon in gene.exons:
        if not change.deleted and exon.start < change.start <= exon.end:
            return exon
        if change.deleted and exon.start <= change.start and change.end <= exon.end:
            return None if change.deleted == exon.end - exon.start + 1 else exon
    return None


def _coding_bases(exon: Exon, change: Change) -> int:
    """Return how many coding bases a change within the exon takes; one for an insertion."""
    if exon.cds_start is None or exon.cds_end is None:
        return 0
    if not change.deleted:
        return int(exon.cds_start < change.start <= exon.cds_end)
    return max(0, min(change.end, exon.cds_end) - max(change.start, exon.cds_start) + 1)


# Splice sites and whole exons


@dataclass(frozen=True)
class _Hits:
    """Exons that lose a site or are deleted; at the transcript's ends part of one is enough."""

    donors: tuple[Exon, ...]
    acceptors: tuple[Exon, ...]
    deleted: tuple[Exon, ...]

    @property
    def none(self) -> bool:
        """Whether no exon and no site is hit."""
        return not (self.donors or self.acceptors or self.deleted)

    @property
    def label(self) -> str:
        """Numbers of the first and the last exon that are hit."""
        numbers = sorted({e.number for e in (*self.donors, *self.acceptors, *self.deleted)})
        return "-".join(str(n) for n in sorted({numbers[0], numbers[-1]}))


def _published(gene: Gene, hit: _Hits) -> list[str]:
    """Return what the gene model says of the loss of the exons that are hit."""
    lost = {e.number for e in (*hit.donors, *hit.acceptors, *hit.deleted)}
    return [
        f"exon {' and '.join(map(str, exons))}: {told}"
        for exons, told in gene.known_events
        if lost & set(exons)
    ]


def _near_exon(gene: Gene, places: list[Change]) -> list[str]:
    edges = [edge for exon in gene.exons for edge in (exon.start, exon.end)]
    away = min(min(abs(p.start - edge), abs(p.end - edge)) for p in places for edge in edges)
    return [NEAR_SITE] if away <= _NEAR_EXON_NT else []


def _beside_site(gene: Gene, places: list[Change], found: Consequence) -> Consequence:
    """Say that a change which spares the two bases of a site may spoil its motif all the same.

    A change that can be written elsewhere leaves the motif as it is; losses need no further doubt.
    """
    hit = [exon for exon in gene.exons if all(in_motif(gene, exon, place) for place in places)]
    if not hit or found.tier in ("T1", "T2"):
        return found
    tier = "T4" if found.tier == "NONE" else found.tier
    flags = [*(flag for flag in found.flags if flag != NEAR_SITE), MAY_ALTER_SPLICING]
    label = "-".join(str(n) for n in sorted({hit[0].number, hit[-1].number}))
    return replace(found, exon=found.exon or label, tier=tier, flags=flags)


def _splice_hits(gene: Gene, change: Change) -> _Hits:
    donors, acceptors, deleted = [], [], []
    first, last = gene.exons[0].number, gene.exons[-1].number
    for exon in gene.exons:
        whole = change.start <= exon.start and change.end >= exon.end
        outer_left = change.start < gene.start == exon.start <= change.end
        outer_right = change.start <= gene.end == exon.end < change.end
        if change.deleted and (whole or outer_left or outer_right):
            deleted.append(exon)
            continue
        right = _touches_site(change, exon.end + 1, exon.end + 2, exon.end + 1)
        left = _touches_site(change, exon.start - 2, exon.start - 1, exon.start)
        donor, acceptor = (right, left) if gene.strand == "+" else (left, right)
        if donor and exon.number != last:
            donors.append(exon)
        if acceptor and exon.number != first:
            acceptors.append(exon)
    return _Hits(tuple(donors), tuple(acceptors), tuple(deleted))


def _touches_site(change: Change, first: int, last: int, border: int) -> bool:
    """Whether the two bases of a site change; an insertion at the exon's border moves the site."""
    if change.deleted:
        return change.start <= last and change.end >= first
    return first < change.start <= last or change.start == border


def _fused_exons(gene: Gene, change: Change) -> tuple[Exon, Exon] | None:
    """Return the exons that a deletion joins, in the order of the transcript, if it joins two."""
    if not change.deleted:
        return None
    left = next((e for e in gene.exons if e.start <= change.start <= e.end + 1), None)
    right = next((e for e in gene.exons if e.start - 1 <= change.end <= e.end), None)
    if left is None or right is None or left is right or left.start > right.start:
        return None
    return (left, right) if gene.strand == "+" else (right, left)


def _fusion(
    gene: Gene, window: ReferenceWindow, hgvs_c: str, ends: tuple[Exon, Exon], change: Change
) -> Consequence:
    upstream = gene.transcript_index(ends[0], _upstream_base(gene, change))
    last = change.end if gene.strand == "+" else change.start
    deleted = gene.transcript_index(ends[1], last) + 1 - upstream
    flag = f"exons {ends[0].number} and {ends[1].number} become one exon"
    found = _coding(gene, window, hgvs_c, ends, upstream, deleted, change)
    return replace(found, flags=[*found.flags, flag])


def _exon_deletion(gene: Gene, window: ReferenceWindow, hgvs_c: str, hit: _Hits) -> Consequence:
    normal, deleted = spliced(gene, window), hit.deleted
    upstream = gene.transcript_index(deleted[0], _first_base(gene, deleted[0]))
    length = sum(exon.end - exon.start + 1 for exon in deleted)
    coding = sum((e.cds_end or 0) - e.cds_start + 1 for e in deleted if e.cds_start)
    found = Consequence("exon_deletion", hgvs_c, exon=hit.label, tier="T4")
    if deleted[0] is gene.exons[0]:
        whole = len(deleted) == len(gene.exons)
        lost = membrane_loss(gene, (1, gene.coding_length // 3 - 1)) if whole else ""
        return replace(
            found, hgvs_p="p.0" if whole else "p.0?", tier="T2", loses_transmembrane=_yes(lost),
            flags=["the whole gene" if whole else "the start of the transcript is deleted"],
        )  # fmt: skip
    if not coding:
        return replace(found, flags=["no coding base is deleted"])
    product = _protein(gene, window, edited(normal, upstream, length, ""))
    flags = ["in frame" if coding % 3 == 0 else "shifts the frame", *product.flags]
    tier = "T2" if _before_membrane_end(gene, product.first) else "T4"
    sites = [exon for exon in (*hit.donors, *hit.acceptors) if exon not in deleted]
    if sites or deleted[-1] is gene.exons[-1]:
        why = "a splice site" if sites else "the end of the transcript"
        return replace(found, hgvs_p="p.?", tier=tier, flags=[f"{why} is deleted too"])
    return replace(
        found, hgvs_p=product.name, stop_codon=product.new_stop, nmd_candidate=product.nmd,
        loses_transmembrane=_yes(product.membrane), tier=tier, flags=flags,
    )  # fmt: skip


def _first_base(gene: Gene, exon: Exon) -> int:
    return exon.start if gene.strand == "+" else exon.end


def _splice_loss(
    gene: Gene, window: ReferenceWindow, hgvs_c: str, hit: _Hits, change: Change
) -> Consequence:
    """Effect of a lost donor or acceptor; one exon is hit, or both ends of a short intron."""
    effect = "splice_donor" if hit.donors else "splice_acceptor"
    exon = (hit.donors or hit.acceptors)[0]
    flags = [PREDICTED]
    codes_beyond = codes_at_site(gene, exon, donor=bool(hit.donors))
    # a lost donor spoils what follows the exon, or the exon itself, if it is skipped
    first = max(0, (gene.transcript_index(exon, _first_base(gene, exon)) - gene.coding_start) // 3)
    tier = "T1" if codes_beyond and _before_membrane_end(gene, first) else "T4"
    if not codes_beyond:
        flags.append("no coding exon depends on this site")
    elif len(hit.donors) + len(hit.acceptors) == 1:
        moved = _site_again(gene, window, exon, change, donor=bool(hit.donors))
        if moved is not None:
            flags.append(f"the site stands again, with an exon {_longer(moved)}")
            if moved % 3 == 0 and not change.deleted:  # the whole site stands, not only two bases
                tier = "T4"
    return Consequence(effect, hgvs_c, exon=hit.label, tier=tier, flags=flags)


def _longer(moved_nt: int) -> str:
    if not moved_nt:
        return "of the same length"
    return f"{abs(moved_nt)} nt {'longer' if moved_nt > 0 else 'shorter'}"


def _site_again(
    gene: Gene, window: ReferenceWindow, exon: Exon, change: Change, *, donor: bool
) -> int | None:
    """Return by how many nt the exon grows if GT or AG stands again at the change, else None.

    Of the new bases, and of one beside them, as many belong to the exon as let the site stand and
    leave the exon nearest to its old length.
    """
    oriented = str if gene.strand == "+" else reverse_complement
    before = window.bases(change.start - _SITE_NT, change.start - 1)
    after = window.bases(change.end + 1, change.end + _SITE_NT)
    if gene.strand == "-":
        before, after = after, before
    before, new, after = oriented(before), oriented(change.inserted), oriented(after)
    # intron bases between the exon and the change; below zero: exon bases that are deleted
    if donor == (gene.strand == "+"):
        between = change.start - exon.end - 1
    else:
        between = exon.start - 1 - change.end
    kept, found = max(between, 0), []
    for exonic in [0] if kept else range(-1, len(new) + 1):
        if donor:
            start = _SITE_NT - kept + exonic
            site = (before + new + after)[start : start + _SITE_NT]
        else:
            end = _SITE_NT + len(new) + kept - exonic
            site = (before + new + after)[end - _SITE_NT : end]
        if site == ("GT" if donor else "AG"):
            found.append(exonic + min(between, 0))
    return min(found, key=lambda grown: (abs(grown), grown)) if found else None


# Effects on the protein


@dataclass(frozen=True)
class _Protein:
    """What a changed transcript codes for; `first` is the 0-based first changed residue."""

    effect: str
    name: str
    first: int
    new_stop: int | None
    nmd: str
    membrane: str
    flags: list[str]
    longer: int = 0  # residues gained in frame


@lru_cache(maxsize=64)
def _normal_protein(gene: Gene, window: ReferenceWindow) -> str:
    start = gene.coding_start
    return _all_codons(spliced(gene, window).sequence[start : start + gene.coding_length])


def _all_codons(coding: str) -> str:
    return "".join(CODONS.get(coding[i : i + 3], "X") for i in range(0, len(coding) - 2, 3))


def _protein(gene: Gene, window: ReferenceWindow, changed: Transcript) -> _Protein:
    reference = _normal_protein(gene, window)
    start, end = changed.coding_start, changed.coding_end
    if start is None:
        return _Protein("start_lost", "p.M1?", 0, None, "", "", ["a later start codon may be used"])
    if end is not None and (end - start) % 3 == 0:
        return _in_frame(gene, reference, changed, _all_codons(changed.sequence[start:end]))
    mutant = translate(changed.sequence[start:])
    if mutant == reference:
        return _Protein("synonymous", "", 0, None, "", "", [])
    first = differing(reference, mutant)[0]
    stop = len(mutant) if mutant.endswith("*") and "X" not in mutant[first:] else None
    membrane = membrane_loss(gene, (first + 1, len(reference) - 1))
    flags = [] if stop else ["no stop codon before the end of the known reference"]
    if first >= len(reference) - 1:
        name = extension_name(reference, mutant, stop)
        return _Protein("stop_lost", name, first, None, "", membrane_loss(gene, None), flags)
    name = frameshift_name(reference, mutant, first, stop)
    if end is None and (len(changed.sequence) - len(spliced(gene, window).sequence)) % 3 == 0:
        return _Protein("stop_lost", name, first, None, "", membrane, flags)
    nmd = nmd_candidate(gene, start + 3 * stop, changed.junctions) if stop else ""
    return _Protein("frameshift", name, first, stop, nmd, membrane, flags)


def _in_frame(gene: Gene, reference: str, changed: Transcript, mutant: str) -> _Protein:
    if mutant == reference:
        return _Protein("synonymous", "", 0, None, "", "", [])
    first, old, new = differing(reference, mutant)
    name = inframe_name(reference, mutant)
    # of a stretch of the gene the stop may not be known
    stop = mutant.index("*") + 1 if "*" in mutant else len(mutant)
    if stop < len(mutant):
        first = min(first, stop - 1)
        assert changed.coding_start is not None
        nmd = nmd_candidate(gene, changed.coding_start + 3 * stop, changed.junctions)
        membrane = membrane_loss(gene, (first + 1, len(reference) - 1))
        return _Protein("stop_gained", name, first, stop, nmd, membrane, [])
    shift = len(mutant) - len(reference)
    effect = "inframe_indel" if shift else "missense"
    if shift < 0 and not new:
        effect = "inframe_deletion"
    if shift > 0 and not old:
        effect = "inframe_insertion"
    lost = (first + 1, first + len(old)) if shift < 0 else None
    return _Protein(effect, name, first, None, "", membrane_loss(gene, lost), [], shift)


def _coding(
    gene: Gene,
    window: ReferenceWindow,
    hgvs_c: str,
    ends: tuple[Exon, Exon],
    upstream: int,
    deleted: int,
    change: Change,
) -> Consequence:
    """Effect of a change that leaves all splice sites of what remains in place."""
    inserted = change.inserted if gene.strand == "+" else reverse_complement(change.inserted)
    product = _protein(gene, window, edited(spliced(gene, window), upstream, deleted, inserted))
    exons = range(ends[0].number, ends[1].number + 1)
    label = "-".join(str(n) for n in sorted({exons[0], exons[-1]}))
    tier, more, hotspot = _tier(gene, product, exons)
    flags = [*more, *product.flags]
    if product.membrane in LOST and product.effect != "missense":
        flags.append(f"{product.membrane} of the transmembrane part is lost")
    if product.nmd == "yes" and 3 * (product.new_stop or 0) <= gene.nmd_start_proximal_nt:
        flags.append("the stop lies close to the start: decay is less sure")
    return Consequence(
        product.effect, hgvs_c, product.name, label, product.new_stop, product.nmd,
        _yes(product.membrane), tier, hotspot, flags,
    )  # fmt: skip


def _yes(membrane: str) -> str:
    return "yes" if membrane in LOST else membrane


def _before_membrane_end(gene: Gene, first: int) -> bool:
    """Whether a change from the 0-based residue `first` on begins before the membrane part ends.

    Where the gene model has no membrane part every position counts.
    """
    return gene.membrane_end is None or first + 1 <= gene.membrane_end


def _tier(gene: Gene, product: _Protein, exons: range) -> tuple[str, list[str], bool]:
    """Tier of the variant, what to add to it, and whether it is a known pathogenic missense."""
    effect = product.effect
    if effect in TRUNCATING:
        flags = []
        if gene.membrane_end is None and product.nmd == "no":
            flags.append("a late stop: how much of the protein is needed is not known here")
        return ("T1" if _before_membrane_end(gene, product.first) else "T4"), flags, False
    if effect == "start_lost":
        return "T2", [], False
    shorter = effect in ("inframe_deletion", "inframe_indel") and product.longer < 0
    if shorter and (set(exons) & set(gene.inframe_loss_exons) or product.membrane in LOST):
        return "T2", [], False
    if effect == "missense":
        for hotspot in gene.hotspots:
            if hotspot.codon == product.first + 1 and hotspot.change in ("", product.name):
                return "T3", [f"pathogenic hotspot ({hotspot.source})"], True
    altered = effect in ("missense", "inframe_insertion", "inframe_indel", "inframe_deletion")
    if altered and set(exons) & set(gene.epitope_exons):
        return "T3", ["epitope region, effect uncertain"], False
    return ("NONE" if effect == "synonymous" else "T4"), [], False
