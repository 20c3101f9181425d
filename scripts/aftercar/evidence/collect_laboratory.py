"""Rows of EVIDENCE from labs.tsv: status from limits, units checked, nothing converted."""

from aftercar.evidence.evidence_rows import evidence_row, wrong_unit
from aftercar.evidence.timeline import Infusion
from aftercar.evidence.toxicity import icans_grade

MEASURE_OF_ANALYTE = {
    "hematogones": "hematogones_fraction",
    "flow_mrd": "flow_mrd_fraction",
    "ngs_mrd": "ngs_mrd_fraction",
    "antigen_negative_blasts": "antigen_negative_blast_fraction",
    "myeloid_blasts": "myeloid_blast_fraction",
    "clonotype_shared": "clonotype_shared_with_diagnosis",
    "cd19_dim": "cd19_dim_fraction",
    "ebv": "virus_copies",
    "cmv": "virus_copies",
    "hhv6": "virus_copies",
    "adenovirus": "virus_copies",
    "bk_virus": "virus_copies",
}
STATUS_OF_SHEET = {
    "QUANT": "QUANTIFIED",
    "DET_BLQ": "DETECTED_BELOW_LLOQ",
    "NOT_DET": "NOT_DETECTED",
    "NOT_TESTED": "NOT_ASSESSED",
    "FAILED": "FAILED",
}
# Zero is an answer in these; in all others it needs a limit of detection.
PLAIN: tuple[str, ...] = (
    "wbc",
    "alc",
    "anc",
    "platelets",
    "hemoglobin",
    "ldh",
    "chimerism_donor",
    "ice_score",
)
PLAIN += ("clonotype_shared_with_diagnosis", "tp53_altered", "marrow_blasts")
PLAIN += ("t_cells_per_ul", "cd4_t_per_ul", "cd8_t_per_ul", "nk_cells_per_ul")
CAR_MEASURES = ("car_copies", "car_copies_per_genome", "car_t_per_ul")


def laboratory_evidence(
    labs: list[dict[str, str]], infusions: list[Infusion]
) -> list[dict[str, object]]:
    """Return a row per row of labs.tsv.

    A value in another unit than that of its measure is refused: the row is FAILED and says so. A
    transgene becomes the antigens that its infusion binds; without one, those in force on the day.
    """
    return [_row(lab, infusions) for lab in labs]


def measurement_status(
    value: float | None, lod: float | None, lloq: float | None, stated: str, *, plain: bool
) -> tuple[str, str]:
    """Return the measurement status of a laboratory value and what to know about it.

    A stated status counts unless value and limit contradict it: INDETERMINATE. Else the value is
    compared with lloq and lod (its own unit). Zero without a limit of detection is INDETERMINATE:
    it cannot be told from what the assay misses.
    """
    if stated:
        status = STATUS_OF_SHEET[stated]
        if status == "NOT_DETECTED" and lod is None:
            return "INDETERMINATE", "not detected, but no limit of detection is given"
        if status == "NOT_DETECTED" and lod is not None and value is not None and value >= lod:
            return (
                "INDETERMINATE",
                f"stated as not detected, but {value:.3g} was found",
            )
        if status == "QUANTIFIED" and value == 0 and not plain:
            return "INDETERMINATE", "zero cannot be quantified: not detected needs its limit"
        return status, ""
    if value is None:
        return "NOT_ASSESSED", "no value"
    if plain:
        return "QUANTIFIED", ""
    if lod is not None and value < lod:
        return "NOT_DETECTED", ""
    if value == 0:
        return "INDETERMINATE", "zero, but no limit of detection is given"
    if lloq is not None and value < lloq:
        return "DETECTED_BELOW_LLOQ", ""
    return "QUANTIFIED", "" if lloq is not None or lod is not None else "no limits are given"


def _row(lab: dict[str, str], infusions: list[Infusion]) -> dict[str, object]:
    analyte, day = lab["analyte"], int(lab["day"])
    measure = MEASURE_OF_ANALYTE.get(analyte, analyte)
    name = ":".join(p for p in (analyte, lab["transgene"]) if p)
    target, item = _target(measure, analyte, lab["transgene"], day, infusions)
    known = {
        "patient_id": lab["patient_id"],
        "day": day,
        "specimen": lab["specimen"],
        "sample_id": f"labs:d{day}:{lab['specimen']}:{name}",
        "stream": "lab",
        "measure": measure,
        "target": target,
        "item": item,
        "source": f"labs.tsv: {name}",
    }
    if refused := wrong_unit(measure, lab["unit"]):
        item = f"{item} {lab['unit']}".strip()
        return evidence_row(**known | {"item": item}, status="FAILED", flags=refused)
    value, lod, lloq = (float(lab[c]) if lab[c] else None for c in ("value", "lod", "lloq"))
    status, flag = measurement_status(value, lod, lloq, lab["status"], plain=measure in PLAIN)
    if status in ("NOT_DETECTED", "NOT_ASSESSED", "FAILED"):
        value = None
    flags = [flag]
    if measure == "antigen_negative_blast_fraction" and not target:
        flags.append("antigen not named, speaks of no target: write it in column transgene")
    if measure == "ice_score" and value is not None:
        flags.append(icans_grade(ice=int(value)).text)
    return evidence_row(
        **known,
        value=value,
        limit=lod,
        lloq=lloq,
        status=status,
        flags="; ".join(f for f in flags if f),
    )


def _target(
    measure: str, analyte: str, transgene: str, day: int, infusions: list[Infusion]
) -> tuple[str, str]:
    """Return (target, item): antigen, virus, fusion or clone that a laboratory value is about."""
    if measure == "virus_copies":
        return analyte.upper(), transgene
    if measure in CAR_MEASURES:
        given = [i for i in infusions if i.day is not None and i.day <= day]
        possible = [*given, *(i for i in infusions if i.day is None)]
        named = [i for i in possible if transgene and i.transgene == transgene]
        if named:
            return ";".join(named[0].targets), ""
        if transgene:
            return transgene, ""
        return (";".join(given[-1].targets) if given else ""), ""
    if measure == "antigen_negative_blast_fraction":
        antigen, _, clone = transgene.partition(":")
        if not antigen:
            before = [i for i in infusions if i.day is None or i.day <= day]
            bound = {t for i in before or infusions[:1] for t in i.targets}
            # which of several antigens is missing cannot be guessed
            antigen = bound.pop() if len(bound) == 1 else ""
        return antigen, clone
    return transgene, ""
