"""What `make bench` wrote down is complete, judged by its own targets, and what the page shows."""

import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import needs
from benchmarks.page import page
from benchmarks.plots import pictures
from benchmarks.results import KEYS, RUNS, clauses, limit, merge, result, runs
from benchmarks.run import LONG, PARTS, WHOLE, commit_and_day, whole_run

SVG = "{http://www.w3.org/2000/svg}"
HOW = "h; one run"


@pytest.fixture(scope="module")
def entries(root):
    return json.loads((root / "benchmarks/results.json").read_text())


def test_every_entry_says_what_was_measured_how_and_beside_whom(entries):
    assert {entry["id"].split(".")[0] for entry in entries} - {*LONG, WHOLE} == set(PARTS)
    assert len({entry["id"] for entry in entries}) == len(entries)
    for entry in entries:
        assert tuple(entry) == KEYS
        assert entry["what"]
        assert any(word in entry["how"] for word in ("events", "reads", "cells", "patients"))
        assert entry["unit"] in {"s", "MB", "%", "calls", "times"}
        assert entry["unit"] != "s" or re.search(RUNS, entry["how"])
        assert entry["floor"] is None or entry["floor"] > 0
        assert set(entry["target"] or {}) <= {"at_most", "times_less_than", "at_most_times"}
        values = [entry["ours"], *entry["peers"].values()]
        assert all(isinstance(value, float) and value >= 0 for value in values)


def test_met_is_what_the_figures_say(entries):
    for entry in entries:
        if entry["target"] is None:
            assert entry["met"] is None
        else:
            assert len(clauses(entry)) == sum(
                len(part) if isinstance(part, dict) else 1 for part in entry["target"].values()
            )
            assert entry["met"] == all(met for _, _, met in clauses(entry))


def test_the_page_and_its_pictures_show_the_results(root, entries):
    assert (root / "docs/benchmarks.md").read_text() == page(entries), "run `make bench`"
    for name, drawn in pictures(entries).items():
        assert (root / f"docs/images/{name}").read_text() == drawn, "run `make bench`"
        assert f"(images/{name})" in page(entries)
    shown = " ".join(pictures(entries).values())
    assert all(f"{entry['ours']:g} {entry['unit']}<" in shown for entry in entries)


def test_the_names_of_tools_carry_the_pinned_versions(root, entries):
    pins = "".join((root / f"{where}requirements.txt").read_text() for where in ("", "benchmarks/"))
    names = {name for entry in entries for name in entry["peers"]}
    others = [name for name in names if not name.startswith("AfterCAR")]
    named = {re.match(r"(?:loop with )?(\w+) ([\d.]+)", name).groups() for name in others}
    assert {tool for tool, _ in named} >= {"FlowKit", "OpenFlo", "cellSNP", "scanpy", "freebayes"}
    for tool, version in named:
        if tool in needs.CALLERS:  # programs: asked for their version before they are measured
            assert needs.CALLERS[tool] == version
        else:
            assert f"\n{tool.lower()}=={version} \\\n" in pins


def test_all_parts_can_be_measured_without_the_packages_of_the_tests(root):
    # make bench installs what the pipeline needs, not pytest and its like
    parts = ["risk_rules", "expression_rule", "sequencing_rule", *PARTS, *LONG]
    program = "import sys; sys.modules |= dict.fromkeys(['pytest', 'hypothesis', 'playwright']); "
    program += "".join(f"import benchmarks.{part}; " for part in parts)
    program += "import tests.accuracy.caller_grid"
    env = os.environ | {"PYTHONPATH": "scripts"}
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=root, env=env, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr


def test_seconds_without_their_number_of_runs_are_refused():
    assert [runs(1), runs(3)] == ["one run", "median of 3"]
    with pytest.raises(ValueError, match="how many runs"):
        result("x.y", "w", "some reads", "s", 1.0)


figures = st.floats(0.01, 1e4)


@given(ours=figures, peer=figures, floor=figures, most=figures, factor=st.floats(0.2, 20))
def test_the_line_in_the_picture_is_where_the_target_begins_to_be_missed(
    ours, peer, floor, most, factor
):
    target = {"at_most": most, "times_less_than": {"a": factor}, "at_most_times": {"floor": factor}}
    entry = result("x.y", "w", HOW, "s", ours, peers={"a": peer}, floor=floor, target=target)
    if not np.isclose(entry["ours"], limit(entry)):
        assert entry["met"] == (entry["ours"] < limit(entry))


