"""Compare variants of different callers: by what they make of the gene, not by how it is written.

Shares no code with scripts/aftercar.
"""

import itertools
from functools import cache

from tests.accuracy.sequenced_reads import Genome, Variant

GAP_OPEN, MISMATCH = 6, 4  # against 1 for each further letter of a gap
NEAR_NT = 10
MAX_PARTS, MAX_PIECES = 6, 14


def aligned_left(genome: Genome, variant: Variant) -> Variant:
    """Return a variant without shared letters, as far to the left as it goes."""
    pos, ref, alt = variant
    while ref and alt and ref[-1] == alt[-1] and (len(ref) > 1 or len(alt) > 1):
        ref, alt = ref[:-1], alt[:-1]
        if not ref or not alt:
            before = genome.text(pos - 1, pos - 1)
            pos, ref, alt = pos - 1, before + ref, before + alt
    while len(ref) > 1 and len(alt) > 1 and ref[0] == alt[0]:
        pos, ref, alt = pos + 1, ref[1:], alt[1:]
    return pos, ref, alt


def parts_of(genome: Genome, variant: Variant) -> tuple[Variant, ...]:
    """Return the substitutions, insertions and deletions that a variant consists of."""
    pos, ref, alt = aligned_left(genome, variant)
    if len(ref) == 1 or len(alt) == 1:
        return ((pos, ref, alt),)
    if len(ref) == len(alt):
        changed = [i for i in range(len(ref)) if ref[i] != alt[i]]
        return tuple((pos + i, ref[i], alt[i]) for i in changed)
    return tuple(
        aligned_left(genome, (pos + first, ref[first:last], alt[a:b]))
        if last > first and b > a
        else aligned_left(
            genome,
            (
                pos + first - 1,
                genome.text(pos + first - 1, pos + first - 1) + ref[first:last],
                genome.text(pos + first - 1, pos + first - 1) + alt[a:b],
            ),
        )
        for first, last, a, b in _differences(ref, alt)
    )


@cache
def _differences(ref: str, alt: str) -> tuple[tuple[int, int, int, int], ...]:
    """Stretches of ref and alt that differ in the best alignment end to end (affine gaps)."""
    rows, columns = len(ref) + 1, len(alt) + 1
    far = 10**6
    best = [[[far] * 3 for _ in range(columns)] for _ in range(rows)]
    came = [[[0] * 3 for _ in range(columns)] for _ in range(rows)]
    best[0][0][0] = 0
    for i, j in itertools.product(range(rows), range(columns)):
        if i and j:
            cost = 0 if ref[i - 1] == alt[j - 1] else MISMATCH + 1
            value, state = min((best[i - 1][j - 1][s] + cost, s) for s in range(3))
            if value < best[i][j][0]:
                best[i][j][0], came[i][j][0] = value, state
        for kind, (a, b) in ((1, (i - 1, j)), (2, (i, j - 1))):
            if a >= 0 and b >= 0:
                value, state = min(
                    (best[a][b][s] + 1 + (0 if s == kind else GAP_OPEN), s) for s in range(3)
                )
                best[i][j][kind], came[i][j][kind] = value, state
    i, j = rows - 1, columns - 1
    state = min(range(3), key=lambda s: best[i][j][s])
    steps = []
    while i or j:
        previous = came[i][j][state]
        i, j = i - (state != 2), j - (state != 1)
        steps.append((state, i, j))
        state = previous
    found: list[tuple[int, int, int, int]] = []
    last_kind = None
    for kind, i, j in reversed(steps):
        if kind == 0:
            last_kind = None
            if ref[i] != alt[j]:
                found.append((i, i + 1, j, j + 1))
        elif kind == last_kind:
            first, _, a, _ = found[-1]
            found[-1] = (first, i + (kind == 1), a, j + (kind == 2))
        else:
            found.append((i, i + (kind == 1), j, j + (kind == 2)))
            last_kind = kind
    return tuple(found)


def end_of(variant: Variant) -> int:
    """Return the last position of the letters that a variant replaces."""
    return variant[0] + len(variant[1]) - 1


def near(variant: Variant, other: Variant) -> bool:
    """Whether two variants touch or almost do."""
    return variant[0] <= end_of(other) + NEAR_NT and other[0] <= end_of(variant) + NEAR_NT


def is_found(genome: Genome, truth: Variant, called: list[Variant]) -> bool:
    """Whether called variants, one or several together, make of the gene what `truth` makes."""
    truth = aligned_left(genome, truth)
    around = [v for v in {aligned_left(genome, one) for one in called} if near(v, truth)]
    if truth in around:
        return True
    pieces = sorted({part for one in around for part in parts_of(genome, one)} | set(around))
    beside = [max(truth[0] - piece[0], piece[0] - end_of(truth), 0) for piece in pieces]
    pieces = [piece for _, piece in sorted(zip(beside, pieces, strict=True))][:MAX_PIECES]
    first, last = truth[0] - 60, end_of(truth) + 60
    wanted = _applied(genome, [truth], first, last)
    return any(
        _applied(genome, list(some), first, last) == wanted
        for size in range(1, MAX_PARTS + 1)
        for some in itertools.combinations(pieces, size)
    )


def _applied(genome: Genome, variants: list[Variant], first: int, last: int) -> str | None:
    """Return the letters of a stretch with variants; None where they overlap."""
    pieces, at = [], first
    for pos, ref, alt in sorted(variants):
        if pos < at:
            return None
        pieces += [genome.text(at, pos - 1), alt]
        at = pos + len(ref)
    return "".join([*pieces, genome.text(at, last)])


def false_calls(genome: Genome, planted: list[Variant], called: list[Variant]) -> list[Variant]:
    """Return the parts of called variants that lie beside everything planted."""
    parts = {part for one in called for part in parts_of(genome, one)}
    return sorted(part for part in parts if not any(near(part, truth) for truth in planted))
