"""The timeline of page 1 in several heights: the tallest that can be read is the one printed."""

import re

from aftercar.report.course import WIDTH, course_chart
from aftercar.report.words import COURSE_GROUPS

PAPER_MM = 180.0  # between the margins of A4
MM_PER_PX = 25.4 / 96
SMALLEST_TYPE_PX = 9.0  # of a course chart, in its own units
# Type below this size is not read on paper: a convention of these pages.
LEAST_POINTS = 5.6
TALL, TIGHT = 44.0, 30.0  # height of a panel
LETTERS = 140  # of a note below the panels
# Of the curves that do not all fit the first of each question stay, leukemia before all.
QUESTIONS = ("mrd", "car", "b_cells", "t_cells")


def page_timelines(content: dict, landmarks: list[int], *, description: str) -> list[str]:
    """Return drawings of one course, the tallest first; each says what it leaves out.

    First the panels shrink, then therapy is left out, then one curve after the other. A question
    that no test answered always stays.
    """
    panels = content["first_page_panels"]

    def drawn(kept: list[dict], *, height: float, therapy: bool) -> str:
        absent = [p["title"] for p in panels if p not in kept] + (
            [] if therapy else ["bars of therapy"]
        )
        note = f"Not drawn here, see Curves and therapy: {', '.join(absent)}."
        if len(note) > LETTERS:
            note = f"Not drawn here, see Curves and therapy: {len(absent)} more parts."
        return course_chart(
            kept,
            content["infusions"],
            content["events"],
            landmarks,
            title=f"Course of {content['patient_id']}",
            description=description,
            panel_height=height,
            therapy=therapy,
            note=note if absent else "",
        )

    tries = [drawn(panels, height=height, therapy=True) for height in (TALL, TIGHT)]
    order = sorted(
        (panel for panel in panels if panel["series"]), key=lambda panel: _rank(panel, panels)
    )
    for count in range(len(order), 0, -1):
        kept = [panel for panel in panels if not panel["series"] or panel in order[:count]]
        tries.append(drawn(kept, height=TIGHT, therapy=False))
    shrinking = tries[:1]
    for one in tries[1:]:
        if _height(one) < _height(shrinking[-1]):
            shrinking.append(one)
    return shrinking


def print_rules(drawings: list[str]) -> str:
    """Return the style by which paper shows the tallest drawing whose type has LEAST_POINTS."""
    least = LEAST_POINTS / 0.75 / SMALLEST_TYPE_PX * MM_PER_PX
    widest = PAPER_MM / WIDTH
    rules = [
        f".room{{max-height:{_height(drawings[0]) * widest:.1f}mm;"
        f"min-height:{_height(drawings[-1]) * least:.1f}mm}}"
    ]
    for place, one in enumerate(drawings[:-1], 1):
        needs = f"{_height(one) * least:.1f}mm"
        rules.append(
            f"@container (height >= {needs}){{.room>div:nth-child({place})~div{{display:none}}}}"
        )
        rules.append(
            f"@container (height < {needs}){{.room>div:nth-child({place}){{display:none}}}}"
        )
    return f"@media print{{{''.join(rules)}}}\n"


def _height(one: str) -> float:
    found = re.search(r'viewBox="0 0 [\d.]+ ([\d.]+)"', one)
    if found is None:
        raise ValueError("a course chart has no viewBox")
    return float(found[1])


def _rank(panel: dict, panels: list[dict]) -> tuple[int, int]:
    groups = [_group(other) for other in panels]
    mine = panels.index(panel)
    name = groups[mine]
    place = QUESTIONS.index(name) if name in QUESTIONS else len(QUESTIONS)
    return groups[:mine].count(name), place


def _group(panel: dict) -> str:
    return next((name for name, _, known in COURSE_GROUPS if panel["measure"] in known), "")
