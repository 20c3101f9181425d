"""The risk category that the design demands of each planted story, by landmark and mechanism.

Derived by hand from the plan and from the written rules (predicates, minimum tests, maximum age of
35 days for blood and 45 for marrow, no look-ahead, end of the CAR-attributable clock), not from the
rule engine. What the written rules leave open is listed as open, with what it must not be.
"""

from dataclasses import dataclass

from aftercar.contracts.vocabulary import MECHANISMS
from aftercar.simulate.plan import Patient

LANDMARKS = (28, 63, 90, 180, 270, 365)
END_OF_CLOCK = ("relapse", "lineage_switch", "extramedullary_relapse", "death")


@dataclass(frozen=True)
class Stated:
    """What the design demands at some landmarks."""

    landmarks: tuple[int, ...]
    mechanism: str
    category: str
    because: str


@dataclass(frozen=True)
class Open:
    """What the written rules do not settle, and the categories that would be wrong all the same."""

    landmarks: tuple[int, ...]
    mechanism: str
    must_not_be: str
    reason: str


NO_B = "no B-cell test yet: the minimum for M1 is one confirmed aplasia rule and the CAR level"
APLASIA = "two consecutive blood samples without B cells and a measured CAR level"
MRD_FREE = "marrow negative by CD19-free flow (1e-5) and clonotype (1e-6)"
STALE_MRD = "the last marrow is older than 45 days"
ONE_B = "one B-cell test only: whether aplasia needs confirmation before D90 is not written"
AFTER_HCT = "transplant on day 60 ended the CAR-attributable clock; the new segment is not defined"

STATED = {
    "P01": (
        Stated((28,), "M1", "NOT_ASSESSABLE", NO_B),
        Stated((90, 180), "M1", "NO_SIGNAL", APLASIA),
        Stated(
            (270,), "M1", "NOT_ASSESSABLE", "the last B-cell test (day 178) is older than 35 days"
        ),
        Stated((28, 63, 90, 180, 365), "M2", "NO_SIGNAL", MRD_FREE),
        Stated((270,), "M2", "NOT_ASSESSABLE", STALE_MRD),
    ),
    "P02": (
        Stated((28,), "M1", "NOT_ASSESSABLE", NO_B),
        Stated(
            (90,),
            "M1",
            "SIGNAL",
            "B cells back on days 76 and 88 by every rule; CAR not detected on days 60, 76, 88",
        ),
        Stated((28, 63, 90), "M2", "NO_SIGNAL", MRD_FREE),
    ),
    "P03": (
        Stated((28,), "M1", "NOT_ASSESSABLE", NO_B),
        Stated((90, 180), "M1", "SIGNAL", "clonotype positive in marrow, while B cells stay away"),
        Stated(
            (28, 63, 90, 180), "M2", "SIGNAL", "62 % blasts before lymphodepletion; from day 88 MRD"
        ),
    ),
    "P04": (
        Stated((28,), "M1", "NOT_ASSESSABLE", NO_B),
        Stated((90,), "M1", "NO_SIGNAL", APLASIA),
        Stated((28, 63, 90), "M2", "SIGNAL", "58 % blasts before lymphodepletion"),
    ),
    "P05": (
        Stated((28,), "M1", "NOT_ASSESSABLE", NO_B),
        Stated((28,), "M2", "SIGNAL", "64 % blasts before lymphodepletion"),
        Stated(
            (28,),
            "M3",
            "NOT_ASSESSABLE",
            "KMT2A is rearranged, which is what makes M3 due; its myeloid gate was not done",
        ),
    ),
    "P06": (
        Stated((28, 63, 90), "M4", "NOT_ASSESSABLE", "no T-blast gate free of CD7 was done"),
        Stated((90,), "M6", "SIGNAL", "CD4+ 40/uL and 12,000 copies/mL of CMV on day 85"),
    ),
    "P07": (
        Stated((28, 63, 90), "M4", "NOT_ASSESSABLE", "no T-blast gate free of CD7 was done"),
        Stated(
            (28, 63, 90),
            "M6",
            "NOT_ASSESSABLE",
            "CD4+ T cells are few, but no virus was looked for",
        ),
    ),
    "P08": (
        Stated(
            (28,), "M2", "SIGNAL", "pathogenic TP53 variant on day -10, and in the patient sheet"
        ),
    ),
    "P09": (
        Stated((28,), "M1", "NOT_ASSESSABLE", NO_B),
        Stated(
            (90, 180),
            "M1",
            "NO_SIGNAL",
            APLASIA + "; below the limit of quantification is not lost",
        ),
        Stated(
            (270, 365),
            "M1",
            "NOT_ASSESSABLE",
            "the last B-cell test (day 178) is older than 35 days",
        ),
        Stated((28, 63, 90), "M2", "NO_SIGNAL", MRD_FREE),
        Stated((180, 270, 365), "M2", "NOT_ASSESSABLE", STALE_MRD),
    ),
    "P10": (
        Stated((28,), "M1", "NOT_ASSESSABLE", "no B cell among 900 cells shows nothing"),
        Stated((90,), "M1", "NO_SIGNAL", APLASIA + " (days 62 and 89, by flow)"),
        Stated(
            (180,),
            "M1",
            "SIGNAL_CONFLICTING",
            "B cells 2 % of lymphocytes on days 150 and 176: "
            "recovered above 1 % of lymphocytes, aplasia below 3 % of them and 1 % of leukocytes",
        ),
        Stated((28, 63, 90, 180), "M2", "NOT_ASSESSABLE", "no residual disease was looked for"),
        Stated((270, 365), "M7", "SIGNAL", "extramedullary relapse on day 238"),
    ),
    "P11": (
        Stated(LANDMARKS, "M1", "NOT_ASSESSABLE", "nothing was measured"),
        Stated(LANDMARKS, "M2", "NOT_ASSESSABLE", "nothing was measured"),
        Stated(LANDMARKS, "M3", "NOT_ASSESSABLE", "KMT2A is unknown and nothing was measured"),
    ),
    "P12": (Stated((28, 63, 90), "M1", "NOT_ASSESSABLE", "no B-cell test at all"),),
}

