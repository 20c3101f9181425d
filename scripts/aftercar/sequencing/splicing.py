"""Named splicing events of RNA: counts and fractions with intervals, never presence or absence."""

from dataclasses import dataclass

import numpy as np

from aftercar.contracts.reads import DELETION, EQUAL, MATCH, MISMATCH, SKIP, AlignedReads
from aftercar.sequencing.genes import Gene

MIN_ANCHOR_NT = 8  # aligned bases on both sides of a junction
MIN_FRAGMENTS = 10  # fewer fragments over all junctions of an event: INDETERMINATE
MIN_STARTS = 3  # reads of an event must begin at this many different positions
MAX_INCLUSION_RATIO = 3  # more between the two junctions of one exon is flagged
# Fragments of one library are not independent: intra-class correlation (a convention).
OVERDISPERSION = 0.005
# Share of the body of a retained intron that must be covered.
MIN_BODY_COVERAGE = 0.8

NOT_A_TEST = "occurs in normal marrow too: compare with controls or before and after therapy"


@dataclass(frozen=True, eq=False)
class Introns:
    """One entry per N operation: first and last position (1-based), anchors, fragment, start."""

    first: np.ndarray
    last: np.ndarray
    left_anchor: np.ndarray
    right_anchor: np.ndarray
    fragment: np.ndarray
    read_start: np.ndarray


def introns_of(reads: AlignedReads) -> Introns:
    """Return the introns that reads skip; an anchor reaches to the next intron or the end."""
    count = np.diff(reads.op_offset)
    owner = np.repeat(np.arange(len(reads)), count)
    on_reference = np.isin(reads.op, (MATCH, DELETION, SKIP, EQUAL, MISMATCH))
    step = reads.op_length * on_reference
    before = np.cumsum(step) - step
    position = before - (before[reads.op_offset[:-1]] - reads.start)[owner] if len(step) else before
    skip = reads.op == SKIP
    first_of_read = np.zeros(len(reads.op), dtype=bool)
    first_of_read[reads.op_offset[:-1]] = True
    after_skip = np.concatenate([[False], skip[:-1]]) if len(skip) else skip
    block = np.cumsum(first_of_read | after_skip) - 1
    size = np.bincount(block, weights=np.where(skip, 0, step)) if len(block) else np.zeros(0)
    ops = np.flatnonzero(skip)
    return Introns(
        position[ops] + 1,
        position[ops] + reads.op_length[ops],
        size[block[ops]].astype(np.int64),
        size[np.minimum(block[ops] + 1, len(size) - 1)].astype(np.int64),
        reads.fragment[owner[ops]],
        reads.start[owner[ops]],
    )


def junction_reads(
    introns: Introns, *, min_anchor: int, min_length: int, max_length: int
) -> dict[tuple[int, int], int]:
    """Return reads by intron, for introns of which at least one read has long enough anchors.

    Either anchor counts by its largest value over the reads of the intron (as regtools does).
    """
    length = introns.last - introns.first + 1
    counts: dict[tuple[int, int], int] = {}
    best: dict[tuple[int, int], list[int]] = {}
    for i in np.flatnonzero((length >= min_length) & (length <= max_length)):
        key = (int(introns.first[i]), int(introns.last[i]))
        counts[key] = counts.get(key, 0) + 1
        sides = best.setdefault(key, [0, 0])
        sides[0] = max(sides[0], int(introns.left_anchor[i]))
        sides[1] = max(sides[1], int(introns.right_anchor[i]))
    return {key: n for key, n in sorted(counts.items()) if min(best[key]) >= min_anchor}


def count_junction(introns: Introns, intron: tuple[int, int]) -> tuple[int, int]:
    """Return fragments that skip exactly this intron, and at how many positions they begin."""
    hit = (
        (introns.first == intron[0])
        & (introns.last == intron[1])
        & (np.minimum(introns.left_anchor, introns.right_anchor) >= MIN_ANCHOR_NT)
    )
    return len(np.unique(introns.fragment[hit])), len(np.unique(introns.read_start[hit]))


def fraction_interval(event: float, other: float) -> tuple[float, float, float]:
    """Return event / (event + other) with a 95 % Jeffreys interval for overdispersed counts."""
    from scipy.special import betaincinv

    total = event + other
    if total <= 0:
        return float("nan"), 0.0, 1.0
    shrink = 1 / (1 + (total - 1) * OVERDISPERSION) if total > 1 else 1.0
    a, b = event * shrink, other * shrink
    low = 0.0 if event == 0 else float(betaincinv(a + 0.5, b + 0.5, 0.025))
    high = 1.0 if other == 0 else float(betaincinv(a + 0.5, b + 0.5, 0.975))
    fraction = event / total
    return fraction, min(low, fraction), max(high, fraction)


def measure_splicing(gene: Gene, reads: AlignedReads) -> list[dict[str, object]]:
    """Return one row per named event of the gene, without the columns that name the specimen."""
    introns = introns_of(reads)
    if len(reads) and not len(introns.first):
        reason = "no read is aligned across an intron: the file cannot show splicing"
        return unassessed_splicing(gene, "NOT_ASSESSED", reason)
    rows = []
    for event in gene.splice_events:
        if "intron" in event:
            rows.append(_retention(gene, event, reads, introns))
        else:
            rows.append(_skipping(gene, event, introns))
    return rows


