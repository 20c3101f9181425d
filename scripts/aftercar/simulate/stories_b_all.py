"""Patients with B-ALL and a CD19 CAR. Nobody is real; days count from the first infusion."""

from aftercar.simulate.plan import Cells, Event, Flow, Infusion, Lab, Patient, Reads
from aftercar.simulate.story_words import (
    ADULT,
    CAR19_MURINE,
    CHILD,
    REMISSION,
    depletion,
    fixed,
    mrd_negative,
    mrd_positive,
)

NORMAL_MARROW = {
    "normal_t": 380,
    "normal_nk": 110,
    "normal_myeloid": 520,
    "normal_progenitor": 190,
}
LOH_SNPS = ("rs2904880", "rs35979293", "rs79018922", "rs2070962")

P01 = Patient(
    "P01",
    "sustained responder: CAR stays, B cells stay away, marrow has normal CD34+CD19- cells",
    (3,),
    "B-ALL",
    "b1",
    372,
    infusions=(
        Infusion(
            0,
            **CAR19_MURINE,
            course=fixed(peak=30000, slow_share=0.08, slow_decline=0.001, fast_decline=0.2),
        ),
    ),
    specimens=(
        Flow(10, "PB", "car_t_persistence"),
        Flow(62, "PB", "b_cell_recovery"),
        Flow(88, "PB", "b_cell_recovery"),
        Flow(88, "PB", "car_t_persistence"),
        Flow(88, "BM", "b_all_mrd", events=30_000, progenitors=0.003),
        Cells(88, "BM", NORMAL_MARROW, "h5"),
        Flow(150, "PB", "b_cell_recovery"),
        Flow(178, "PB", "b_cell_recovery"),
        Flow(358, "PB", "b_cell_recovery"),
    ),
    labs=(*mrd_negative(27), *mrd_negative(88), *mrd_negative(176), *mrd_negative(358)),
    events=(
        depletion(),
        Event(4, "crs", 8, "2", "ASTCT", components="fever=yes;hypotension=no_pressor"),
        Event(5, "tocilizumab"),
        REMISSION,
        Event(60, "immunoglobulin"),
        Event(372, "last_contact"),
    ),
    sheet=ADULT,
    pcr_days=(88, 178, 358),
)

P02 = Patient(
    "P02",
    "early CAR loss, B cells back, second infusion of the same product, CD19+ relapse",
    (7,),
    "B-ALL",
    "b1",
    260,
    infusions=(
        Infusion(
            0,
            **CAR19_MURINE,
            course=fixed(
                peak=20000, fast_decline=0.2, days_to_peak=10, slow_share=0.004, lost_from=24
            ),
        ),
        Infusion(
            104,
            **CAR19_MURINE,
            course=fixed(
                peak=4000, fast_decline=0.25, days_to_peak=9, slow_share=0.004, lost_from=18
            ),
        ),
    ),
    specimens=(
        Flow(27, "PB", "car_t_persistence"),
        Flow(62, "PB", "b_cell_recovery"),
        Flow(76, "PB", "b_cell_recovery"),
        Flow(76, "PB", "car_t_persistence"),
        Flow(88, "PB", "b_cell_recovery"),
        Flow(175, "PB", "b_cell_recovery"),
        Flow(210, "BM", "b_all_mrd", blasts=0.55),
        Reads(
            210, "BM", "dna", {"CD19": 420, "TP53": 420}, snps={"rs2904880": 0.5, "rs35979293": 0.5}
        ),
        Reads(210, "BM", "rna", {"CD19": 260, "TP53": 120}, snps={"rs2904880": 0.5}),
    ),
    labs=(*mrd_negative(27), *mrd_negative(88)),
    events=(
        depletion(),
        Event(3, "crs", 6, "1", "ASTCT"),
        REMISSION,
        depletion(99),
        Event(210, "relapse", phenotype="antigen_positive", antigen="CD19", site="marrow"),
        Event(260, "last_contact"),
    ),
    sheet=CHILD,
    pcr_days=(60, 76, 88),
)

