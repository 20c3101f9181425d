"""One spelling for each variant: trimmed and left-aligned, as VCF asks for (Tan 2015)."""

from dataclasses import dataclass

from aftercar.sequencing.genes import ReferenceWindow


@dataclass(frozen=True, order=True)
class Allele:
    """A change of the reference: `ref`, at 1-based `pos`, is replaced by `alt`."""

    pos: int
    ref: str
    alt: str

    @property
    def end(self) -> int:
        """Last position of the reference bases."""
        return self.pos + len(self.ref) - 1

    @property
    def is_snv(self) -> bool:
        """Whether a single base is exchanged."""
        return len(self.ref) == len(self.alt) == 1

    @property
    def is_indel(self) -> bool:
        """Whether the length changes."""
        return len(self.ref) != len(self.alt)


class AlleleError(ValueError):
    """A variant that contradicts the reference, or is none."""


def check_reference(allele: Allele, window: ReferenceWindow) -> None:
    """Raise AlleleError if the reference bases of `allele` are not those of `window`."""
    found = window.bases(allele.pos, allele.end)
    if not allele.ref or not allele.alt or allele.ref == allele.alt:
        raise AlleleError(f"{allele.pos} {allele.ref}>{allele.alt}: no change")
    if found != allele.ref:
        raise AlleleError(f"{allele.pos} {allele.ref}>{allele.alt}: the reference has {found}")


def left_align(allele: Allele, window: ReferenceWindow) -> Allele:
    """Return `allele` trimmed and moved left as far as possible.

    Tan 2015, 10.1093/bioinformatics/btv112.

    Unknown reference bases (N) stop the move: nothing is known to repeat there.
    """
    pos, ref, alt = allele.pos, allele.ref, allele.alt
    while True:
        if ref and alt and ref[-1] == alt[-1] and (len(ref) > 1 or len(alt) > 1):
            ref, alt = ref[:-1], alt[:-1]
        elif not ref or not alt:
            previous = window.bases(pos - 1, pos - 1)
            pos, ref, alt = pos - 1, previous + ref, previous + alt
            if previous == "N":
                break
        else:
            break
    while len(ref) > 1 and len(alt) > 1 and ref[0] == alt[0]:
        pos, ref, alt = pos + 1, ref[1:], alt[1:]
    return Allele(pos, ref, alt)


@dataclass(frozen=True)
class Change:
    """A change without anchor bases: reference bases start..start + deleted - 1 become `inserted`.

    With deleted = 0 the bases are inserted before `start`.
    """

    start: int
    deleted: int
    inserted: str

    @property
    def end(self) -> int:
        """Last deleted position; start - 1 where nothing is deleted."""
        return self.start + self.deleted - 1


def trimmed(allele: Allele) -> Change:
    """Return `allele` without the bases that both sides share, first at the end, then in front."""
    pos, ref, alt = allele.pos, allele.ref, allele.alt
    while ref and alt and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while ref and alt and ref[0] == alt[0]:
        pos, ref, alt = pos + 1, ref[1:], alt[1:]
    return Change(pos, len(ref), alt)


def placements(allele: Allele, window: ReferenceWindow) -> list[Change]:
    """Return all places where the same change can be written, from left to right.

    Only pure deletions and insertions can move; their bases rotate as they do.
    """
    change = trimmed(left_align(allele, window))
    found = [change]
    while change.inserted == "" or change.deleted == 0:
        beyond = window.bases(change.end + 1, change.end + 1)
        leaving = window.bases(change.start, change.start) if change.deleted else change.inserted[0]
        if beyond == "N" or beyond != leaving:
            break
        rotated = change.inserted[1:] + leaving if change.inserted else ""
        change = Change(change.start + 1, change.deleted, rotated)
        found.append(change)
    return found


def homopolymer_length(position: int, window: ReferenceWindow) -> int:
    """Length of the run of equal bases that holds `position`."""
    base = window.bases(position, position)
    if base == "N":
        return 1
    first = last = position
    while window.bases(first - 1, first - 1) == base:
        first -= 1
    while window.bases(last + 1, last + 1) == base:
        last += 1
    return last - first + 1
