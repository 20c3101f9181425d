"""Words that several stories share: products, laboratory rows, events."""

from aftercar.simulate.plan import Event, Lab

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


def fixed(**course: float) -> dict[str, float]:
    """Return the parameters of a course that a story fixes; the others are drawn."""
    return course


REMISSION = Event(28, "complete_remission")
CAR19_MURINE = {"targets": "CD19", "transgene": CAR19}
ADULT = {
    "age_group": "adult",
    "kmt2a_rearranged": "no",
    "extramedullary": "no",
    "cns_status": "CNS1",
    "tp53_status": "wild_type",
    "baseline_burden": "unknown",
    "prior_blinatumomab": "none",
    "prior_inotuzumab": "no",
    "prior_hct": "no",
}
CHILD = ADULT | {"age_group": "child"}
