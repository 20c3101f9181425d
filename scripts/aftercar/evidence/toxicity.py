"""ASTCT grades of CRS and ICANS from their components (Lee 2019, BBMT 25:625).

Grades of another system are never converted.
"""

from typing import NamedTuple


class Grade(NamedTuple):
    """A grade, or its lower bound while a component is missing."""

    name: str
    grade: int
    status: str  # QUANTIFIED; INDETERMINATE: `grade` is a lower bound
    missing: tuple[str, ...]

    @property
    def text(self) -> str:
        """The grade in words."""
        if self.status == "QUANTIFIED":
            return f"{self.name} grade {self.grade} (ASTCT)"
        return (
            f"{self.name} grade {self.grade} or higher (ASTCT), not assessed: "
            f"{', '.join(self.missing)}"
        )


# Grade that each finding alone gives; one missing component leaves the grade a lower bound.
HYPOTENSION = {"none": 0, "no_pressor": 2, "one_pressor": 3, "several_pressors": 4}
OXYGEN = {"none": 0, "low_flow": 2, "high_flow": 3, "positive_pressure": 4}
CONSCIOUSNESS = {"awake": 0, "spontaneous": 1, "voice": 2, "touch": 3, "unarousable": 4}
SEIZURE = {"none": 0, "resolved": 3, "prolonged": 4}
MOTOR = {"none": 0, "deep_focal": 4}
EDEMA = {"none": 0, "focal": 3, "diffuse": 4}


def crs_grade(
    *,
    fever: bool | None,
    hypotension: str | None,
    oxygen: str | None,
    treated: bool = False,
    died: bool = False,
) -> Grade:
    """Return the CRS grade: fever of 38 degrees or more plus the worse of pressure and oxygen.

    `hypotension` and `oxygen` are keys of HYPOTENSION (vasopressin does not count) and OXYGEN, None
    if not known. After tocilizumab or steroids (`treated`) fever is no longer needed.
    """
    if died:
        return Grade("CRS", 5, "QUANTIFIED", ())
    known = [HYPOTENSION[hypotension]] if hypotension is not None else []
    known += [OXYGEN[oxygen]] if oxygen is not None else []
    worst = max(known, default=0)
    missing = [n for n, v in (("blood pressure", hypotension), ("oxygen", oxygen)) if v is None]
    if fever is False and not treated:
        return Grade("CRS", 0, "QUANTIFIED", ())
    if fever is None and not treated:
        return Grade("CRS", 0, "INDETERMINATE", ("fever", *missing))
    if fever or worst:
        worst = max(worst, 1)
    if missing and worst < 4:
        return Grade("CRS", worst, "INDETERMINATE", tuple(missing))
    return Grade("CRS", worst, "QUANTIFIED", ())


def icans_grade(
    *,
    ice: int | None = None,
    consciousness: str | None = None,
    seizure: str | None = None,
    motor: str | None = None,
    edema: str | None = None,
    died: bool = False,
) -> Grade:
    """Return the ICANS grade (age 12 and older): the worst of all components, None if not known.

    ICE 0 while awake is grade 3, unarousable grade 4. A missing component makes the grade a lower
    bound.
    """
    if died:
        return Grade("ICANS", 5, "QUANTIFIED", ())
    grades, missing = [], []
    if ice is None:
        missing.append("ICE")
    else:
        grades.append(_grade_of_ice(ice))
    for name, found, scale in (
        ("consciousness", consciousness, CONSCIOUSNESS),
        ("seizure", seizure, SEIZURE),
        ("motor findings", motor, MOTOR),
        ("cerebral edema", edema, EDEMA),
    ):
        if found is None:
            missing.append(name)
        else:
            grades.append(scale[found])
    worst = max(grades, default=0)
    status = "INDETERMINATE" if missing and worst < 4 else "QUANTIFIED"
    return Grade("ICANS", worst, status, tuple(missing))


def _grade_of_ice(ice: int) -> int:
    if not 0 <= ice <= 10:
        raise ValueError(f"an ICE score lies between 0 and 10: got {ice}")
    if ice == 10:
        return 0
    if ice >= 7:
        return 1
    return 2 if ice >= 3 else 3
