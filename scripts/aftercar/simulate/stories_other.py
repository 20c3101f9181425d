"""Patients with T-ALL or AML, and one of whom nothing is known. Nobody is real."""

from aftercar.simulate.plan import Event, Flow, Infusion, Lab, Patient
from aftercar.simulate.story_words import (
    ADULT,
    CAR5,
    CAR7,
    CAR19_MURINE,
    REMISSION,
    cd4,
    depletion,
    fixed,
    virus,
)

P06 = Patient(
    "P06",
    "CD7 CAR for T-ALL: CD7-negative T cells expand, CMV in T-cell aplasia, death in remission",
    (12, 19),
    "T-ALL",
    "b2",
    150,
    infusions=(
        Infusion(
            0,
            "CD7",
            CAR7,
            fixed(peak=40000, slow_share=0.02, fast_decline=0.18),
            source="donor",
            antigen_blockade="er_retention",
        ),
    ),
    specimens=(
        Flow(
            21,
            "PB",
            "t_lineage",
            events=30_000,
            t_mix={
                "car7": 0.30,
                "cd7neg_cd5pos": 0.52,
                "cd7pos_cd5pos": 0.14,
                "cd7neg_cd5neg": 0.03,
                "cd7pos_cd5neg": 0.01,
            },
        ),
        Flow(
            88,
            "PB",
            "t_lineage",
            events=30_000,
            t_mix={
                "car7": 0.05,
                "cd7neg_cd5pos": 0.84,
                "cd7pos_cd5pos": 0.07,
                "cd7neg_cd5neg": 0.03,
                "cd7pos_cd5neg": 0.01,
            },
        ),
        Flow(
            120,
            "PB",
            "t_lineage",
            events=30_000,
            t_mix={
                "car7": 0.03,
                "cd7neg_cd5pos": 0.90,
                "cd7pos_cd5pos": 0.04,
                "cd7neg_cd5neg": 0.02,
                "cd7pos_cd5neg": 0.01,
            },
        ),
    ),
    labs=(
        cd4(26, 22),
        cd4(60, 35),
        cd4(85, 40),
        cd4(120, 31),
        virus(26, "cmv", None),
        virus(60, "cmv", None),
        virus(85, "cmv", 12_000),
        virus(120, "cmv", 85_000),
    ),
    events=(
        depletion(),
        Event(  # grade and components disagree
            5,
            "crs",
            10,
            "3",
            "ASTCT",
            components="fever=yes;hypotension=no_pressor;oxygen=low_flow",
        ),
        Event(6, "ruxolitinib", 12),
        REMISSION,
        Event(84, "infection", 150, "4", "CTCAE", detail="CMV"),
        Event(110, "gvhd", 130, "2", "MAGIC", detail="skin"),
        Event(150, "death", detail="CMV pneumonia in remission"),
    ),
    sheet=ADULT,
    pcr_days=(88,),
    wbc=2000.0,
    lymphocytes=0.15,
)