OPEN = {
    "P01": (Open((63, 365), "M1", "SIGNAL;SIGNAL_CONFLICTING", ONE_B),),
    "P02": (
        Open(
            (63,),
            "M1",
            "NO_SIGNAL",
            "CAR not detected once (day 60), one B-cell test without B cells",
        ),
        Open(
            (180,),
            "M1",
            "NO_SIGNAL",
            "second infusion on day 104 opened a segment; B cells back on day 175",
        ),
        Open(
            (180,),
            "M2",
            "NO_SIGNAL",
            "second infusion on day 104 opened a segment; no marrow since day 88",
        ),
    ),
    "P03": (Open((63,), "M1", "", ONE_B),),
    "P04": (Open((63,), "M1", "SIGNAL;SIGNAL_CONFLICTING", ONE_B),),
    "P07": (
        Open(
            (180, 270, 365),
            "M4",
            "NO_SIGNAL",
            "second CAR on day 120 and transplant on day 185: segments",
        ),
        Open((180, 365), "M6", "NO_SIGNAL", "segments; no virus test within the maximum age"),
        Open(
            (270,),
            "M6",
            "NO_SIGNAL",
            "adenovirus with 60 CD4+/uL on day 228, after the transplant and 42 days old",
        ),
    ),
    "P08": (
        Open((28,), "M1", "SIGNAL;SIGNAL_CONFLICTING", ONE_B),
        Open(
            (63, 90, 180, 270, 365),
            "M1",
            "SIGNAL",
            AFTER_HCT + "; B cells of a donor say nothing of the CAR",
        ),
        Open((63, 90, 180, 270, 365), "M2", "", AFTER_HCT),
    ),
    "P09": (Open((63,), "M1", "SIGNAL;SIGNAL_CONFLICTING", ONE_B),),
    "P10": (
        Open((63,), "M1", "SIGNAL;SIGNAL_CONFLICTING", "the first of two samples had 900 cells"),
    ),
    "P12": (
        Open(
            (28,), "M2", "NO_SIGNAL", "mixed CD19 on AML blasts on day -8 without proof of a clone"
        ),
        Open(
            (63, 90), "M2", "NO_SIGNAL", "MRD 2 % on day 60; the evidence of the rule is on B-ALL"
        ),
    ),
}
# What follows from the written vocabulary alone where a patient's plan plants no sign: M3 is for
# KMT2A rearrangement and MPAL; NO_SIGNAL needs a named minimum set, and M5, M6 and M7 have none.
WITHOUT_SIGN = {
    "M3": ("NOT_APPLICABLE", "neither KMT2A rearrangement nor MPAL, and no sign of a switch"),
    "M5": ("NOT_ASSESSABLE", "no sign, and no minimum set is named that could show absence"),
    "M6": ("NOT_ASSESSABLE", "no sign, and no minimum set is named that could show absence"),
    "M7": ("NOT_ASSESSABLE", "no sign, and no minimum set is named that could show absence"),
}


