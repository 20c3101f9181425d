"""Illumina reads of a gene with a known truth; shares no code with scripts/aftercar.

Conventions of the simulated instrument and library (not fitted to one machine):

- 2 x 150 nt of fragments of 300 +- 50 nt; a target base is covered by `depth` fragments.
- Qualities of four bins that fall along the read, more so in the second read; a twentieth of the
  reads is bad throughout. Errors follow the quality and are a little more frequent than it says;
  each site has its own factor on each strand (log-normal, standard deviation 0.4).
- Errors in the molecule, which both mates share: oxidised G read as T in one orientation of the
  fragment (C as A in the other), deaminated C, errors of the PCR.
- Runs of equal letters lose (2 of 3) or gain a letter; the rate more than doubles with each further
  letter (5e-4 at six). Off runs 1e-5 per run of one. Library and run each have their own factor.
- Reads with a gap lie where an aligner puts them (read_aligner); one read in a hundred ends in
  foreign letters, soft-clipped.
"""

from dataclasses import dataclass

import numpy as np
from tests.accuracy.read_aligner import MARGIN_NT, align

READ_NT = 150
INSERT_NT, INSERT_SD = 300, 50
COVERED_NT = 2 * READ_NT - INSERT_SD * 0.399  # both mates, without what they share
LETTERS = np.frombuffer(b"ACGT", dtype=np.uint8)
QUALITIES = np.array([37, 23, 12, 2], dtype=np.uint8)
ERROR_OF_QUALITY = {37: 5e-4, 23: 6e-3, 12: 7e-2, 2: 0.5}
BAD_READS, BAD_FACTOR = 0.05, 5.0
SITE_SD = 0.4
OXIDISED, DEAMINATED, AMPLIFIED = 6e-5, 3e-5, 2e-5
SLIP_OF_ONE, SLIP_GROWTH = 1e-5, 2.2
SLIP_LOST = 2 / 3
LIBRARY_SD, RUN_SD = 0.3, 0.3
SLIP_OF_PCR = 0.7  # the rest happens on the instrument, to one mate
FOREIGN_END = 0.01
_FRAGMENTS_AT_ONCE = 20_000
TRANSITION = {ord("A"): ord("G"), ord("G"): ord("A"), ord("C"): ord("T"), ord("T"): ord("C")}
Variant = tuple[int, str, str]


@dataclass(frozen=True)
class Genome:
    """A stretch of a contig; `first` is its 1-based position. Unknown letters were made up."""

    contig: str
    contig_nt: int
    first: int
    letters: np.ndarray

    def text(self, first: int, last: int) -> str:
        """Letters from `first` to `last`, 1-based inclusive."""
        return self.letters[first - self.first : last - self.first + 1].tobytes().decode()


def genome_of(contig: str, contig_nt: int, first: int, sequence: str) -> Genome:
    """Return a stretch of a reference; letters that it does not know are drawn, always the same."""
    letters = np.frombuffer(sequence.encode(), dtype=np.uint8).copy()
    unknown = ~np.isin(letters, LETTERS)
    letters[unknown] = np.random.default_rng(19).choice(LETTERS, int(unknown.sum()))
    return Genome(contig, contig_nt, first, letters)