P03 = Patient(
    "P03",
    "CD19-negative relapse by a frameshift of exon 2 that was there before infusion at 2 %; "
    "at relapse with loss of the other allele",
    (14, 16),
    "B-ALL",
    "b1",
    230,
    infusions=(
        Infusion(
            0,
            **CAR19_MURINE,
            course=fixed(peak=40000, slow_share=0.03, slow_decline=0.001, fast_decline=0.2),
        ),
    ),
    specimens=(
        Flow(-12, "BM", "b_all_mrd", events=30_000, blasts=0.62, antigen_negative=0.03),
        Reads(
            -12,
            "BM",
            "dna",
            {"CD19": 2700, "TP53": 450},
            {"cd19_exon2_frameshift": 0.02},
            dict.fromkeys(LOH_SNPS, 0.5),
        ),
        Cells(
            -12,
            "BM",
            {
                "leukemic_b": 920,
                "leukemic_b_first_hit": 60,
                "normal_t": 210,
                "normal_nk": 40,
                "normal_myeloid": 130,
                "normal_progenitor": 40,
                "normal_b": 100,
            },
            "h5",
            "cd19_exon2_frameshift",
            contigs=True,
        ),
        Flow(62, "PB", "b_cell_recovery"),
        Flow(88, "PB", "b_cell_recovery"),
        Flow(88, "PB", "car_t_persistence"),
        Flow(188, "PB", "b_cell_recovery"),
        Flow(188, "PB", "car_t_persistence"),
        Flow(190, "BM", "b_all_mrd", blasts=0.85, antigen_negative=0.88),
        Reads(
            190,
            "BM",
            "dna",
            {"CD19": 520, "TP53": 420},
            {"cd19_exon2_frameshift": 0.75},
            dict.fromkeys(LOH_SNPS, 0.875),
        ),
        Cells(
            190,
            "BM",
            {
                "leukemic_b": 200,
                "leukemic_b_lost": 1500,
                "normal_t": 150,
                "normal_nk": 30,
                "normal_myeloid": 90,
                "normal_progenitor": 30,
            },
            "h5",
            "cd19_exon2_frameshift",
            contigs=True,
        ),
    ),
    labs=(
        *mrd_negative(27),
        *mrd_positive(88, 4e-4, 7e-4),
        *mrd_positive(171, 6e-3, 8e-3),
        Lab(190, "BM", "clonotype_shared", 1, "yes=1", status="QUANT"),
        Lab(190, "BM", "cd19_dim", 0.9, "fraction", transgene="FMC63", lod=0.01, status="QUANT"),
        Lab(190, "BM", "cd19_dim", 0.9, "fraction", transgene="HIB19", lod=0.01, status="QUANT"),
        Lab(7, "PB", "ice_score", 8, "score", status="QUANT"),
    ),
    events=(
        depletion(),
        Event(
            2,
            "crs",
            9,
            "3",
            "ASTCT",
            components="fever=yes;hypotension=one_pressor;oxygen=low_flow",
        ),
        Event(3, "tocilizumab"),
        Event(
            7,
            "icans",
            9,
            "1",
            "ASTCT",
            components="ice=8;consciousness=awake;seizure=none;motor=none;edema=none",
        ),
        Event(7, "steroid", 9),
        REMISSION,
        Event(190, "relapse", phenotype="antigen_negative", antigen="CD19", site="marrow"),
        Event(230, "death", detail="progressive leukemia"),
    ),
    sheet=ADULT | {"baseline_burden": "0.62"},
    pcr_days=(88, 170),
)

