"""What the specimens of one patient say together, once each was examined by itself."""

from aftercar.sequencing.gene_copies import add_gene_copies
from aftercar.sequencing.lookback import add_known_variants
from aftercar.sequencing.matched_normals import compare_with_normals
from aftercar.sequencing.specimens import Findings
from aftercar.sequencing.splice_comparison import add_comparisons
from aftercar.sequencing.variants import CallSettings


def complete_findings(
    found: list[Findings],
    controls: list[Findings],
    listed: dict[str, list[tuple[str, int, str, str]]],
    settings: CallSettings,
) -> None:
    """Add to the findings of a patient's specimens what needs more than one of them, in place.

    Variants of one specimen are looked for in all (with those `listed` by sample_id), matched
    normals tell origin and lost alleles, hits of both copies are judged, and splicing is compared
    with earlier specimens and with healthy RNA. `controls` are matched normals of the patient and
    healthy RNA.
    """
    normals = [c for c in controls if c.sample["control_for"] == "matched_normal"]
    healthy = [c for c in controls if c.sample["assay"] == "rna"]
    add_known_variants(found, listed, settings)
    compare_with_normals(found, normals, settings)
    add_gene_copies(found, settings)
    add_comparisons(
        [row for findings in found for row in findings.rows["splicing"]],
        [row for control in healthy for row in control.rows["splicing"]],
    )
