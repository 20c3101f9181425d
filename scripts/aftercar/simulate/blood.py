"""What cells a tube holds, and what stands for what in the truth."""

import numpy as np

from aftercar.simulate.kinetics import b_cell_share, car_share_of_t_cells, total_copies
from aftercar.simulate.plan import Flow, Patient, recovery_days

CD4_SHARE = 0.4  # of T cells
NK_SHARE = 0.15  # of lymphocytes
T_SUBSETS = (
    "t",
    "car",
    "car7",
    "car5",
    "cd7neg_cd5pos",
    "cd7neg_cd5neg",
    "cd7pos_cd5neg",
    "cd7pos_cd5pos",
)
T_CELLS = tuple(f"{kind}_{lineage}" for kind in T_SUBSETS for lineage in ("cd4", "cd8"))
MEMORY = ("naive", "central_memory", "effector_memory", "temra")
# T cells told apart by what they remember, in tubes that stain for it
MEMORY_T_CELLS = tuple(
    f"{kind}_{memory}_{lineage}"
    for kind in ("t", "car")
    for memory in MEMORY
    for lineage in ("cd4", "cd8")
)
B_ALL_BLASTS = ("blast", "blast_cd19neg", "blast_cd19dim")
MYELOID_BLASTS = ("myeloid_blast", "aml_blast_cd19pos", "aml_blast_cd19neg", "aml_blast_cd33neg")
B_CELLS = ("b", "b_cd19neg", "b_cd19neg_cd20neg")
NK_CELLS = ("nk", "nk_cd56bright", "nk_cd56neg")
LYMPHOCYTES = (*T_CELLS, *NK_CELLS, *B_CELLS, *MEMORY_T_CELLS)
LEUKOCYTES = (
    *LYMPHOCYTES,
    "hematogone",
    "monocyte",
    "granulocyte",
    "progenitor",
    *B_ALL_BLASTS,
    *MYELOID_BLASTS,
    "basophil",
    "t_all_blast",
)
TARGET_OF_MARKER = {"CAR7": "CD7", "CAR5": "CD5"}


def tube(patient: Patient, flow: Flow, courses: dict[str, list]) -> dict[str, float]:
    """Return population -> share of the leukocytes of a tube; the shares sum to 1."""
    marrow = flow.specimen == "BM"
    lymphocytes = 0.25 if marrow else patient.lymphocytes
    t_lineage = patient.disease == "T-ALL"
    starts = [start for given in courses.values() for start, _ in given]
    recovered = recovery_days(patient, courses) if not t_lineage else []
    b = (
        0.25
        if t_lineage
        else b_cell_share(
            flow.day, starts, recovered, before=patient.b_cells_before, after=patient.b_cells_after
        )
    )
    t = 1 - b - (0.20 if t_lineage else NK_SHARE)
    copies = sum(float(total_copies(given, np.array([flow.day]))[0]) for given in courses.values())
    car = float(car_share_of_t_cells(np.array(copies)))
    mix = flow.t_mix or {"car": car, "t": 1 - car}
    shares = {
        "b": lymphocytes * b,
        "nk": lymphocytes * (1 - b - t),
        "hematogone": 0.03 * min(1.0, b / 0.08) if marrow else 0.0,
        "monocyte": 0.08 if marrow else 0.12,
    }
    for kind, share in mix.items():
        for lineage, part in (("cd4", CD4_SHARE), ("cd8", 1 - CD4_SHARE)):
            shares[f"{kind}_{lineage}"] = lymphocytes * t * share * part
    shares["granulocyte"] = 1 - sum(shares.values())
    special = _leukemia(patient, flow) | {"progenitor": flow.progenitors}
    rest = 1 - sum(special.values())
    everything = {name: share * rest for name, share in shares.items()} | special
    return {name: everything[name] for name in LEUKOCYTES if everything.get(name, 0) > 0}


def healthy_blood() -> dict[str, float]:
    """Return the tube of a healthy donor, for controls."""
    shares = {
        "t_cd4": 0.14,
        "t_cd8": 0.12,
        "b": 0.04,
        "nk": 0.06,
        "monocyte": 0.10,
        "granulocyte": 0.54,
    }
    return {name: shares[name] for name in LEUKOCYTES if name in shares}


def _leukemia(patient: Patient, flow: Flow) -> dict[str, float]:
    if patient.disease == "AML":
        return {
            "aml_blast_cd19pos": flow.myeloid_blasts * (1 - flow.antigen_negative),
            "aml_blast_cd19neg": flow.myeloid_blasts * flow.antigen_negative,
        }
    negative, dim = flow.antigen_negative, flow.antigen_dim
    return {
        "blast": flow.blasts * (1 - negative - dim),
        "blast_cd19neg": flow.blasts * negative,
        "blast_cd19dim": flow.blasts * dim,
        "myeloid_blast": flow.myeloid_blasts,
    }


def _t(*kinds: str) -> tuple[str, ...]:
    return tuple(f"{kind}_{lineage}" for kind in kinds for lineage in ("cd4", "cd8"))