P04 = Patient(
    "P04",
    "exon 2 of CD19 is skipped, DNA is clean: dim by one antibody clone, negative by another",
    (13, 14),
    "B-ALL",
    "b1",
    190,
    infusions=(
        Infusion(
            0,
            **CAR19_MURINE,
            course=fixed(peak=15000, slow_share=0.06, slow_decline=0.001, fast_decline=0.2),
        ),
    ),
    specimens=(
        Flow(-9, "BM", "b_all_mrd", blasts=0.58),
        Flow(60, "PB", "b_cell_recovery"),
        Flow(86, "PB", "b_cell_recovery"),
        Flow(86, "PB", "car_t_persistence"),
        Flow(165, "BM", "b_all_mrd", blasts=0.7, antigen_dim=0.9),
        Reads(
            165,
            "BM",
            "dna",
            {"CD19": 520, "TP53": 420},
            snps={"rs2904880": 1.0, "rs35979293": 0.5, "rs2070962": 0.5},
        ),
        Reads(
            165,
            "BM",
            "rna",
            {"CD19": 420, "TP53": 120},
            snps={"rs2904880": 1.0},
            exon2_skipping=0.7,
        ),
    ),
    labs=(
        *mrd_negative(26),
        *mrd_negative(85),
        *mrd_positive(128, 3e-3, 5e-3),
        Lab(128, "BM", "cd19_dim", 0.35, "fraction", transgene="FMC63", lod=0.01, status="QUANT"),
        Lab(
            128, "BM", "cd19_dim", None, "fraction", transgene="J3-119", lod=0.01, status="NOT_DET"
        ),
        Lab(165, "BM", "cd19_dim", 0.92, "fraction", transgene="FMC63", lod=0.01, status="QUANT"),
        Lab(165, "BM", "cd19_dim", 0.04, "fraction", transgene="J3-119", lod=0.01, status="QUANT"),
    ),
    events=(
        depletion(),
        Event(5, "crs", 8, "1", "ASTCT"),
        REMISSION,
        Event(165, "relapse", phenotype="antigen_dim", antigen="CD19", site="marrow"),
        Event(190, "last_contact"),
    ),
    sheet=ADULT | {"baseline_burden": "0.58"},
    pcr_days=(86,),
)

P05 = Patient(
    "P05",
    "KMT2A-rearranged infant: myeloid relapse of the same clone on day 45",
    (15,),
    "B-ALL",
    "b2",
    70,
    infusions=(
        Infusion(0, **CAR19_MURINE, course=fixed(peak=25000, slow_share=0.03, fast_decline=0.2)),
    ),
    specimens=(
        Flow(-7, "BM", "b_all_mrd", blasts=0.64),
        Flow(11, "PB", "car_t_persistence"),
        Flow(45, "BM", "b_all_mrd", myeloid_blasts=0.6),
        Cells(
            45,
            "BM",
            {
                "leukemic_myeloid": 750,
                "leukemic_b": 40,
                "normal_t": 260,
                "normal_nk": 70,
                "normal_myeloid": 160,
                "normal_progenitor": 60,
            },
            "h5ad",
            labels=True,
        ),
    ),
    labs=(
        *mrd_negative(26),
        Lab(45, "BM", "clonotype_shared", 1, "yes=1", status="QUANT"),
        Lab(
            45,
            "BM",
            "fusion_transcript",
            0.8,
            "ratio",
            transgene="KMT2A-AFF1",
            lod=1e-5,
            status="QUANT",
        ),
        Lab(45, "BM", "myeloid_blasts", 0.6, "fraction", lod=1e-3, status="QUANT"),
    ),
    events=(
        depletion(),
        Event(4, "crs", 7, "2", "ASTCT"),
        REMISSION,
        Event(
            45,
            "lineage_switch",
            phenotype="lineage_switch",
            site="marrow",
            detail="CD33+ blasts with the diagnostic IGH clonotype",
        ),
        Event(70, "death", detail="progressive leukemia"),
    ),
    sheet=CHILD | {"age_group": "infant", "kmt2a_rearranged": "yes", "baseline_burden": "0.64"},
    pcr_days=(26,),
)

