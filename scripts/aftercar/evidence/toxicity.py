"""ASTCT grades of CRS and ICANS from their components (Lee 2019, BBMT 25:625).

Grades of another system are never converted.
"""

from typing import NamedTuple

from aftercar.contracts.toxicity_components import SCORES, WORDS


class Grade(NamedTuple):
    """A grade, or its lower bound while a component is missing."""

    name: str
    grade: int
    status: str  # QUANTIFIED; INDETERMINATE: `grade` is a lower bound
    missing: tuple[str, ...]
    why: str = ""  # instead of what is missing

    @property
    def text(self) -> str:
        """The grade in words."""
        if self.status == "QUANTIFIED":
            return f"{self.name} grade {self.grade} (ASTCT)"
        if self.why:
            return f"{self.name} grade {self.grade} or higher (ASTCT): {self.why}"
        return (
            f"{self.name} grade {self.grade} or higher (ASTCT), not assessed: "
            f"{', '.join(self.missing)}"
        )


# Grade that each finding alone gives, in the order of WORDS; one missing component leaves the
# grade a lower bound.
GRADES = {
    "hypotension": (0, 2, 3, 4),
    "oxygen": (0, 2, 3, 4),
    "consciousness": (0, 1, 2, 3, 4),
    "seizure": (0, 3, 4),
    "motor": (0, 4),
    "edema": (0, 3, 4),
}
NO_FEVER = "no fever and no antipyretic drug entered: by definition no CRS, or treatment missing"
SCALES = {
    name: dict(zip(WORDS[name], grades, strict=True)) for name, grades in GRADES.items()
}  # component -> word -> grade


class CapdBounds(NamedTuple):
    """Lowest CAPD scores of grade 1 and of grade 3; a convention, see recovery_rules.yaml."""

    grade_1_from: int
    grade_3_from: int


def crs_grade(
    *,
    fever: bool | None,
    hypotension: str | None,
    oxygen: str | None,
    treated: bool = False,
    died: bool = False,
) -> Grade:
    """Return the CRS grade: fever of 38 degrees or more plus the worse of pressure and oxygen.

    `hypotension` (vasopressin does not count) and `oxygen` are words of WORDS, None if not known.
    After tocilizumab or steroids (`treated`) fever is no longer needed. Pressure or oxygen without
    fever or treatment leave a lower bound of 0: fever may have been suppressed by what was not
    entered.
    """
    if died:
        return Grade("CRS", 5, "QUANTIFIED", ())
    known = [SCALES["hypotension"][hypotension]] if hypotension is not None else []
    known += [SCALES["oxygen"][oxygen]] if oxygen is not None else []
    worst = max(known, default=0)
    missing = [n for n, v in (("blood pressure", hypotension), ("oxygen", oxygen)) if v is None]
    if not fever and not treated:
        unknown = "fever" if fever is None else "whether a drug suppressed fever"
        if fever is False and not worst:
            return Grade("CRS", 0, "QUANTIFIED", ())
        why = "" if fever is None else NO_FEVER
        return Grade("CRS", 0, "INDETERMINATE", (unknown, *missing), why)
    if fever or worst:
        worst = max(worst, 1)
    elif fever is None:
        missing = ["fever", *missing]
    if missing and worst < 4:
        return Grade("CRS", worst, "INDETERMINATE", tuple(missing))
    return Grade("CRS", worst, "QUANTIFIED", ())


def icans_grade(
    *,
    ice: int | None = None,
    capd: int | None = None,
    capd_bounds: CapdBounds | None = None,
    consciousness: str | None = None,
    seizure: str | None = None,
    motor: str | None = None,
    edema: str | None = None,
    died: bool = False,
) -> Grade:
    """Return the ICANS grade: the worst of all components, None if not known.

    ICE 0 while awake is grade 3, unarousable grade 4. With `capd_bounds` (below the age of 12) the
    CAPD score stands in for ICE. A missing component makes the grade a lower bound. Raises
    ValueError for an impossible score.
    """
    if died:
        return Grade("ICANS", 5, "QUANTIFIED", ())
    grades, missing = [], []
    tool, score = ("ICE", ice) if capd_bounds is None else ("CAPD", capd)
    if score is None:
        missing.append(tool)
    elif capd_bounds is None:
        grades.append(_grade_of_ice(score))
    else:
        grades.append(_grade_of_capd(score, capd_bounds))
    for name, title, found in (
        ("consciousness", "consciousness", consciousness),
        ("seizure", "seizure", seizure),
        ("motor", "motor findings", motor),
        ("edema", "cerebral edema", edema),
    ):
        if found is None:
            missing.append(title)
        else:
            grades.append(SCALES[name][found])
    worst = max(grades, default=0)
    status = "INDETERMINATE" if missing and worst < 4 else "QUANTIFIED"
    return Grade("ICANS", worst, status, tuple(missing))


def _grade_of_ice(ice: int) -> int:
    if not 0 <= ice <= SCORES["ice"]:
        raise ValueError(f"an ICE score lies between 0 and {SCORES['ice']}: got {ice}")
    if ice == 10:
        return 0
    if ice >= 7:
        return 1
    return 2 if ice >= 3 else 3


def _grade_of_capd(capd: int, bounds: CapdBounds) -> int:
    """Return 0, 1 (grades 1 and 2 share their scores: consciousness tells them apart) or 3."""
    if not 0 <= capd <= SCORES["capd"]:
        raise ValueError(f"a CAPD score lies between 0 and {SCORES['capd']}: got {capd}")
    if capd >= bounds.grade_3_from:
        return 3
    return 1 if capd >= bounds.grade_1_from else 0
