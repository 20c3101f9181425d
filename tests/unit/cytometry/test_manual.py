"""Gates of a laboratory: what is doubtful about a workspace is a flag of the specimen."""

from types import SimpleNamespace

import numpy as np
import pytest
from tests.unit.cytometry.test_specimens import B_PANEL, BLOOD, row

from aftercar.contracts.specimen import QUALITY
from aftercar.cytometry.course import Course
from aftercar.cytometry.specimen import describe


def flags(draw, templates, settings, stored, *, panel="b_cell_recovery", other_file=False):
    """Verdict and message of each check of a specimen whose gates hold 1000 events each."""
    events, _ = draw(BLOOD | {"b": 300}, B_PANEL, seed=1)
    mask = np.arange(len(events)) < 1000
    gates = [
        SimpleNamespace(path=(f"gate {n}",), mask=mask, stored_count=count, other_file=other_file)
        for n, count in enumerate(stored)
    ]
    course = Course(templates, [], settings)
    course.add(describe(row(panel), [], []), events, gates)
    checks = QUALITY.frame(course.tables()["quality"][1])
    return {r["check"]: (r["verdict"], r["message"]) for r in checks.to_dict("records")}


@pytest.mark.parametrize("panel", ["b_cell_recovery", ""])
def test_stored_counts_that_differ_flag_the_specimen(draw, templates, settings, panel):
    found = flags(draw, templates, settings, [1000, 1004, 1010, None], panel=panel)
    verdict, message = found["stored_counts"]
    assert verdict == "FLAG"
    assert message.startswith("1 of 3 gates hold other counts here than the workspace stores")


def test_stored_counts_that_agree_flag_nothing(draw, templates, settings):
    found = flags(draw, templates, settings, [1000, 1003, None])
    assert not {"stored_counts", "workspace_file"} & set(found)


@pytest.mark.parametrize("panel", ["b_cell_recovery", ""])
def test_a_workspace_that_names_another_file_flags_the_specimen(draw, templates, settings, panel):
    found = flags(draw, templates, settings, [1000], panel=panel, other_file=True)
    verdict, message = found["workspace_file"]
    assert verdict == "FLAG"
    assert "the workspace names another file; its stored counts agree" in message
