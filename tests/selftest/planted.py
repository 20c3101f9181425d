"""The patients of the self-test: nobody is real, and what is planted in each is known.

One negative control, three of a titration, and two whose files are exchanged in the sheets: the
row of the one names the file of the other.
"""

from aftercar.simulate.plan import Cells, Flow, Infusion, Lab, Patient, Reads
from aftercar.simulate.story_words import CAR19, CAR19_MURINE, CHILD, depletion, fixed, mrd_negative

NEGATIVE, TITRATION, SWAPPED = "NEGATIVE", ("HALF", "ONE", "TWO"), ("SWAP-A", "SWAP-B")
DOSES = {NEGATIVE: 0.0, "HALF": 0.5, "ONE": 1.0, "TWO": 2.0, "SWAP-A": 2.0, "SWAP-B": 0.0}
DAY = 27  # before the first landmark
# Planted at dose 1. Conventions of this test: each is some five times what its specimen can see.
BLASTS, CD7_POSITIVE, VARIANT, SKIPPING, COPIES = 0.02, 0.08, 0.04, 0.15, 1000.0
LOST_CELLS, MUTANT_CELLS = 150, 60
B_BLASTS, NORMAL_CELLS = 500, {"normal_t": 150, "normal_nk": 40, "normal_myeloid": 110}
FRAMESHIFT = "cd19_exon2_frameshift"
BATCH = "selftest"
CONTROLS = {BATCH: (("t_lineage", "fmo:CD7"), ("t_lineage", "fmo:CD5"))}
# assay -> specimens that are written, in the order of the sheet
ASSAYS = ("flow", "dna", "rna", "scrna")


def patient(name: str, assays: tuple[str, ...] = ASSAYS) -> Patient:
    """Return the patient of the self-test with this name, with specimens of some assays only."""
    dose = DOSES[name]
    lost, mutant = round(LOST_CELLS * dose), round(MUTANT_CELLS * dose)
    cells = {"leukemic_b": B_BLASTS, **NORMAL_CELLS}
    specimens = {
        "flow": (
            Flow(DAY, "BM", "b_all_mrd", blasts=BLASTS * dose),
            Flow(
                DAY,
                "PB",
                "t_lineage",
                t_mix={
                    "cd7neg_cd5pos": 1 - CD7_POSITIVE * dose,
                    **({"cd7pos_cd5pos": CD7_POSITIVE * dose} if dose else {}),
                },
            ),
        ),
        "dna": (
            Reads(
                DAY,
                "BM",
                "dna",
                {"CD19": 1500},
                {FRAMESHIFT: VARIANT * dose} if dose else {},
            ),
        ),
        "rna": (Reads(DAY, "BM", "rna", {"CD19": 500}, exon2_skipping=SKIPPING * dose),),
        "scrna": (
            Cells(
                DAY,
                "BM",
                cells | ({"leukemic_b_lost": lost} if lost else {}),
                "h5",
                labels=True,
            ),
            # only the reads of this library are given, not its counts
            Cells(
                DAY,
                "PB",
                {"leukemic_b": 300} | ({"leukemic_b_first_hit": mutant} if mutant else {}),
                "h5",
                FRAMESHIFT,
            ),
        ),
    }
    copies = Lab(
        DAY, "PB", "car_copies", COPIES * dose or None, "copies/ug", CAR19,
        lloq=50.0, lod=10.0, status="QUANT" if dose else "NOT_DET",
    )  # fmt: skip
    return Patient(
        name,
        f"dose {dose:g} of everything that is planted",
        (),
        "B-ALL",
        BATCH,
        60,
        infusions=(Infusion(0, **CAR19_MURINE, course=fixed(peak=30000)),),
        specimens=tuple(one for assay in assays for one in specimens[assay]),
        labs=(*mrd_negative(DAY), copies),
        events=(depletion(),),
        sheet=CHILD,
        pcr_series=False,
    )