P08 = Patient(
    "P08",
    "TP53 mutation; transplant on day 60; the donor's B cells return (says nothing of the CAR)",
    (4,),
    "B-ALL",
    "b2",
    365,
    infusions=(
        Infusion(
            0,
            **CAR19_MURINE,
            course=fixed(
                peak=18000, slow_share=0.02, fast_decline=0.2, lost_from=58, lost_half_life=2.0
            ),
        ),
    ),
    specimens=(
        Reads(
            -10,
            "BM",
            "dna",
            {"CD19": 520, "TP53": 650},
            {"tp53_r248q": 0.3},
            {"rs2904880": 0.5, "rs1042522": 0.5},
        ),
        Flow(27, "PB", "b_cell_recovery"),
        Flow(118, "PB", "b_cell_recovery"),
        Flow(118, "PB", "car_t_persistence"),
        Flow(146, "BM", "b_cell_recovery"),
    ),
    labs=(
        *mrd_negative(27),
        *mrd_negative(118),
        Lab(118, "PB", "chimerism_donor", 1.0, "fraction", status="QUANT"),
    ),
    events=(
        depletion(),
        Event(3, "crs", 7, "1", "ASTCT"),
        REMISSION,
        Event(54, "conditioning", 59),
        Event(60, "hct", detail="matched sibling donor"),
        Event(365, "last_contact"),
    ),
    sheet=ADULT | {"tp53_status": "altered"},
    pcr_days=(27, 118),
    b_recovery_day=106,
)

P09 = Patient(
    "P09",
    "CAR below the limit of quantification while B cells stay away; flow negative, PCR positive",
    (1, 18),
    "B-ALL",
    "b3",
    300,
    infusions=(
        Infusion(
            0,
            **CAR19_MURINE,
            course=fixed(
                peak=6000,
                slow_share=0.005,
                slow_decline=0.0001,
                fast_decline=0.2,
                days_to_peak=10,
                fold_expansion=3900,
            ),
            scfv_origin="humanised",
        ),
    ),
    specimens=(
        Flow(27, "PB", "car_t_persistence", events=30_000),
        Flow(61, "PB", "b_cell_recovery", clog=True),
        Flow(89, "PB", "b_cell_recovery"),
        Flow(150, "PB", "b_cell_recovery"),
        Flow(178, "PB", "b_cell_recovery"),
        Flow(178, "PB", "car_t_persistence"),
    ),
    labs=(*mrd_negative(28), *mrd_negative(89)),
    events=(depletion(), REMISSION, Event(300, "last_contact")),
    sheet=CHILD,
    pcr_days=(61, 89, 150, 178),
)

P10 = Patient(
    "P10",
    "flow only; 900 cells on day 28; B cells back by one rule only; extramedullary relapse",
    (2, 9, 22),
    "B-ALL",
    "b3",
    260,
    infusions=(
        Infusion(
            0,
            **CAR19_MURINE,
            course=fixed(
                peak=25000,
                slow_share=0.02,
                slow_decline=0.001,
                fast_decline=0.2,
                days_to_peak=10,
                lost_from=88,
            ),
        ),
    ),
    specimens=(
        Flow(28, "PB", "b_cell_recovery", events=1060),
        Flow(62, "PB", "b_cell_recovery"),
        Flow(89, "PB", "b_cell_recovery"),
        Flow(89, "PB", "car_t_persistence"),
        Flow(150, "PB", "b_cell_recovery"),
        Flow(176, "PB", "b_cell_recovery"),
        Flow(176, "PB", "car_t_persistence"),
        Flow(238, "BM", "b_all_mrd", events=30_000),
    ),
    events=(
        depletion(),
        Event(5, "crs", 8, "1", "ASTCT"),
        REMISSION,
        Event(
            240,
            "extramedullary_relapse",
            phenotype="antigen_positive",
            antigen="CD19",
            site="extramedullary",
            detail="testis; marrow clear",
        ),
        Event(260, "last_contact"),
    ),
    sheet=CHILD | {"extramedullary": "yes"},
    pcr_series=False,
    labs_with_blood=False,
    b_cells_after=0.021,
)