@dataclass(frozen=True, eq=False)
class Reads:
    """Aligned reads sorted by position; row i of `base` and `quality` is read i.

    `start` and `mate_start` are 0-based; the operations of read i stand at
    op_offset[i]:op_offset[i + 1].
    """

    start: np.ndarray
    flag: np.ndarray
    fragment: np.ndarray
    mate_start: np.ndarray
    base: np.ndarray
    quality: np.ndarray
    op: np.ndarray
    op_length: np.ndarray
    op_offset: np.ndarray

    @property
    def end(self) -> np.ndarray:
        """0-based end, exclusive, of the aligned part of each read."""
        on_reference = np.where(np.isin(self.op, (0, 2)), self.op_length, 0)
        running = np.concatenate([[0], np.cumsum(on_reference)])
        return self.start + running[self.op_offset[1:]] - running[self.op_offset[:-1]]

    def chosen(self, rows: np.ndarray) -> "Reads":
        """Return the reads of `rows`, in that order."""
        count = np.diff(self.op_offset)[rows]
        offset = np.concatenate([[0], np.cumsum(count)])
        at = np.repeat(self.op_offset[:-1][rows] - offset[:-1], count) + np.arange(offset[-1])
        return Reads(
            self.start[rows], self.flag[rows], self.fragment[rows], self.mate_start[rows],
            self.base[rows], self.quality[rows], self.op[at], self.op_length[at], offset,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Haplotype:
    letters: np.ndarray
    position: np.ndarray  # index in the genome, of inserted letters that of the letter before
    broken: np.ndarray  # running number of places where letters do not follow each other


def _haplotype(genome: Genome, variants: list[Variant]) -> _Haplotype:
    pieces, where, at = [], [], 0
    sequence = genome.letters.tobytes().decode()
    for pos, ref, alt in sorted(variants):
        index = pos - genome.first
        if sequence[index : index + len(ref)] != ref:
            raise ValueError(f"{pos} {ref}>{alt}: the genome has another letter there")
        pieces += [sequence[at:index], alt]
        kept = min(len(ref), len(alt))
        where += [*range(at, index + kept), *[index + kept - 1] * (len(alt) - kept)]
        at = index + len(ref)
    pieces.append(sequence[at:])
    where += range(at, len(sequence))
    position = np.array(where)
    letters = np.frombuffer("".join(pieces).encode(), dtype=np.uint8)
    broken = np.concatenate([[0], np.cumsum(np.diff(position) != 1)])
    return _Haplotype(letters, position, broken)


def draw_reads(
    genome: Genome,
    clones: list[tuple[float, list[Variant]]],
    depth: float,
    random: np.random.Generator,
    *,
    targets: list[tuple[int, int]],
    duplicates: float = 0.0,
) -> Reads:
    """Return reads of a specimen in which each clone has a share of the molecules.

    `clones` are (share, variants); the rest of the molecules is the genome. `targets` (1-based
    inclusive) are captured: kept are fragments with a read on one of them. `duplicates` is the
    share of fragments with a further, marked copy.
    """
    slip_factor = float(np.exp(random.normal(0, LIBRARY_SD)))
    shares = [1 - sum(share for share, _ in clones), *(share for share, _ in clones)]
    haplotypes = [_haplotype(genome, variants) for variants in ([], *(v for _, v in clones))]
    near = _near_targets(genome, targets)
    site = random.normal(0, SITE_SD, (2, len(genome.letters)))
    site = np.exp(site - SITE_SD**2 / 2).astype(np.float32)
    parts, number = [], 0
    for share, haplotype in zip(shares, haplotypes, strict=True):
        left, insert = _fragments(haplotype, near, depth * share, random)
        drawn = _draw_haplotype(
            genome, haplotype, left, insert, random, site, slip_factor, duplicates, number
        )
        number += 2 * len(left)
        parts.append(drawn)
    return _sorted(parts)


def draw_amplicon(
    genome: Genome,
    clones: list[tuple[float, list[Variant]]],
    span: tuple[int, int],
    fragments: int,
    random: np.random.Generator,
) -> Reads:
    """Return reads of an amplicon (1-based inclusive): every fragment begins and ends with it."""
    slip_factor = float(np.exp(random.normal(0, LIBRARY_SD)))
    shares = [1 - sum(share for share, _ in clones), *(share for share, _ in clones)]
    site = random.normal(0, SITE_SD, (2, len(genome.letters)))
    site = np.exp(site - SITE_SD**2 / 2).astype(np.float32)
    counts = random.multinomial(fragments, shares)
    parts, number = [], 0
    for count, variants in zip(counts, [[], *(v for _, v in clones)], strict=True):
        haplotype = _haplotype(genome, variants)
        first, last = np.searchsorted(haplotype.position, np.array(span) - genome.first)
        for start in range(0, count, _FRAGMENTS_AT_ONCE):
            size = min(_FRAGMENTS_AT_ONCE, count - start)
            left = np.full(size, first)
            insert = np.full(size, max(last + 1 - first, READ_NT))
            parts.append(
                _draw_haplotype(
                    genome, haplotype, left, insert, random, site, slip_factor, 0.0, number
                )
            )
            number += size
    return _sorted(parts)


def _near_targets(genome: Genome, targets: list[tuple[int, int]]) -> np.ndarray:
    """Mark the letters of the genome at which a read may begin that ends on a target."""
    near = np.zeros(len(genome.letters), dtype=bool)
    for first, last in targets:
        near[max(first - genome.first - READ_NT + 1, 0) : last - genome.first + 1] = True
    return near


def _fragments(
    haplotype: _Haplotype, near: np.ndarray, depth: float, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Begin in the haplotype and size of fragments of which a read lies on a target."""
    begins = np.flatnonzero(near[haplotype.position])
    low, high = int(begins[0]) - INSERT_NT - 3 * INSERT_SD, int(begins[-1]) + 1
    count = random.poisson(depth / COVERED_NT * (high - low))
    insert = np.maximum(READ_NT, random.normal(INSERT_NT, INSERT_SD, count).astype(int))
    left = np.clip(random.integers(low, high, count), 0, len(haplotype.letters) - insert)
    on_target = near[haplotype.position]
    kept = on_target[left] | on_target[left + insert - READ_NT]
    return left[kept], insert[kept]


def _draw_haplotype(
    genome: Genome, haplotype: _Haplotype, left: np.ndarray, insert: np.ndarray,
    random: np.random.Generator, site: np.ndarray, slip_factor: float, duplicates: float,
    number: int,
) -> dict[str, np.ndarray]:  # fmt: skip
    count = len(left)
    copies = np.zeros(count, dtype=bool)
    if duplicates:
        again = np.flatnonzero(random.random(count) < duplicates)
        left, insert = np.concatenate([left, left[again]]), np.concatenate([insert, insert[again]])
        copies = np.concatenate([copies, np.ones(len(again), dtype=bool)])
    total = len(left)
    first_is_left = random.random(total) < 0.5
    runs = _runs(haplotype.letters, slip_factor, random)
    slip_at, slip_change = _slips(runs, left, left + insert, SLIP_OF_PCR, random)
    changed = _damage(haplotype.letters, left, insert, first_is_left, random)
    blocks = []
    for reverse in (False, True):
        start = left + insert - READ_NT if reverse else left
        blocks.append(
            _draw_mates(
                genome, haplotype, start, reverse, first_is_left, runs, slip_at, slip_change,
                changed, random, site,
            )
        )  # fmt: skip
    fragment = number + np.arange(total)
    for block, other in zip(blocks, blocks[::-1], strict=True):
        block["mate_start"] = other["start"]
        block["fragment"] = fragment
        block["flag"] = block["flag"] | np.where(copies, 0x400, 0)
    return {
        name: np.concatenate([block[name] for block in blocks])
        for name in ("start", "flag", "fragment", "mate_start", "base", "quality", "cigar")
    }


def _runs(
    letters: np.ndarray, slip_factor: float, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Start of each run of equal letters, and the running sum of the rates of slips."""
    start = np.concatenate([[0], np.flatnonzero(np.diff(letters)) + 1])
    length = np.diff(np.concatenate([start, [len(letters)]]))
    own = np.exp(random.normal(0, RUN_SD, len(start)) - RUN_SD**2 / 2)
    rate = np.minimum(SLIP_OF_ONE * SLIP_GROWTH ** (length - 1) * slip_factor * own, 0.3)
    return start, np.concatenate([[0], np.cumsum(rate)])


def _slips(
    runs: tuple[np.ndarray, np.ndarray], low: np.ndarray, high: np.ndarray, share: float,
    random: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Index of the run that slips in low:high, -1 mostly, and the letters gained (-1 or 1)."""
    start, running = runs
    first, last = np.searchsorted(start, low + 1), np.searchsorted(start, high - 1)
    expected = share * np.maximum(running[last] - running[first], 0)
    slips = random.random(len(low)) < -np.expm1(-expected)
    at = np.full(len(low), -1)
    which = np.flatnonzero(slips)
    span = running[last[which]] - running[first[which]]
    target = running[first[which]] + random.random(len(which)) * span
    at[which] = start[np.clip(np.searchsorted(running, target, "right") - 1, 0, len(start) - 1)]
    change = np.where(random.random(len(low)) < SLIP_LOST, -1, 1)
    return at, change


def _damage(
    letters: np.ndarray, left: np.ndarray, insert: np.ndarray, first_is_left: np.ndarray,
    random: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Fragment, index in the haplotype and new letter of each error in the molecule."""
    found = []
    for rate, change in (
        (OXIDISED, "oxidised"), (DEAMINATED, "deaminated"), (AMPLIFIED, "amplified"),
    ):  # fmt: skip
        count = random.poisson(rate * float(insert.sum()))
        fragment = random.integers(0, max(len(left), 1), count)
        index = left[fragment] + (random.random(count) * insert[fragment]).astype(int)
        old = letters[index]
        if change == "oxidised":
            one = first_is_left[fragment]
            new = np.where(one & (old == ord("G")), ord("T"), old)
            new = np.where(~one & (old == ord("C")), ord("A"), new)
        elif change == "deaminated":
            one = random.random(count) < 0.5
            new = np.where(one & (old == ord("C")), ord("T"), old)
            new = np.where(~one & (old == ord("G")), ord("A"), new)
        else:
            new = _wrong(old, random)
        real = new != old
        found.append((fragment[real], index[real], new[real].astype(np.uint8)))
    fragment, index, new = (np.concatenate(part) for part in zip(*found, strict=True))
    return fragment, index, new


def _wrong(old: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Another letter, a transition every other time."""
    code = np.searchsorted(LETTERS, old)
    transition = np.array([TRANSITION[int(letter)] for letter in LETTERS], dtype=np.uint8)[code]
    shift = random.integers(1, 4, len(old))
    return np.where(random.random(len(old)) < 0.25, transition, LETTERS[(code + shift) % 4])


def _draw_mates(
    genome: Genome, haplotype: _Haplotype, start: np.ndarray, reverse: bool,
    first_is_left: np.ndarray, runs: tuple[np.ndarray, np.ndarray], slip_at: np.ndarray,
    slip_change: np.ndarray, changed: tuple[np.ndarray, np.ndarray, np.ndarray],
    random: np.random.Generator, site: np.ndarray,
) -> dict[str, np.ndarray]:  # fmt: skip
    count, column = len(start), np.arange(READ_NT)
    index = start[:, None] + column
    own_at, own_change = _slips(runs, start, start + READ_NT, 1 - SLIP_OF_PCR, random)
    slip_at = np.where(slip_at >= 0, slip_at, own_at)
    slip_change = np.where(slip_at == own_at, own_change, slip_change)
    inside = (slip_at > start) & (slip_at < start + READ_NT - 1)
    # the letters of the first read are fixed at its left end, those of the second at its right
    for row in np.flatnonzero(inside):
        at, change = slip_at[row], slip_change[row]
        if reverse:
            index[row][index[row] <= at if change < 0 else index[row] < at] += change
        else:
            index[row][index[row] >= at if change < 0 else index[row] > at] -= change
    index = np.clip(index, 0, len(haplotype.letters) - 1)
    base = haplotype.letters[index]
    position = haplotype.position[index]
    broken = haplotype.broken[index[:, -1]] != haplotype.broken[index[:, 0]]
    gapped = np.flatnonzero(broken | inside)
    where = position[:, 0].copy()
    cigar = np.empty(count, dtype=object)
    cigar[:] = [_PLAIN] * count
    _place(genome, base, position, gapped, where, cigar)
    fragment, at, new = changed
    on_read = at - start[fragment]
    usable = (on_read >= 0) & (on_read < READ_NT) & ~inside[fragment]
    base[fragment[usable], on_read[usable]] = new[usable]
    second = first_is_left if reverse else ~first_is_left
    quality = _qualities(count, second, reverse, random)
    rate = _ERROR_TABLE[quality] * site[int(reverse)][position]
    wrong = random.random(base.shape, dtype=np.float32) < rate
    base[wrong] = _wrong(base[wrong], random)
    _foreign_ends(base, cigar, where, reverse, random)
    flag = 0x3 | np.where(second, 0x80, 0x40) | (0x10 if reverse else 0x20)
    return {
        "start": where + genome.first - 1, "flag": flag, "base": base, "quality": quality,
        "cigar": cigar,
    }  # fmt: skip


_PLAIN = ((0, READ_NT),)
_ERROR_TABLE = np.zeros(256, dtype=np.float32)
for _quality, _error in ERROR_OF_QUALITY.items():
    _ERROR_TABLE[_quality] = _error


def _place(
    genome: Genome, base: np.ndarray, position: np.ndarray, rows: np.ndarray, where: np.ndarray,
    cigar: np.ndarray,
) -> None:  # fmt: skip
    """Align the reads of `rows` as they were before the errors; equal reads only once."""
    if not len(rows):
        return
    # a read may begin in letters that the reference does not have: look around its middle
    middle = position[rows, READ_NT // 2] - READ_NT // 2
    low = np.clip(middle - MARGIN_NT, 0, len(genome.letters) - READ_NT - 2 * MARGIN_NT)
    key = np.concatenate([base[rows], low[:, None].astype(">u4").view(np.uint8)], axis=1)
    key = np.ascontiguousarray(key).view(f"V{key.shape[1]}").ravel()
    _, first, which = np.unique(key, return_index=True, return_inverse=True)
    span = np.arange(READ_NT + 2 * MARGIN_NT)
    placed = align(base[rows[first]], genome.letters[low[first][:, None] + span])
    offset = np.array([place[0] for place in placed])
    where[rows] = low + offset[which]
    for row, number in zip(rows, which, strict=True):
        cigar[row] = tuple(placed[number][1])


def _qualities(
    count: int, second: np.ndarray, reverse: bool, random: np.random.Generator
) -> np.ndarray:
    cycle = np.arange(READ_NT) / READ_NT
    if reverse:
        cycle = cycle[::-1]
    below_37 = 0.03 + 0.10 * cycle**2
    below_23 = 0.006 + 0.03 * cycle**3
    below_12 = 0.0005 + 0.002 * cycle**3
    factor = np.where(second, 1.6, 1.0) * np.where(
        random.random(count) < BAD_READS, BAD_FACTOR, 1.0
    )
    draw = random.random((count, READ_NT), dtype=np.float32) / factor[:, None].astype(np.float32)
    bins = (draw < below_37.astype(np.float32)).astype(np.uint8)
    bins += draw < below_23.astype(np.float32)
    bins += draw < below_12.astype(np.float32)
    return QUALITIES[bins]


def _foreign_ends(
    base: np.ndarray, cigar: np.ndarray, where: np.ndarray, reverse: bool,
    random: np.random.Generator,
) -> None:  # fmt: skip
    """Let some reads end in letters of an adapter or of another place; the aligner clips them."""
    for row in np.flatnonzero(random.random(len(base)) < FOREIGN_END):
        if cigar[row] is not _PLAIN:
            continue
        size = int(random.integers(8, 40))
        foreign = random.choice(LETTERS, size)
        if reverse:
            base[row, :size] = foreign
            cigar[row] = ((4, size), (0, READ_NT - size))
            where[row] += size
        else:
            base[row, -size:] = foreign
            cigar[row] = ((0, READ_NT - size), (4, size))


def _sorted(parts: list[dict[str, np.ndarray]]) -> Reads:
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.lexsort((joined["fragment"], joined["start"]))
    cigars = joined["cigar"][order]
    count = np.array([len(cigar) for cigar in cigars])
    flat = np.array([step for cigar in cigars for step in cigar], dtype=np.int64).reshape(-1, 2)
    return Reads(
        joined["start"][order], joined["flag"][order], joined["fragment"][order],
        joined["mate_start"][order], joined["base"][order], joined["quality"][order],
        flat[:, 0].astype(np.uint8), flat[:, 1], np.concatenate([[0], np.cumsum(count)]),
    )  # fmt: skip
