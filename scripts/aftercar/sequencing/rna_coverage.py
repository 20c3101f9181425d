"""How far into a transcript the reads of an RNA library reach: its chemistry, from the reads."""

from dataclasses import dataclass

import numpy as np

from aftercar.contracts.reads import DELETION, EQUAL, MATCH, MISMATCH, SKIP, AlignedReads
from aftercar.sequencing.genes import Gene

# Reads of 3' chemistry begin within some hundred bases of the poly(A) tail (conventions).
NEAR_END_NT = 500
FAR_FROM_END_NT = 1000
MIN_DEPTH_NEAR_END = 10
# Libraries of whole transcripts lose some coverage towards the 5' end, never nine tenths of it.
THREE_PRIME_BELOW = 0.1


@dataclass(frozen=True)
class Reach:
    """Depth far from the 3' end over depth near it; None where the transcript or depth is short."""

    ratio: float | None
    near: float
    far: float
    message: str

    @property
    def three_prime_only(self) -> bool:
        """Whether the reads lie at the 3' end, as those of 3' chemistry do."""
        return self.ratio is not None and self.ratio < THREE_PRIME_BELOW


def five_prime_reach(gene: Gene, reads: AlignedReads) -> Reach:
    """Compare the depth far from the 3' end (FAR_FROM_END_NT) with that near it (NEAR_END_NT).

    Distances are those on the spliced transcript; depths are mean reads per base.
    """
    depth = _depth(gene, reads)[np.array(gene.transcript_positions()) - gene.start]
    size = len(depth)
    if size < FAR_FROM_END_NT + MIN_DEPTH_NEAR_END:
        return Reach(None, 0.0, 0.0, "the transcript is too short to tell the chemistry")
    near = float(depth[size - NEAR_END_NT :].mean())
    far = float(depth[: size - FAR_FROM_END_NT].mean())
    told = (
        f"mean depth {far:.3g} more than {FAR_FROM_END_NT} nt from the 3' end, {near:.3g} in the "
        f"last {NEAR_END_NT} nt"
    )
    if near < MIN_DEPTH_NEAR_END:
        return Reach(None, near, far, f"chemistry not told: {told}")
    ratio = far / near
    kind = "reads lie at the 3' end only" if ratio < THREE_PRIME_BELOW else "whole transcript"
    return Reach(ratio, near, far, f"{kind}: {told}")


def _depth(gene: Gene, reads: AlignedReads) -> np.ndarray:
    """Count reads on each position from the first to the last one of the gene."""
    change = np.zeros(gene.end - gene.start + 2)
    if len(reads):
        on_reference = np.isin(reads.op, (MATCH, DELETION, SKIP, EQUAL, MISMATCH))
        owner = np.repeat(np.arange(len(reads)), np.diff(reads.op_offset))
        step = reads.op_length * on_reference
        before = np.cumsum(step) - step
        position = before - (before[reads.op_offset[:-1]] - reads.start)[owner]
        aligned = np.isin(reads.op, (MATCH, EQUAL, MISMATCH))
        start = position[aligned] - (gene.start - 1)
        end = start + step[aligned]
        inside = (end > 0) & (start < len(change) - 1)
        np.add.at(change, np.maximum(start[inside], 0), 1)
        np.add.at(change, np.minimum(end[inside], len(change) - 1), -1)
    return np.cumsum(change)[:-1]