def unassessed_splicing(gene: Gene, status: str, reason: str) -> list[dict[str, object]]:
    """Return a row without numbers for each event of the gene."""
    return [
        {"gene": gene.symbol, "event": event["event"], "status": status, "flags": reason}
        for event in gene.splice_events
    ]


def _skipping(gene: Gene, event: dict, introns: Introns) -> dict[str, object]:
    skipped, starts = count_junction(introns, gene.intron(*event["skipped"]))
    included = [count_junction(introns, gene.intron(*pair))[0] for pair in event["included"]]
    mean = sum(included) / len(included)
    flags = [NOT_A_TEST]
    if min(included) * MAX_INCLUSION_RATIO < max(included):
        flags.append(
            "uneven coverage: "
            + ", ".join(
                f"J{a}-{b} {n}" for (a, b), n in zip(event["included"], included, strict=True)
            )
        )
    if skipped and starts < MIN_STARTS:
        flags.append(f"the event's reads begin at {starts} position(s) only")
    enough = skipped + sum(included) >= MIN_FRAGMENTS and not (skipped and starts < MIN_STARTS)
    return _row(gene, event, skipped, mean, 0.0, enough, flags)


def _retention(gene: Gene, event: dict, reads: AlignedReads, introns: Introns) -> dict[str, object]:
    number = event["intron"]
    left, right, body = _unspliced(gene.intron(number, number + 1), reads)
    spliced, _ = count_junction(introns, gene.intron(number, number + 1))
    crossing = (left + right) / 2
    background = []
    for other in event["background_introns"]:
        a, b, _ = _unspliced(gene.intron(other, other + 1), reads)
        removed, _ = count_junction(introns, gene.intron(other, other + 1))
        if (a + b) / 2 + removed >= MIN_FRAGMENTS:
            background.append((a + b) / 2 / ((a + b) / 2 + removed))
    level = sum(background) / len(background) if background else 0.0
    flags = [NOT_A_TEST]
    if background:
        flags.append(f"unspliced RNA or DNA in other introns, subtracted: {level:.3g}")
    else:
        flags.append("no other intron is covered: unspliced RNA or DNA cannot be subtracted")
    complete = min(left, right) > 0 and body >= MIN_BODY_COVERAGE
    if crossing and not complete:
        flags.append("one border or part of the intron has no reads")
    enough = crossing + spliced >= MIN_FRAGMENTS and (complete or crossing == 0)
    return _row(gene, event, round(crossing), float(spliced), level, enough, flags)


def _unspliced(intron: tuple[int, int], reads: AlignedReads) -> tuple[int, int, float]:
    """Count fragments across the left and the right border; give the covered share of the body."""
    aligned = np.isin(reads.op, (MATCH, EQUAL, MISMATCH))
    on_reference = np.isin(reads.op, (MATCH, DELETION, SKIP, EQUAL, MISMATCH))
    owner = np.repeat(np.arange(len(reads)), np.diff(reads.op_offset))
    step = reads.op_length * on_reference
    before = np.cumsum(step) - step
    if not len(step):
        return 0, 0, 0.0
    position = before - (before[reads.op_offset[:-1]] - reads.start)[owner]
    start, end = position[aligned], (position + step)[aligned]  # 0-based, half-open
    fragment = reads.fragment[owner[aligned]]
    first, last = intron[0] - 1, intron[1]
    at_left = (start <= first - MIN_ANCHOR_NT) & (end >= first + MIN_ANCHOR_NT)
    at_right = (start <= last - MIN_ANCHOR_NT) & (end >= last + MIN_ANCHOR_NT)
    change = np.zeros(last - first + 1)
    inside = (end > first) & (start < last)
    np.add.at(change, np.maximum(start[inside], first) - first, 1)
    np.add.at(change, np.minimum(end[inside], last) - first, -1)
    body = float((np.cumsum(change)[:-1] > 0).mean())
    return len(np.unique(fragment[at_left])), len(np.unique(fragment[at_right])), body


def _row(
    gene: Gene,
    event: dict,
    count: int,
    canonical: float,
    background: float,
    enough: bool,
    flags: list[str],
) -> dict[str, object]:
    row: dict[str, object] = {
        "gene": gene.symbol,
        "event": event["event"],
        "event_fragments": count,
        "canonical_fragments": canonical,
        "status": "QUANTIFIED" if enough else "INDETERMINATE",
    }
    if count + canonical > 0:
        fraction, low, high = fraction_interval(count, canonical)
        row |= {
            "event_fraction": max(fraction - background, 0.0),
            "event_fraction_low": max(low - background, 0.0),
            "event_fraction_high": max(high - background, 0.0),
        }
    else:
        row["status"] = "NOT_ASSESSED"
        flags = ["no fragment covers the junctions"]
    if row["status"] == "INDETERMINATE":
        flags = [f"fewer than {MIN_FRAGMENTS} fragments, or too few different reads", *flags]
    row["flags"] = "; ".join(flags)
    return row