def clock_end(patient: Patient) -> int | None:
    """Return the first day of relapse or death, on which the CAR-attributable clock stops."""
    days = [event.day for event in patient.events if event.event in END_OF_CLOCK]
    return min(days) if days else None


def risk_rows(patient: Patient) -> tuple[list[dict], list[dict]]:
    """Return the demanded categories of one patient and the open ones.

    Raises ValueError if a landmark x mechanism is neither stated nor open, or both.
    """
    stated = {
        (day, s.mechanism): s for s in STATED.get(patient.patient_id, ()) for day in s.landmarks
    }
    opened = {
        (day, o.mechanism): o for o in OPEN.get(patient.patient_id, ()) for day in o.landmarks
    }
    end = clock_end(patient)
    certain, uncertain = [], []
    for day in LANDMARKS:
        for mechanism in MECHANISMS:
            who = {
                "patient_id": patient.patient_id,
                "landmark": f"D{day}",
                "mechanism": mechanism,
                "target": _target(patient, mechanism),
            }
            fixed = _fixed(patient, day, mechanism, end)
            key = (day, mechanism)
            if (fixed is not None) + (key in stated) + (key in opened) > 1:
                raise ValueError(f"{patient.patient_id} D{day} {mechanism}: told twice")
            if fixed is not None:
                certain.append(who | {"category": "NOT_APPLICABLE", "because": fixed})
            elif key in stated:
                certain.append(
                    who | {"category": stated[key].category, "because": stated[key].because}
                )
            elif key in opened:
                found = opened[key]
                uncertain.append(who | {"must_not_be": found.must_not_be, "reason": found.reason})
            elif mechanism in WITHOUT_SIGN:
                category, because = WITHOUT_SIGN[mechanism]
                certain.append(who | {"category": category, "because": because})
            else:
                raise ValueError(f"{patient.patient_id} D{day} {mechanism}: not told")
    return certain, uncertain


def _target(patient: Patient, mechanism: str) -> str:
    if mechanism in ("M1", "M2") and patient.disease != "T-ALL":
        return "CD19"
    return "CD7" if mechanism in ("M4", "M5") and patient.disease == "T-ALL" else ""


def _fixed(patient: Patient, day: int, mechanism: str, end: int | None) -> str | None:
    """Say why a row does not apply whatever was measured, or None."""
    if mechanism in ("M4", "M5") and patient.disease != "T-ALL":
        return "no CAR against a T-lineage antigen"
    if mechanism in ("M1", "M2", "M3") and patient.disease == "T-ALL":
        return "no B-lineage leukemia"
    if end is not None and end <= day:
        direct = mechanism == "M7" and any(
            event.event == "extramedullary_relapse" for event in patient.events
        )
        return None if direct else f"relapse or death on day {end} ended the clock"
    return None