def test_bars_are_as_long_as_their_figures_and_a_missed_target_is_written_in_the_picture():
    entry = result("x.y", "a <b>", HOW, "s", 30.0, peers={"p": 60.0}, target={"at_most": 15})
    drawn = ElementTree.fromstring(pictures([entry])["bench_time.svg"])
    bars = [float(bar.get("width")) for bar in drawn.iter(f"{SVG}rect")][1:]
    assert bars[1] == pytest.approx(2 * bars[0], rel=0.01)
    left = next(float(bar.get("x")) for bar in drawn.iter(f"{SVG}rect") if bar.get("x"))
    dashed = next(drawn.iter(f"{SVG}line"))
    assert float(dashed.get("x1")) == pytest.approx(left + bars[0] / 2, abs=0.2)
    words = {text.text for text in drawn.iter(f"{SVG}text")}
    assert {"a <b>", "AfterCAR", "p", "30 s", "60 s", "TARGET MISSED"} <= words


def test_a_run_of_all_parts_is_measured_itself_and_may_take_half_an_hour():
    assert whole_run(1790.0)["met"]
    late = whole_run(1810.0)
    assert (late["id"], late["met"], late["ours"]) == ("bench.seconds", False, 1810.0)
    assert "cores of" in late["how"]


def test_a_part_that_cannot_run_here_is_named_before_anything_is_measured(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    freebayes = tmp_path / "freebayes"
    freebayes.write_text("#!/bin/sh\necho 'version:  v1.3.9'\n")
    freebayes.chmod(0o755)
    monkeypatch.setattr(needs, "PUBLIC", tmp_path / "absent")
    told = needs.message(needs.missing(PARTS), PARTS)
    assert "variants: freebayes: found 1.3.9, expected 1.3.6" in told
    assert "variants: bcftools: found none, expected 1.16" in told
    assert "cell_variants: the public CD19 reference" in told
    others = " ".join(part for part in PARTS if part not in needs.READS)
    assert told.endswith(f'make bench BENCH="{others}"')
    assert needs.missing(["gating", "risk"]) == {}


@pytest.mark.parametrize(
    ("ours", "told"),
    [(1.0, "met"), (3.0, "**missed**")],
)
def test_a_missed_target_is_shown_as_missed(ours, told):
    target = {"at_most": 2, "times_less_than": {"peer": 5}, "at_most_times": {"floor": 2}}
    entry = result("x.y", "w", HOW, "s", ours, peers={"peer": 6.0}, floor=0.7, target=target)
    lines = page([entry | {"measured": "today, commit 1"}]).splitlines()
    rows = [line for line in lines if "met |" in line or "missed" in line]
    assert [row.split(" | ")[-1].rstrip(" |") for row in rows if row.startswith("|")] == 4 * [told]
    assert entry["met"] is (ours == 1.0)


@pytest.mark.parametrize(("ours", "met"), [(0.0, True), (1.0, False)])
def test_beside_a_peer_without_any_false_call_only_none_is_enough(ours, met):
    target = {"at_most_times": {"peer": 1}}
    entry = result("x.y", "w", "h", "calls", ours, peers={"peer": 0.0}, target=target)
    assert entry["met"] is met


def test_measuring_one_part_again_keeps_the_others():
    old = [result(f"{part}.seconds", "w", HOW, "s", 1.0) for part in PARTS]
    new = [result(f"{PARTS[1]}.seconds", "w", HOW, "s", 2.0)]
    others = [1.0] * (len(PARTS) - 2)
    assert [entry["ours"] for entry in merge(old, new, PARTS)] == [1.0, 2.0, *others]


def test_tools_that_count_differently_are_not_compared():
    gating = importlib.import_module("benchmarks.gating")
    same = {gating.GIVEN: {"a": 3}, "peer": {"a": 3, "part of a": 2}}
    gating.same_counts(same)
    with pytest.raises(SystemExit, match="2 events in gate a, AfterCAR 3"):
        gating.same_counts(same | {"peer": {"a": 2}})


def test_our_counts_are_those_of_the_floor(tmp_path):
    """The harness itself, on a small tube, without the other tools."""
    from benchmarks import floor, ours_fixed, ours_placing, samples
    from benchmarks.tools import Tool, started

    fcs = samples.draw(tmp_path / "tube.fcs", 20_000, seed=3)
    gates = samples.place_gates(fcs, tmp_path)
    counts = ours_fixed.run(ours_fixed.prepare(gates["table"]), str(fcs))
    assert counts == floor.run(floor.prepare(gates["table"]), str(fcs))
    assert counts["leukocytes"] > 10_000
    placed = ours_placing.run(ours_placing.prepare(), str(fcs))
    assert "blasts" in placed
    gating = importlib.import_module("benchmarks.gating")
    gating.same_counts({gating.GIVEN: counts, gating.PLACING: placed})
    with started(Tool("AfterCAR", "whole_rule", Path(sys.executable))) as rule:
        assert rule.run(fcs)["counts"] == placed


def test_gates_on_logicle_axes_hold_the_same_borders(tmp_path):
    """Parks 2006: 0 lies at W / M of the axis, the top of the scale at 1."""
    from benchmarks.logicle_axes import logicle

    assert logicle([0.0, 262_144.0]) == pytest.approx([0.5 / 4.5, 1.0], abs=1e-6)
    assert (np.diff(logicle(np.linspace(-2000, 262_144, 1000))) > 0).all()


def test_a_command_is_timed_with_its_memory_and_a_failing_one_stops_the_run(tmp_path):
    from benchmarks.commands import measured

    code = "import sys, time; x = bytearray(80_000_000); time.sleep(0.3); print(sys.stdin.read())"
    found = measured([["echo", "reads"], [sys.executable, "-c", code]], tmp_path / "out")
    assert (tmp_path / "out").read_text().strip() == "reads"
    assert 0.3 <= found["seconds"] < 10
    assert 80 <= found["peak_mb"] < 200
    with pytest.raises(SystemExit, match="status 1"):
        measured([["false"]], tmp_path / "out")


def test_cells_that_are_counted_differently_stop_the_run():
    from benchmarks.cell_variants import same_counts

    same_counts({("c", 1): (2, 1)}, {("c", 1): (2, 1)})
    with pytest.raises(SystemExit, match=r"first in cell c at 1: AfterCAR \(2, 1\), cellSNP None"):
        same_counts({("c", 1): (2, 1)}, {})
    with pytest.raises(SystemExit, match="no molecule"):
        same_counts({}, {})


@pytest.mark.real
@pytest.mark.usefixtures("shared_data")
def test_the_sequencing_rules_run_as_they_are_measured(tmp_path):
    from benchmarks.cell_variants import our_counts
    from benchmarks.sequenced import VARIANTS, amplicon_set, cell_set, references
    from benchmarks.tools import Tool, started

    fasta, _ = references(tmp_path)
    bam, _ = amplicon_set(tmp_path / "amplicons.bam", 300, 0)
    options = {"rule": "call_variants", "fasta": str(fasta), "row": {"assay": "dna"}}
    with started(Tool("bulk", "sequencing_rule", Path(sys.executable), options)) as rule:
        assert rule.run(bam)["counts"]["variants"] >= 1
    cells, barcodes, variants, _ = cell_set(tmp_path, 40, 0)
    row = {"assay": "scrna", "barcodes": str(barcodes), "variants": str(variants)}
    options = {"rule": "genotype_cells", "fasta": str(fasta), "row": row, "keep": str(tmp_path)}
    with started(Tool("cells", "sequencing_rule", Path(sys.executable), options)) as rule:
        assert rule.run(cells)["counts"] == {"genotypes": 40 * VARIANTS}
    assert sum(alt for _, alt in our_counts(tmp_path).values()) > 0


def test_the_parts_of_cohorts_and_of_cells_run_as_they_are_measured(tmp_path):
    """Small ones of both, so that a change of the pipeline cannot break `make bench` unseen."""
    from benchmarks import expression_rule, risk_rules
    from benchmarks.expressed import draw_10x

    judged = risk_rules.run(risk_rules.prepare(), "12")
    assert judged["risk"] == 12 * 6 * 7, "a row for each of 12 patients, 6 landmarks, 7 mechanisms"
    assert judged["judging_ms"] > 0
    cells = expression_rule.prepare()
    found = expression_rule.run(cells, str(draw_10x(tmp_path / "cells.h5", 1000)))
    assert 800 < found["cells"] < 1000
    assert found["lost_cells"] > 0
    assert expression_rule.run(cells, expression_rule.AGAIN)["compared"] > 0


def test_a_measurement_names_its_commit_or_says_that_it_is_unknown(monkeypatch, tmp_path):
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d, commit (unknown|[0-9a-f]{7,40}(-dirty)?)", commit_and_day()
    )
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit_and_day().endswith(", commit unknown")
