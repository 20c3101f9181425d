"""The twelve patients of the synthetic cohort: nobody is real, every story is told in one place.

Days count from the first infusion. Numbers in `edge_cases` are those of the list of edge patients
(1 CAR below the limit with aplasia ... 24 a name in an FCS keyword); duplicate identifiers and
swapped specimens (20) would be refused at the door and live in the tests of the sheets.
"""

from aftercar.simulate.plan import Cells, Event, Flow, Infusion, Lab, Patient, Reads

CAR19, CAR7, CAR5 = "car19_41bb", "car7_er", "car5_ko"


def mrd_negative(day: int) -> tuple[Lab, ...]:
    """Marrow without residual disease: CD19-free flow to 1e-5, clonotype to 1e-6."""
    return (
        Lab(day, "BM", "flow_mrd", None, "fraction", lod=1e-5, lloq=3e-5, status="NOT_DET"),
        Lab(day, "BM", "ngs_mrd", None, "fraction", lod=1e-6, lloq=5e-6, status="NOT_DET"),
    )


def mrd_positive(day: int, flow: float, ngs: float) -> tuple[Lab, ...]:
    """Marrow with residual disease, found by both methods."""
    return (
        Lab(day, "BM", "flow_mrd", flow, "fraction", lod=1e-5, lloq=3e-5, status="QUANT"),
        Lab(day, "BM", "ngs_mrd", ngs, "fraction", lod=1e-6, lloq=5e-6, status="QUANT"),
    )


def virus(day: int, name: str, copies: float | None) -> Lab:
    """Return a virus in blood, copies/mL; None: looked for and not found."""
    status = "QUANT" if copies else "NOT_DET"
    return Lab(day, "PB", name, copies, "copies/mL", lloq=500.0, lod=150.0, status=status)


def cd4(day: int, cells: float) -> Lab:
    """Return CD4+ T cells in blood, cells/uL."""
    return Lab(day, "PB", "cd4_t_per_ul", cells, "cells/uL", lloq=2.0, lod=1.0, status="QUANT")


def depletion(day: int = -5) -> Event:
    """Return the lymphodepletion before an infusion."""
    return Event(day, "lymphodepletion", day + 2, detail="fludarabine, cyclophosphamide")


REMISSION = Event(28, "complete_remission")
CAR19_MURINE = dict(targets="CD19", transgene=CAR19)
ADULT = {
    "age_group": "adult", "kmt2a_rearranged": "no", "extramedullary": "no", "cns_status": "CNS1",
    "tp53_status": "wild_type", "baseline_burden": "unknown", "prior_blinatumomab": "none",
    "prior_inotuzumab": "no", "prior_hct": "no",
}  # fmt: skip
CHILD = ADULT | {"age_group": "child"}
NORMAL_MARROW = {
    "normal_t": 380, "normal_nk": 110, "normal_myeloid": 520, "normal_progenitor": 190,
}  # fmt: skip

P01 = Patient(
    "P01", "sustained responder: CAR stays, B cells stay away, marrow has normal CD34+CD19- cells",
    (3,), "B-ALL", "b1", 372,
    infusions=(Infusion(0, **CAR19_MURINE, course=dict(peak=30000, slow_share=0.08, slow_decline=0.001, fast_decline=0.2)),),
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
        depletion(), Event(4, "crs", 8, "2", "ASTCT"), Event(5, "tocilizumab"), REMISSION,
        Event(60, "immunoglobulin"), Event(372, "last_contact"),
    ),
    sheet=ADULT, pcr_days=(88, 178, 358),
)  # fmt: skip

P02 = Patient(
    "P02", "early CAR loss, B cells back, second infusion of the same product, CD19+ relapse",
    (7,), "B-ALL", "b1", 260,
    infusions=(
        Infusion(0, **CAR19_MURINE, course=dict(peak=20000, fast_decline=0.2, days_to_peak=10, slow_share=0.004, lost_from=24)),
        Infusion(104, **CAR19_MURINE, course=dict(peak=4000, fast_decline=0.25, days_to_peak=9, slow_share=0.004, lost_from=18)),
    ),
    specimens=(
        Flow(27, "PB", "car_t_persistence"),
        Flow(62, "PB", "b_cell_recovery"),
        Flow(76, "PB", "b_cell_recovery"),
        Flow(76, "PB", "car_t_persistence"),
        Flow(88, "PB", "b_cell_recovery"),
        Flow(175, "PB", "b_cell_recovery"),
        Flow(210, "BM", "b_all_mrd", blasts=0.55),
        Reads(210, "BM", "dna", {"CD19": 420, "TP53": 420}, snps={"rs2904880": 0.5, "rs35979293": 0.5}),
        Reads(210, "BM", "rna", {"CD19": 260, "TP53": 120}, snps={"rs2904880": 0.5}),
    ),
    labs=(*mrd_negative(27), *mrd_negative(88)),
    events=(
        depletion(), Event(3, "crs", 6, "1", "ASTCT"), REMISSION, depletion(99),
        Event(210, "relapse", phenotype="antigen_positive", antigen="CD19", site="marrow"),
        Event(260, "last_contact"),
    ),
    sheet=CHILD, pcr_days=(60, 76, 88),
)  # fmt: skip