P07 = Patient(
    "P07",
    "CD7 CAR, then CD5 CAR: the second becomes dominant, the first survives conditioning",
    (5, 6),
    "T-ALL",
    "b2",
    250,
    infusions=(
        Infusion(
            0,
            "CD7",
            CAR7,
            fixed(peak=35000, slow_share=0.03, slow_decline=0.002, fast_decline=0.18),
            source="donor",
            antigen_blockade="er_retention",
        ),
        Infusion(
            120,
            "CD5",
            CAR5,
            fixed(peak=45000, slow_share=0.05, slow_decline=0.001, fast_decline=0.15),
            source="donor",
            antigen_blockade="knock_out",
        ),
    ),
    specimens=(
        Flow(
            20,
            "PB",
            "t_lineage",
            events=30_000,
            t_mix={
                "car7": 0.35,
                "cd7neg_cd5pos": 0.48,
                "cd7pos_cd5pos": 0.13,
                "cd7neg_cd5neg": 0.03,
                "cd7pos_cd5neg": 0.01,
            },
        ),
        Flow(
            88,
            "PB",
            "t_lineage",
            events=30_000,
            t_mix={
                "car7": 0.08,
                "cd7neg_cd5pos": 0.80,
                "cd7pos_cd5pos": 0.08,
                "cd7neg_cd5neg": 0.03,
                "cd7pos_cd5neg": 0.01,
            },
        ),
        Flow(
            148,
            "PB",
            "t_lineage",
            events=30_000,
            t_mix={
                "car7": 0.015,
                "car5": 0.32,
                "cd7neg_cd5neg": 0.40,
                "cd7neg_cd5pos": 0.04,
                "cd7pos_cd5neg": 0.205,
                "cd7pos_cd5pos": 0.02,
            },
        ),
        Flow(
            230,
            "PB",
            "t_lineage",
            events=30_000,
            t_mix={
                "car7": 0.014,
                "car5": 0.15,
                "cd7neg_cd5neg": 0.15,
                "cd7neg_cd5pos": 0.05,
                "cd7pos_cd5neg": 0.20,
                "cd7pos_cd5pos": 0.436,
            },
        ),
    ),
    labs=(
        cd4(20, 30),
        cd4(60, 41),
        cd4(88, 45),
        cd4(148, 25),
        cd4(228, 60),
        virus(228, "adenovirus", 9_000),
        Lab(228, "PB", "chimerism_donor", 0.99, "fraction", status="QUANT"),
    ),
    events=(
        depletion(),
        Event(4, "crs", 9, "2", "ASTCT"),
        REMISSION,
        depletion(115),
        Event(179, "conditioning", 184),
        Event(185, "hct", detail="haploidentical donor"),
        Event(226, "infection", 245, "3", "CTCAE", detail="adenovirus"),
        Event(250, "last_contact"),
    ),
    sheet=ADULT,
    pcr_days=(88, 148, 230),
    wbc=2200.0,
    lymphocytes=0.15,
)

P11 = Patient(
    "P11",
    "everything missing: day of infusion unknown, one specimen that was never measured",
    (11,),
    "B-ALL",
    "b3",
    0,
    infusions=(
        Infusion(
            None, "CD19", "", scfv_origin="", costimulation="", source="", antigen_blockade=""
        ),
    ),
    specimens=(Flow(30, "PB", "b_cell_recovery", path_empty=True),),
    sheet={},
    pcr_series=False,
    labs_with_blood=False,
)

P12 = Patient(
    "P12",
    "hostile text in free fields and FCS keywords; AML t(8;21) with mixed CD19; one CAR sample",
    (8, 10, 17, 21, 23, 24),
    "AML",
    "b3",
    120,
    infusions=(Infusion(0, **CAR19_MURINE, course=fixed(peak=22000, fast_decline=0.15)),),
    specimens=(
        Flow(-8, "BM", "b_all_mrd", myeloid_blasts=0.4, antigen_negative=0.4),
        Flow(16, "PB", "car_t_persistence"),
    ),
    labs=(
        Lab(60, "BM", "flow_mrd", 0.02, "fraction", lod=1e-4, lloq=3e-4, status="QUANT"),
        Lab(
            60,
            "BM",
            "fusion_transcript",
            0.01,
            "ratio",
            transgene="RUNX1-RUNX1T1",
            lod=1e-5,
            status="QUANT",
        ),
    ),
    events=(
        depletion(),
        Event(4, "crs", 9, "2", "ASTCT", detail="<img src=x onerror=alert(1)>"),
        Event(7, "icans", 9, "", "ASTCT", detail='=HYPERLINK("http://x","y")'),
        Event(28, "complete_remission", detail="'; DROP TABLE patients; --"),
        Event(
            97, "relapse", phenotype="unknown", site="marrow", detail="@SUM(1+1)*cmd|' /C calc'!A0"
        ),
        Event(120, "last_contact"),
    ),
    sheet=ADULT
    | {
        "note": 'P1"><script>alert(1)</script> =HYPERLINK("http://x","y") '
        "<img src=x onerror=alert(1)>"
    },
    pcr_series=False,
)
