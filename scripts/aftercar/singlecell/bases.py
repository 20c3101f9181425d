"""One judgement of an antigen from what RNA says of it and what protein says."""

from dataclasses import replace

from aftercar.singlecell.comparison import GONE, Compared


def combine_bases(compared: list[Compared]) -> list[Compared]:
    """Return one comparison per sub-population and antigen from those of RNA and of protein.

    Protein is what a CAR binds: a loss of protein with RNA kept is a loss (splicing, export), but
    may also be an antibody that is blocked. RNA that is low while protein is kept tells nothing
    yet.
    """
    protein = {(one.population, one.antigen): one for one in compared if one.basis == "protein"}
    result = [one for one in compared if one.basis != "protein"]
    paired = {(one.population, one.antigen) for one in result}
    result += [one for key, one in protein.items() if key not in paired]
    return [
        _combined(one, protein[one.population, one.antigen])
        if one.basis == "rna" and (one.population, one.antigen) in protein
        else one
        for one in result
    ]


def _combined(rna: Compared, protein: Compared) -> Compared:
    # a clone is seen when either of both sees it
    seen = [
        one.detectable_reduced_cells
        for one in (rna, protein)
        if one.detectable_reduced_cells is not None
    ]
    rna, protein = (
        replace(one, detectable_reduced_cells=min(seen, default=None)) for one in (rna, protein)
    )
    if protein.status == "NOT_EVALUABLE":
        return replace(rna, flags=(*rna.flags, "antibody: not evaluable"))
    if rna.status == "NOT_EVALUABLE":
        return replace(protein, flags=(*protein.flags, "RNA: not evaluable"))
    if rna.status in GONE and protein.status in GONE:
        status = rna.status if rna.status == protein.status else "REDUCED"
        return replace(rna, status=status, basis="rna+protein")
    if rna.status == protein.status:
        return replace(rna, basis="rna+protein")
    if protein.status in GONE:
        return replace(
            protein,
            flags=(
                *protein.flags,
                "RNA is kept: loss after transcription, or an epitope out of the antibody's reach",
            ),
        )
    return replace(
        rna,
        status="NOT_EVALUABLE",
        basis="rna+protein",
        flags=(*rna.flags, f"RNA says {rna.status}, but the protein is kept"),
    )