LOH_SNPS = ("rs2904880", "rs35979293", "rs79018922", "rs2070962")
P03 = Patient(
    "P03", "CD19-negative relapse by a frameshift of exon 2 that was there before infusion at 2 %; "
    "at relapse with loss of the other allele",
    (14, 16), "B-ALL", "b1", 230,
    infusions=(Infusion(0, **CAR19_MURINE, course=dict(peak=40000, slow_share=0.03, slow_decline=0.001, fast_decline=0.2)),),
    specimens=(
        Flow(-12, "BM", "b_all_mrd", events=30_000, blasts=0.62, antigen_negative=0.03),
        Reads(-12, "BM", "dna", {"CD19": 2700, "TP53": 450}, {"cd19_exon2_frameshift": 0.02}, dict.fromkeys(LOH_SNPS, 0.5)),
        Cells(-12, "BM", {"leukemic_b": 920, "leukemic_b_first_hit": 60, "normal_t": 210, "normal_nk": 40, "normal_myeloid": 130, "normal_progenitor": 40, "normal_b": 100}, "h5", "cd19_exon2_frameshift"),
        Flow(62, "PB", "b_cell_recovery"),
        Flow(88, "PB", "b_cell_recovery"),
        Flow(88, "PB", "car_t_persistence"),
        Flow(188, "PB", "b_cell_recovery"),
        Flow(188, "PB", "car_t_persistence"),
        Flow(190, "BM", "b_all_mrd", blasts=0.85, antigen_negative=0.88),
        Reads(190, "BM", "dna", {"CD19": 520, "TP53": 420}, {"cd19_exon2_frameshift": 0.75}, dict.fromkeys(LOH_SNPS, 0.875)),
        Cells(190, "BM", {"leukemic_b": 200, "leukemic_b_lost": 1500, "normal_t": 150, "normal_nk": 30, "normal_myeloid": 90, "normal_progenitor": 30}, "h5", "cd19_exon2_frameshift"),
    ),
    labs=(
        *mrd_negative(27), *mrd_positive(88, 4e-4, 7e-4), *mrd_positive(171, 6e-3, 8e-3),
        Lab(190, "BM", "clonotype_shared", 1, "yes=1", status="QUANT"),
        Lab(190, "BM", "cd19_dim", 0.9, "fraction", transgene="FMC63", lod=0.01, status="QUANT"),
        Lab(190, "BM", "cd19_dim", 0.9, "fraction", transgene="HIB19", lod=0.01, status="QUANT"),
        Lab(7, "PB", "ice_score", 8, "score", status="QUANT"),
    ),
    events=(
        depletion(), Event(2, "crs", 9, "3", "ASTCT"), Event(3, "tocilizumab"),
        Event(7, "icans", 9, "1", "ASTCT"), Event(7, "steroid", 9), REMISSION,
        Event(190, "relapse", phenotype="antigen_negative", antigen="CD19", site="marrow"),
        Event(230, "death", detail="progressive leukemia"),
    ),
    sheet=ADULT | {"baseline_burden": "0.62"}, pcr_days=(88, 170),
)  # fmt: skip

