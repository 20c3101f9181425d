"""What the reads of a gene say about the file before anything is called."""

from aftercar.contracts.reads import AlignedReads
from aftercar.sequencing.families import FamilySummary

# Fewer usable ones among the reads of a gene: something is wrong with their marks or qualities.
MIN_USABLE_SHARE = 0.1

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
    checks += [(check, None, "", verdict, text) for check, verdict, text in reads.notes]
    if families is not None:
        verdict = "FLAG" if families.crowded else "PASS"
        molecules = families.molecules
        checks.append((f"molecules:{symbol}", molecules, "molecules", verdict, str(families)))
    return checks