# role -> populations that carry it when stained: CD7 is masked on the CD7 CAR-T, CD5 knocked out
# of the CD5 CAR-T
ROLES = {
    "leukocytes": LEUKOCYTES,
    "lymphocytes": LYMPHOCYTES,
    "b_cells": B_CELLS,
    "nk_cells": NK_CELLS,
    "hematogones": ("hematogone",),
    "t_cells": (*T_CELLS, *MEMORY_T_CELLS),
    "cd4_t": tuple(n for n in (*T_CELLS, *MEMORY_T_CELLS) if n.endswith("cd4")),
    "cd8_t": tuple(n for n in (*T_CELLS, *MEMORY_T_CELLS) if n.endswith("cd8")),
    "cd7_positive_t": _t("t", "car", "car5", "cd7pos_cd5neg", "cd7pos_cd5pos"),
    "cd7_negative_t": _t("car7", "cd7neg_cd5pos", "cd7neg_cd5neg"),
    "cd5_positive_t": _t("t", "car", "car7", "cd7neg_cd5pos", "cd7pos_cd5pos"),
    "cd5_negative_t": _t("car5", "cd7neg_cd5neg", "cd7pos_cd5neg"),
    "blasts": B_ALL_BLASTS,
    "antigen_negative_blasts": ("blast_cd19neg",),
    "myeloid_blasts": MYELOID_BLASTS,
}
# what a role means in one panel only
ROLES_OF_PANEL = {"aml": {"antigen_negative_blasts": ("aml_blast_cd33neg",)}}
# tubes with more stains -> the panel that they are analysed by
ANALYSED_BY = {"car_t_memory": "car_t_persistence", "b_cells_without_cd19": "b_cell_recovery"}
# panel -> (role, denominator)
COUNTED = {
    "b_cell_recovery": (
        ("lymphocytes", "leukocytes"),
        ("b_cells", "lymphocytes"),
        ("b_cells", "leukocytes"),
        ("hematogones", "leukocytes"),
        ("t_cells", "leukocytes"),
    ),
    "car_t_persistence": (
        ("t_cells", "leukocytes"),
        ("cd4_t", "t_cells"),
        ("cd8_t", "t_cells"),
    ),
    "t_lineage": (
        ("t_cells", "leukocytes"),
        ("cd4_t", "t_cells"),
        ("cd8_t", "t_cells"),
        ("cd7_positive_t", "t_cells"),
        ("cd7_negative_t", "t_cells"),
        ("cd5_positive_t", "t_cells"),
        ("cd5_negative_t", "t_cells"),
    ),
    "b_all_mrd": (
        ("blasts", "leukocytes"),
        ("antigen_negative_blasts", "blasts"),
        ("myeloid_blasts", "leukocytes"),
    ),
    "nk": (
        ("lymphocytes", "leukocytes"),
        ("t_cells", "leukocytes"),
        ("b_cells", "lymphocytes"),
        ("b_cells", "leukocytes"),
        ("nk_cells", "lymphocytes"),
        ("nk_cells", "leukocytes"),
    ),
    "aml": (
        ("myeloid_blasts", "leukocytes"),
        ("antigen_negative_blasts", "myeloid_blasts"),
    ),
}


def true_counts(sample_id: str, panel: str, target: str, counts: dict[str, int]) -> list[dict]:
    """Return rows of the truth for one tube: what a perfect gate would have counted.

    `counts` holds the viable single cells of each population in the file; `target` is the antigen
    of the CAR in force, used where the panel has one channel for any CAR. A dim blast is neither
    positive nor negative: with dim blasts the row of antigen-negative blasts is left out. Whether
    AML blasts with CD19 count as B-lineage blasts is open: with them those rows are left out too.
    """
    panel = ANALYSED_BY.get(panel, panel)
    aml = any(counts.get(name, 0) for name in MYELOID_BLASTS[1:])
    roles = ROLES | ROLES_OF_PANEL.get(panel, {})

    def number(names: tuple[str, ...]) -> int:
        return sum(counts.get(name, 0) for name in names)

    rows = []
    for role, denominator in COUNTED[panel]:
        if role == "antigen_negative_blasts" and counts.get("blast_cd19dim", 0):
            continue
        if aml and "blasts" in (role, denominator):
            continue
        antigen = role[:3].upper() if role.startswith(("cd7_", "cd5_")) else ""
        if role == "antigen_negative_blasts":
            antigen = "CD33" if panel == "aml" else "CD19"
        rows.append((role, antigen, denominator, number(roles[role])))
    if panel == "car_t_persistence":
        car = (*_t("car"), *(name for name in MEMORY_T_CELLS if name.startswith("car")))
        rows.append(("car_t", target, "t_cells", number(car)))
    if panel == "t_lineage":
        rows += [
            ("car_t", TARGET_OF_MARKER[m], "t_cells", number(_t(m.lower())))
            for m in TARGET_OF_MARKER
        ]
    table = []
    for role, antigen, denominator, count in rows:
        total = number(roles[denominator])
        table.append(
            {
                "sample_id": sample_id,
                "role": role,
                "target": antigen,
                "denominator": denominator,
                "true_count": count,
                "true_denominator_count": total,
                "true_fraction": f"{count / total:.6g}" if total else "",
            }
        )
    return table