P04 = Patient(
    "P04", "exon 2 of CD19 is skipped, DNA is clean: dim by one antibody clone, negative by another",
    (13, 14), "B-ALL", "b1", 190,
    infusions=(Infusion(0, **CAR19_MURINE, course=dict(peak=15000, slow_share=0.06, slow_decline=0.001, fast_decline=0.2)),),
    specimens=(
        Flow(-9, "BM", "b_all_mrd", blasts=0.35),
        Flow(60, "PB", "b_cell_recovery"),
        Flow(86, "PB", "b_cell_recovery"),
        Flow(86, "PB", "car_t_persistence"),
        Flow(165, "BM", "b_all_mrd", blasts=0.7, antigen_dim=0.9),
        Reads(165, "BM", "dna", {"CD19": 520, "TP53": 420}, snps={"rs2904880": 1.0, "rs35979293": 0.5, "rs2070962": 0.5}),
        Reads(165, "BM", "rna", {"CD19": 420, "TP53": 120}, snps={"rs2904880": 1.0}, exon2_skipping=0.7),
    ),
    labs=(
        *mrd_negative(26), *mrd_negative(85), *mrd_positive(128, 3e-3, 5e-3),
        Lab(128, "BM", "cd19_dim", 0.35, "fraction", transgene="FMC63", lod=0.01, status="QUANT"),
        Lab(128, "BM", "cd19_dim", None, "fraction", transgene="J3-119", lod=0.01, status="NOT_DET"),
        Lab(165, "BM", "cd19_dim", 0.92, "fraction", transgene="FMC63", lod=0.01, status="QUANT"),
        Lab(165, "BM", "cd19_dim", 0.04, "fraction", transgene="J3-119", lod=0.01, status="QUANT"),
    ),
    events=(
        depletion(), Event(5, "crs", 8, "1", "ASTCT"), REMISSION,
        Event(165, "relapse", phenotype="antigen_dim", antigen="CD19", site="marrow"),
        Event(190, "last_contact"),
    ),
    sheet=ADULT, pcr_days=(86,),
)  # fmt: skip

P05 = Patient(
    "P05", "KMT2A-rearranged infant: myeloid relapse of the same clone on day 45",
    (15,), "B-ALL", "b2", 70,
    infusions=(Infusion(0, **CAR19_MURINE, course=dict(peak=25000, slow_share=0.03, fast_decline=0.2)),),
    specimens=(
        Flow(-7, "BM", "b_all_mrd", blasts=0.45),
        Flow(11, "PB", "car_t_persistence"),
        Flow(45, "BM", "b_all_mrd", myeloid_blasts=0.6),
        Cells(45, "BM", {"leukemic_myeloid": 750, "leukemic_b": 40, "normal_t": 260, "normal_nk": 70, "normal_myeloid": 160, "normal_progenitor": 60}, "h5ad", labels=True),
    ),
    labs=(
        *mrd_negative(26),
        Lab(45, "BM", "clonotype_shared", 1, "yes=1", status="QUANT"),
        Lab(45, "BM", "fusion_transcript", 0.8, "ratio", transgene="KMT2A-AFF1", lod=1e-5, status="QUANT"),
        Lab(45, "BM", "myeloid_blasts", 0.6, "fraction", lod=1e-3, status="QUANT"),
    ),
    events=(
        depletion(), Event(4, "crs", 7, "2", "ASTCT"), REMISSION,
        Event(45, "lineage_switch", phenotype="lineage_switch", site="marrow", detail="CD33+ blasts with the diagnostic IGH clonotype"),
        Event(70, "death", detail="progressive leukemia"),
    ),
    sheet=CHILD | {"age_group": "infant", "kmt2a_rearranged": "yes"}, pcr_days=(26,),
)  # fmt: skip

P06 = Patient(
    "P06", "CD7 CAR for T-ALL: CD7-negative T cells expand, CMV in T-cell aplasia, death in remission",
    (12, 19), "T-ALL", "b2", 150,
    infusions=(Infusion(0, "CD7", CAR7, dict(peak=40000, slow_share=0.02, fast_decline=0.18), source="donor", antigen_blockade="er_retention"),),
    specimens=(
        Flow(21, "PB", "t_lineage", events=30_000, t_mix={"car7": 0.30, "cd7neg_cd5pos": 0.52, "cd7pos_cd5pos": 0.14, "cd7neg_cd5neg": 0.03, "cd7pos_cd5neg": 0.01}),
        Flow(88, "PB", "t_lineage", events=30_000, t_mix={"car7": 0.05, "cd7neg_cd5pos": 0.84, "cd7pos_cd5pos": 0.07, "cd7neg_cd5neg": 0.03, "cd7pos_cd5neg": 0.01}),
        Flow(120, "PB", "t_lineage", events=30_000, t_mix={"car7": 0.03, "cd7neg_cd5pos": 0.90, "cd7pos_cd5pos": 0.04, "cd7neg_cd5neg": 0.02, "cd7pos_cd5neg": 0.01}),
    ),
    labs=(
        cd4(26, 22), cd4(60, 35), cd4(85, 40), cd4(120, 31),
        virus(26, "cmv", None), virus(60, "cmv", None), virus(85, "cmv", 12_000), virus(120, "cmv", 85_000),
    ),
    events=(
        depletion(), Event(5, "crs", 10, "3", "ASTCT"), Event(6, "ruxolitinib", 12), REMISSION,
        Event(84, "infection", 150, "4", "CTCAE", detail="CMV"), Event(110, "gvhd", 130, "2", "MAGIC", detail="skin"),
        Event(150, "death", detail="CMV pneumonia in remission"),
    ),
    sheet=ADULT, pcr_days=(88,), wbc=2000.0, lymphocytes=0.15,
)  # fmt: skip

