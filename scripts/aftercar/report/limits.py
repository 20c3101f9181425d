"""What each assay cannot see: printed on every page that rests on it."""

# A sentence names what is invisible, so that "not detected" is not read as "not there".
ASSAY_LIMITS = {
    "flow": (
        "Flow cytometry sees what its antibodies bind. A CAR on the cell or an antibody of "
        "the same epitope can "
        "hide an antigen that is there (masking); a low count of events hides rare cells: "
        "read the LOD of the row.",
        "CD19-negative cells may be normal progenitors or plasma cells. Leukemic origin "
        "needs a shared clone or lesion.",
    ),
    "dna": (
        "DNA reads show substitutions and small insertions or deletions inside the exons "
        "that are called "
        "callable, down to the detectable VAF of the row. They do not show exon-2 skipping, "
        "retained introns, a "
        "block of transport to the surface, large rearrangements, lineage switch, or "
        "reversible loss from the "
        "surface (trogocytosis, down-modulation).",
        "Loss of heterozygosity is judged from common SNPs only; without an informative SNP "
        "nothing is said.",
    ),
    "rna": (
        "RNA reads show what is expressed: an allele that is decayed or silent is missing "
        "from them.",
    ),
    "scrna": (
        "A single cell without molecules of an antigen is not a negative cell: dropout is "
        "common. Statements are "
        "about sub-populations with enough cells; the smallest share that would have been "
        "seen is printed.",
        "A cell without molecules of a variant is not wild type.",
    ),
    "scdna": ("A cell without reads of a variant is not wild type: alleles drop out.",),
    "labs": (
        "Values from labs.tsv are taken as entered, with the limits entered beside them; "
        "AfterCAR converts no unit.",
    ),
}
NOT_DONE = {
    "flow": (
        "Flow cytometry was not tested here: nothing is known of CAR-T, B cells or blasts by "
        "flow from files."
    ),
    "dna": "DNA reads were not tested here: nothing is known of CD19 or TP53 variants.",
    "rna": "RNA reads were not tested here: exon skipping and intron retention are unknown.",
    "scrna": (
        "Single-cell expression was not tested here: antigen loss in sub-populations is unknown."
    ),
    "scdna": "Single-cell DNA was not tested here: the clones behind a variant are unknown.",
    "labs": "No laboratory value was entered: PCR, MRD, counts and viruses are unknown.",
}
METHODS = (
    "Each mechanism is judged for itself at each landmark; nothing is added up across "
    "mechanisms, and no "
    "individual probability of relapse is given.",
    "A landmark uses only specimens collected, and results known, up to its day, and not "
    "older than the maximum "
    "age of the settings. Later measurements do not change an earlier row.",
    "'No signal' is written only where a named minimum set of adequate tests was done; "
    "otherwise the mechanism is "
    "not assessable. A test that was not done is never counted as negative.",
    "Fractions carry 95 % Wilson intervals, counts exact Poisson intervals. A value below "
    "its limit of detection is "
    "written < limit; below the lower limit of quantification (LLOQ) it is detected but not "
    "quantified.",
    "Rules that rest on the same information count as one driver. Published ratios are shown "
    "with their interval and "
    "are never multiplied.",
)


def limits_of(assays: set[str]) -> list[dict[str, object]]:
    """Return per assay whether it was done, and what it cannot see or leaves unknown."""
    return [
        {
            "assay": assay,
            "done": assay in assays,
            "text": list(said) if assay in assays else [NOT_DONE[assay]],
        }
        for assay, said in ASSAY_LIMITS.items()
    ]
