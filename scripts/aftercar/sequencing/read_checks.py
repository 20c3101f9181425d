"""What the reads of a gene say about the file before anything is called."""

import numpy as np

from aftercar.contracts.reads import DELETION, INSERTION, AlignedReads
from aftercar.sequencing.families import FamilySummary

# Fewer usable ones among the reads of a gene: something is wrong with their marks or qualities.
MIN_USABLE_SHARE = 0.1
# Short reads are at most 600 nt long and hardly ever hold three indels; reads of a longer kind, or
# with as many errors of length, are not realigned well: true reads fit no sequence (conventions).
MAX_READ_NT = 600
MANY_INDELS = 3
MAX_SHARE_WITH_MANY_INDELS = 0.05

Check = tuple[str, float | None, str, str, str]


def left_out_reads(reads: AlignedReads) -> str:
    """Return how many reads were left out, by reason."""
    return ", ".join(f"{reason} {n}" for reason, n in reads.dropped.items())


def read_checks(symbol: str, reads: AlignedReads, families: FamilySummary | None) -> list[Check]:
    """Return check, value, unit, verdict and message: usable reads, notes of the reader, molecules.

    Checks of the gene end in its symbol; those without hold for the file.
    """
    left_out, usable = left_out_reads(reads), len(reads)
    enough = usable > MIN_USABLE_SHARE * (usable + sum(reads.dropped.values()))
    message = f"left out: {left_out}" if left_out else "" if usable else "no read lies here"
    checks: list[Check] = [
        (f"usable_reads:{symbol}", usable, "reads", "PASS" if enough else "FLAG", message)
    ]
    checks += _other_kind(symbol, reads)
    checks += [(check, None, "", verdict, text) for check, verdict, text in reads.notes]
    if families is not None:
        verdict = "FLAG" if families.crowded else "PASS"
        molecules = families.molecules
        checks.append((f"molecules:{symbol}", molecules, "molecules", verdict, str(families)))
    return checks


def _other_kind(symbol: str, reads: AlignedReads) -> list[Check]:
    """Flag reads that the caller is not made for: long ones, and ones full of indels."""
    if not len(reads):
        return []
    length = float(np.median(np.diff(reads.base_offset)))
    indels = np.isin(reads.op, (INSERTION, DELETION))
    before = np.concatenate([[0], np.cumsum(indels)])
    share = float((np.diff(before[reads.op_offset]) >= MANY_INDELS).mean())
    limits = "fractions of indels are too low and limits do not hold: made for short reads"
    checks: list[Check] = []
    if length > MAX_READ_NT:
        message = f"long reads, expected at most {MAX_READ_NT} nt; {limits}"
        checks.append((f"read_length:{symbol}", length, "nt", "FLAG", message))
    if share > MAX_SHARE_WITH_MANY_INDELS:
        message = f"reads with {MANY_INDELS} or more indels, as long reads have them; {limits}"
        checks.append((f"reads_with_indels:{symbol}", share, "fraction", "FLAG", message))
    return checks