P07 = Patient(
    "P07", "CD7 CAR, then CD5 CAR: the second becomes dominant, the first survives conditioning",
    (5, 6), "T-ALL", "b2", 250,
    infusions=(
        Infusion(0, "CD7", CAR7, dict(peak=35000, slow_share=0.03, slow_decline=0.002, fast_decline=0.18), source="donor", antigen_blockade="er_retention"),
        Infusion(120, "CD5", CAR5, dict(peak=45000, slow_share=0.05, slow_decline=0.001, fast_decline=0.15), source="donor", antigen_blockade="knock_out"),
    ),
    specimens=(
        Flow(20, "PB", "t_lineage", events=30_000, t_mix={"car7": 0.35, "cd7neg_cd5pos": 0.48, "cd7pos_cd5pos": 0.13, "cd7neg_cd5neg": 0.03, "cd7pos_cd5neg": 0.01}),
        Flow(88, "PB", "t_lineage", events=30_000, t_mix={"car7": 0.08, "cd7neg_cd5pos": 0.80, "cd7pos_cd5pos": 0.08, "cd7neg_cd5neg": 0.03, "cd7pos_cd5neg": 0.01}),
        Flow(148, "PB", "t_lineage", events=30_000, t_mix={"car7": 0.015, "car5": 0.32, "cd7neg_cd5neg": 0.40, "cd7neg_cd5pos": 0.04, "cd7pos_cd5neg": 0.205, "cd7pos_cd5pos": 0.02}),
        Flow(230, "PB", "t_lineage", events=30_000, t_mix={"car7": 0.014, "car5": 0.15, "cd7neg_cd5neg": 0.15, "cd7neg_cd5pos": 0.05, "cd7pos_cd5neg": 0.20, "cd7pos_cd5pos": 0.436}),
    ),
    labs=(
        cd4(20, 30), cd4(60, 41), cd4(88, 45), cd4(148, 25), cd4(228, 60), virus(228, "adenovirus", 9_000),
        Lab(228, "PB", "chimerism_donor", 0.99, "fraction", status="QUANT"),
    ),
    events=(
        depletion(), Event(4, "crs", 9, "2", "ASTCT"), REMISSION, depletion(115),
        Event(179, "conditioning", 184), Event(185, "hct", detail="haploidentical donor"),
        Event(226, "infection", 245, "3", "CTCAE", detail="adenovirus"), Event(250, "last_contact"),
    ),
    sheet=ADULT, pcr_days=(88, 148, 230), wbc=2200.0, lymphocytes=0.15,
)  # fmt: skip

P08 = Patient(
    "P08", "TP53 mutation; transplant on day 60; the donor's B cells return (says nothing of the CAR)",
    (4,), "B-ALL", "b2", 365,
    infusions=(Infusion(0, **CAR19_MURINE, course=dict(peak=18000, slow_share=0.02, fast_decline=0.2, lost_from=58, lost_half_life=2.0)),),
    specimens=(
        Reads(-10, "BM", "dna", {"CD19": 520, "TP53": 650}, {"tp53_r248q": 0.3}, {"rs2904880": 0.5, "rs1042522": 0.5}),
        Flow(27, "PB", "b_cell_recovery"),
        Flow(118, "PB", "b_cell_recovery"),
        Flow(118, "PB", "car_t_persistence"),
        Flow(146, "BM", "b_cell_recovery"),
    ),
    labs=(*mrd_negative(27), *mrd_negative(118), Lab(118, "PB", "chimerism_donor", 1.0, "fraction", status="QUANT")),
    events=(
        depletion(), Event(3, "crs", 7, "1", "ASTCT"), REMISSION, Event(54, "conditioning", 59),
        Event(60, "hct", detail="matched sibling donor"), Event(365, "last_contact"),
    ),
    sheet=ADULT | {"tp53_status": "altered"}, pcr_days=(27, 118), b_recovery_day=106,
)  # fmt: skip

