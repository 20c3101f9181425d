"""HGVS names of changes: on the coding sequence (3' rule) and on the protein."""

from aftercar.sequencing.alleles import Change
from aftercar.sequencing.genes import Gene, ReferenceWindow, reverse_complement
from aftercar.sequencing.transcript import differing

# On the coding sequence


def coding_name(gene: Gene, places: list[Change], window: ReferenceWindow) -> str:
    """Return the HGVS name on the coding sequence; `places` run from left to right.

    The 3' rule takes the last place in the direction of the transcript. The places are those on
    the genome, so a change never moves over an intron from one exon to the next, which is the
    exception of the rule at exon/exon junctions (HGVS 21.1, general recommendations). Beyond
    the transcript there are no c. numbers: there the name is genomic (g.).
    """
    inside = [gene.start <= p.start - (not p.deleted) and p.end <= gene.end for p in places]
    if not all(inside):
        return _genomic_name(places[-1], window)
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
    if same and gene.start <= min(copied) and max(copied) <= gene.end:
        first, last = (coding_position(gene, position) for position in copied)
        return f"{first}dup" if size == 1 else f"{first}_{last}dup"
    return f"{coding_position(gene, left)}_{coding_position(gene, right)}ins{inserted}"


def _genomic_name(change: Change, window: ReferenceWindow) -> str:
    first, last = change.start, change.end
    if not change.deleted:
        return f"g.{last}_{first}ins{change.inserted}"
    span = str(first) if first == last else f"{first}_{last}"
    if not change.inserted:
        return f"g.{span}del"
    if change.deleted == len(change.inserted) == 1:
        return f"g.{span}{window.bases(first, first)}>{change.inserted}"
    return f"g.{span}delins{change.inserted}"


def coding_position(gene: Gene, position: int) -> str:
    """Return the HGVS coordinate of a position of the gene, such as 88, 88+2, 89-1, -12 or *5."""
    distance, edge = 0, position
    if gene.exon_at(position) is None:
        edges = [(abs(position - edge), edge) for e in gene.exons for edge in (e.start, e.end)]
        distance = min(edges)[0]
        nearest = sorted(edge for d, edge in edges if d == distance)
        # in the middle of an intron HGVS counts from the upstream exon
        edge = nearest[0] if gene.strand == "+" else nearest[-1]
    exon = gene.exon_at(edge)
    assert exon is not None
    offset = gene.transcript_index(exon, edge) - gene.coding_start
    if offset < 0:
        number = str(offset)
    elif offset >= gene.coding_length:
        number = f"*{offset - gene.coding_length + 1}"
    else:
        number = str(offset + 1)
    if not distance:
        return number
    downstream = (position > edge) == (gene.strand == "+")
    return f"{number}{'+' if downstream else '-'}{distance}"


# On the protein; `reference` and `mutant` are amino acids, with the stop as *


def frameshift_name(reference: str, mutant: str, first: int, stop: int | None) -> str:
    """Name a frameshift from its first changed residue; `stop` is the codon of the new stop."""
    if stop == first + 1:
        return f"p.{reference[first]}{first + 1}*"
    new = mutant[first] if first < len(mutant) and mutant[first] != "X" else ""
    return f"p.{reference[first]}{first + 1}{new}fs*{'?' if stop is None else stop - first}"


def extension_name(reference: str, mutant: str, stop: int | None) -> str:
    """Name a protein that runs past its stop; `stop` is the codon of the new stop."""
    last = len(reference)
    new = mutant[last - 1] if len(mutant) >= last else ""
    return f"p.*{last}{new}ext*{'?' if stop is None else stop - last}"


def inframe_name(reference: str, mutant: str) -> str:
    """Name a change in frame, 3'-most as the rule asks; both end with the normal stop.

    What follows a new stop is not made and not named.
    """
    first, old, new = differing(reference, mutant)
    if "*" in new[:-1] or (new.endswith("*") and not old.endswith("*")):
        new = new[: new.index("*") + 1]
        if new == "*":
            return f"p.{reference[first]}{first + 1}*"
    if not old:
        if reference[first - len(new) : first] == new:
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