P09 = Patient(
    "P09", "CAR below the limit of quantification while B cells stay away; flow negative, PCR positive",
    (1, 18), "B-ALL", "b3", 300,
    infusions=(Infusion(0, **CAR19_MURINE, course=dict(peak=6000, slow_share=0.005, slow_decline=0.0001, fast_decline=0.2, days_to_peak=10, fold_expansion=3900), scfv_origin="humanised"),),
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
    sheet=CHILD, pcr_days=(61, 89, 150, 178),
)  # fmt: skip

P10 = Patient(
    "P10", "flow only; 900 cells on day 28; B cells back by one rule only; extramedullary relapse",
    (2, 9, 22), "B-ALL", "b3", 260,
    infusions=(Infusion(0, **CAR19_MURINE, course=dict(peak=25000, slow_share=0.02, slow_decline=0.001, fast_decline=0.2, days_to_peak=10, lost_from=88)),),
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
        depletion(), Event(5, "crs", 8, "1", "ASTCT"), REMISSION,
        Event(240, "extramedullary_relapse", phenotype="antigen_positive", antigen="CD19", site="extramedullary", detail="testis; marrow clear"),
        Event(260, "last_contact"),
    ),
    sheet=CHILD | {"extramedullary": "yes"}, pcr_series=False, labs_with_blood=False, b_cells_after=0.021,
)  # fmt: skip

P11 = Patient(
    "P11", "everything missing: day of infusion unknown, one specimen that was never measured",
    (11,), "B-ALL", "b3", 0,
    infusions=(Infusion(None, "CD19", "", scfv_origin="", costimulation="", source="", antigen_blockade=""),),
    specimens=(Flow(30, "PB", "b_cell_recovery", path_empty=True),),
    sheet={}, pcr_series=False, labs_with_blood=False,
)  # fmt: skip

P12 = Patient(
    "P12", "hostile text in free fields and FCS keywords; AML t(8;21) with mixed CD19; one CAR sample",
    (8, 10, 17, 21, 23, 24), "AML", "b3", 120,
    infusions=(Infusion(0, **CAR19_MURINE, course=dict(peak=22000, fast_decline=0.15)),),
    specimens=(
        Flow(-8, "BM", "b_all_mrd", myeloid_blasts=0.4, antigen_negative=0.4),
        Flow(16, "PB", "car_t_persistence"),
    ),
    labs=(
        Lab(60, "BM", "flow_mrd", 0.02, "fraction", lod=1e-4, lloq=3e-4, status="QUANT"),
        Lab(60, "BM", "fusion_transcript", 0.01, "ratio", transgene="RUNX1-RUNX1T1", lod=1e-5, status="QUANT"),
    ),
    events=(
        depletion(), Event(4, "crs", 9, "2", "ASTCT", detail="<img src=x onerror=alert(1)>"),
        Event(7, "icans", 9, "", "ASTCT", detail='=HYPERLINK("http://x","y")'),
        Event(28, "complete_remission", detail="'; DROP TABLE patients; --"),
        Event(97, "relapse", phenotype="unknown", site="marrow", detail="@SUM(1+1)*cmd|' /C calc'!A0"),
        Event(120, "last_contact"),
    ),
    sheet=ADULT | {"note": 'P1"><script>alert(1)</script> =HYPERLINK("http://x","y") <img src=x onerror=alert(1)>'},
    pcr_series=False,
)  # fmt: skip

COHORT = (P01, P02, P03, P04, P05, P06, P07, P08, P09, P10, P11, P12)
# batch -> controls (panel, control_for): what places the cuts of the batch
CONTROLS = {
    "b1": (("car_t_persistence", "fmo:CAR"), ("b_cell_recovery", "unstained")),
    "b2": (
        ("car_t_persistence", "fmo:CAR"), ("b_cell_recovery", "unstained"),
        ("t_lineage", "fmo:CAR7"), ("t_lineage", "fmo:CAR5"),
    ),
    "b3": (("car_t_persistence", "fmo:CAR"), ("b_cell_recovery", "unstained")),
}  # fmt: skip
