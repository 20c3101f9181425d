"""The cytometry stream on files that nobody here made, with the figures of their MANIFEST."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from aftercar.contracts.events import FlowEvents
from aftercar.cytometry.beads import find_beads
from aftercar.cytometry.compensation import (
    CompensationError,
    looks_transformed,
    parse_matrix,
    parse_spill,
)
from aftercar.cytometry.controls import control_cuts
from aftercar.cytometry.course import Course
from aftercar.cytometry.cuts import control_cut
from aftercar.cytometry.gates import Gating
from aftercar.cytometry.populations import Specimen
from aftercar.cytometry.prepare import prepare
from aftercar.cytometry.quality import margin_checks, time_anomalies, within_intervals
from aftercar.cytometry.scale import scale_of
from aftercar.cytometry.specimen import Findings, analyse, describe, thresholds
from aftercar.cytometry.template import parse_template
from aftercar.io.compensation_matrices import read_matrix
from aftercar.io.fcs import UnreadableFile, read_data_sets, read_fcs, read_fcs_header
from aftercar.io.templates import read_template
from aftercar.io.workspace import UnusableWorkspace, gate_with_workspace, write_gates

pytestmark = pytest.mark.real

SECTION = {
    "lod_events": 20, "lloq_events": 50, "minimum_denominator_events": 1000,
    "control_quantile": 0.999, "max_margin_fraction": 0.05, "max_time_anomaly_fraction": 0.3,
    "bead_lot_cv": 0.03, "workspace_roles": {},
}  # fmt: skip
SETTINGS = thresholds(SECTION)
NO_LIGHT = re.compile(r"(FSC|FS|SSC|SS|Time|TIME|HDR|Event|Width)")
SCATTER = re.compile(r"(FSC|FS|SSC|SS)\d?(-A|$)", re.IGNORECASE)
CLINICAL = ("facs_diva_test", "flowatlas_412C_blood", "flowatlas_412C_marrow")
LOADED = [
    "accuri_c6.fcs", "cytek_xp5_24bit.fcs", "fc500.LMD", "itn_02.fcs", "partec_cyflow_v2_9.fcs",
    "partec_pas.FCS", "fake_large_fcs.fcs", "macsquant_vyb_doubled_delimiter.fcs",
    "cyflow_cube_8_mixed_width.fcs", "made/panel_drift_1.fcs", "made/panel_drift_2.fcs",
    "made/panel_drift_3.fcs", "made/duplicate_names.fcs",
]  # fmt: skip


@pytest.fixture(scope="module")
def flow(shared_data):
    return shared_data / "cytometry"


@pytest.fixture(scope="module")
def templates(root):
    return {
        panel: parse_template(read_template(root / f"resources/gating/{panel}.yaml"))
        for panel in ("b_cell_recovery", "t_lineage", "b_all_mrd")
    }


@pytest.mark.parametrize("name", LOADED)
def test_a_hostile_file_is_read_as_expected_channel_by_channel(flow, name):
    expected = pd.read_csv(flow / "hostile/EXPECTED.tsv", sep="\t", dtype=str)
    expected = expected[expected["file"] == name]
    channels = pd.read_csv(flow / "hostile/EXPECTED_channels.tsv", sep="\t", keep_default_na=False)
    sets = read_data_sets(flow / "hostile" / name)
    assert len(sets) == len(expected)
    for number, found in enumerate(sets, 1):
        want = expected[expected["dataset"] == str(number)].iloc[0]
        assert (len(found), len(found.channels)) == (int(want["events"]), int(want["channels"]))
        rows = channels[(channels["file"] == name) & (channels["dataset"] == number)]
        scaled = rows["stage"] == "after $PnE scaling"
        for row in rows[scaled if scaled.any() else ~scaled].itertuples():
            column = found.values[:, row.channel_index - 1]
            figures = [float(row.min), float(row.median), float(row.max)]
            assert [column.min(), np.median(column), column.max()] == pytest.approx(
                figures, rel=2e-6, abs=1e-5
            )
            assert found.channels[row.channel_index - 1].name == row.PnN
    header = read_fcs_header(flow / "hostile" / name)
    assert header.events == len(sets[-1])


def test_the_truncated_file_is_refused_with_both_sizes(flow):
    for read in (read_fcs, read_fcs_header):
        with pytest.raises(UnreadableFile, match=r"2165911.*3931"):
            read(flow / "hostile/sample_header_truncated.fcs")


def test_the_second_data_set_takes_names_and_compensation_of_the_first(flow):
    first, second = read_data_sets(flow / "hostile/fc500.LMD")
    merged = read_fcs(flow / "hostile/fc500.LMD")
    assert merged.names[2:4] == [("FL1", "CD3-FITC"), ("FL2", "CD4-PE")]
    assert np.array_equal(merged.values, second.values)
    spill = parse_spill(merged.spill, [channel.name for channel in merged.channels])
    # $DFC1TO2 11.2 %, $DFC2TO1 0.9 %
    assert spill.matrix[0, 1] == pytest.approx(0.112)
    assert spill.matrix[1, 0] == pytest.approx(0.009)
    assert len(first) == len(second)


@pytest.mark.parametrize(
    ("name", "check", "verdict"),
    [
        ("accuri_c6.fcs", "off_scale", "FLAG"),
        ("accuri_c6.fcs", "data_offset", "FLAG"),
        ("fc500.LMD", "tag_bits", "FLAG"),
        ("partec_cyflow_v2_9.fcs", "event_order", "NOT_POSSIBLE"),
        ("partec_pas.FCS", "event_order", "NOT_POSSIBLE"),
        ("made/duplicate_names.fcs", "duplicate_channels", "FLAG"),
        ("cyflow_cube_8_mixed_width.fcs", "constant_channels", "FLAG"),
    ],
)
def test_what_is_odd_is_flagged(flow, name, check, verdict):
    assert (check, verdict) in {
        (c.check, c.verdict) for c in read_fcs(flow / "hostile" / name).checks
    }


def test_accuri_channel_numbers_in_the_matrix_are_mapped(flow):
    events = read_fcs(flow / "hostile/accuri_c6.fcs")
    assert parse_spill(events.spill, [c.name for c in events.channels]).names[0] == "FL1-A"


def test_all_15_gates_of_the_workspace_agree_with_flowjo(flow):
    folder = flow / "gated/flowsom_68983"
    gates = gate_with_workspace(folder / "68983.fcs", folder / "gating.wsp")
    stored = pd.read_csv(folder / "counts.tsv", sep="\t").set_index("gate")
    assert {gate.path[-1] for gate in gates} == set(stored.index)
    for gate in gates:
        flowjo = int(stored.loc[gate.path[-1], "count_stored_by_flowjo"])
        assert gate.stored_count == flowjo
        assert abs(int(gate.mask.sum()) - flowjo) <= max(3, 0.005 * flowjo), gate.path


@pytest.mark.parametrize(
    ("gate", "label"),
    [
        ("B cells", "B cells"), ("NK cells", "NK cells"), ("NK T cells", "NK T cells"),
        ("CD8 T cells", "CD8 T cells"), ("CD4 T cells", "CD4 T cells"),
        ("gd T cells", "gd T cells"),
    ],
)  # fmt: skip
def test_events_agree_with_the_experts_labels(flow, gate, label):
    folder = flow / "gated/flowsom_68983"
    labels = np.array(
        [line.strip().strip('"') for line in (folder / "gatingResult.csv").read_text().splitlines()]
    )
    names = {name.lower().replace(" ", "").replace("cells", ""): name for name in set(labels)}
    mine = labels == names[label.lower().replace(" ", "").replace("cells", "")]
    found = next(
        one.mask
        for one in gate_with_workspace(folder / "68983.fcs", folder / "gating.wsp")
        if one.path[-1] == gate
    )
    assert 2 * (mine & found).sum() / (mine.sum() + found.sum()) >= 0.999


@pytest.mark.parametrize(
    ("name", "margin", "cd45"),
    [("CellCounts4L-NY071-1.fcs", 5173, 2193), ("CellCounts4L-NY072-1.fcs", 8023, 2983)],
)
def test_both_cell_count_files_agree_with_their_workspace(flow, name, margin, cd45):
    folder = flow / "gated/luciernaga_counts"
    found = {
        gate.path[-1]: gate
        for gate in gate_with_workspace(folder / name, folder / "CellCounts.wsp")
    }
    assert int(found["Margin"].mask.sum()) == margin
    assert abs(int(found["CD45+"].mask.sum()) - cd45) <= max(3, 0.005 * cd45)


def test_the_matrix_of_the_workspace_is_that_of_the_file_and_not_its_transpose(flow):
    tube = flow / "gated/flowsom_68983/68983.fcs"
    events = read_fcs(tube)
    names = [channel.name for channel in events.channels]
    stated = read_matrix(flow / "gated/flowsom_68983/gating.wsp", tube)
    theirs, _ = parse_matrix(stated.text, names)
    ours = parse_spill(events.spill, names)
    assert theirs.index == ours.index
    assert np.abs(theirs.matrix - ours.matrix).max() < 1e-6
    assert np.abs(theirs.matrix.T - ours.matrix).max() > 0.5


def test_the_counting_beads_of_a_clinical_tube_are_found_and_in_no_other_file(flow, templates):
    """The absolute count of this tube was set up at the instrument, with a gate named CAL."""
    rules = templates["t_lineage"].source["placement"]["beads"]

    def search(name):
        events = read_fcs(flow / name)
        names = [channel.name for channel in events.channels]
        light = [n for n, name in enumerate(names) if not NO_LIGHT.match(name)]
        scatter = [n for n, name in enumerate(names) if SCATTER.match(name)][:2]
        ranges = [channel.full_scale for channel in events.channels]
        return find_beads(events.values, light, scatter, ranges, rules), events, names

    beads, events, names = search("hostile/fc500.LMD")
    # a plain rectangle far above all cells in two detectors
    plain = (events.values[:, [names.index("FL1"), names.index("FL3")]] > 200_000).all(axis=1)
    assert plain.sum() == 4686
    assert beads.counted == pytest.approx(plain.sum(), rel=0.02)
    assert not (beads.mask & ~plain).any()
    others = ["gated/flowsom_68983/68983.fcs", "gated/gatingml/data1.fcs"]
    others += [f"clinical/{name}.fcs" for name in CLINICAL]
    others += [f"hostile/{name}" for name in ("accuri_c6.fcs", "cytek_xp5_24bit.fcs", "itn_02.fcs")]
    assert {name: search(name)[0].mask for name in others} == dict.fromkeys(others)


def test_a_workspace_of_other_samples_is_refused_saying_what_was_looked_for(flow):
    with pytest.raises(UnusableWorkspace, match="holds 2 samples and none has the name"):
        gate_with_workspace(
            flow / "clinical/facs_diva_test.fcs", flow / "gated/luciernaga_counts/CellCounts.wsp"
        )


def test_a_gate_file_that_is_not_compliant_is_refused(flow):
    folder = flow / "gated/flowsom_68983"
    with pytest.raises(UnusableWorkspace, match="not valid GatingML"):
        gate_with_workspace(folder / "68983.fcs", folder / "manualGating.xml")


def test_all_gatingml_truth_vectors_pass(flow):
    folder = flow / "gated/gatingml"
    truth = pd.read_csv(folder / "counts.tsv", sep="\t")
    compared = 0
    for gate_file, rows in truth.groupby("gate_file"):
        gates = gate_with_workspace(folder / "data1.fcs", folder / gate_file)
        found = {gate.path[-1]: gate.mask for gate in gates}
        for row in rows.itertuples():
            vector = np.loadtxt(folder / row.truth_file, dtype=int).astype(bool)
            assert np.array_equal(found[row.gate_id], vector), row.gate_id
            compared += 1
    assert compared == 51


def test_the_acquisition_that_broke_is_cut_where_it_broke(flow, templates):
    stored = np.load(flow / "qc/flowAI_Bcells1.npz")
    values = stored["x"].astype(np.float64)
    placement = templates["b_cell_recovery"].source["placement"]
    folds = {}
    for name in ("FSC-A", "SSC-A"):
        column = values[:, list(stored["pnn"]).index(name)]
        folds[name] = scale_of(
            262_144, float(column.max()), share=placement["cofactor_share"], transformed=False
        ).forward(column)
    time = values[:, list(stored["pnn"]).index("Time")]
    kept = within_intervals(time, time_anomalies(time, folds, placement, max_share=0.3).intervals)
    assert kept[time < 2600].mean() > 0.97
    assert kept[time > 2700].mean() < 0.02
    assert not kept[values[:, 0] < 0].any()


def test_the_singular_matrix_of_a_public_file_is_refused(flow):
    stored = np.load(flow / "qc/flowAI_Bcells1.npz")
    names = list(stored["pnn"])
    matrix = ",".join(["8", *names[4:12], *(repr(float(v)) for v in stored["spill"].ravel())])
    with pytest.raises(CompensationError, match="rank 6 of 8"):
        parse_spill(matrix, names)


def test_transformed_exports_with_a_matrix_attached_are_noticed(flow):
    for name in ("flowDensity_sampleFCS_2", "flowDensity_sampleFCS_3"):
        stored = np.load(flow / f"clinical/{name}.npz")
        stains = [
            n for n, name in enumerate(stored["pnn"]) if not name.startswith(("FSC", "SSC", "Time"))
        ]
        assert looks_transformed(stored["x"], stains, [262_144.0] * stored["x"].shape[1])[0]


def test_a_stain_minus_one_control_places_the_published_cut(flow, templates):
    control = np.load(flow / "clinical/flowDensity_sampleFCS_3_FMO.npz")
    stained = np.load(flow / "clinical/flowDensity_sampleFCS_3.npz")
    channel = list(control["pnn"]).index("BV421-A")
    scale = scale_of(262_144, 4.5, share=0.000572, transformed=True)
    cut, _, _ = control_cut(
        scale.forward(control["x"][:, channel]), 0.999, templates["t_lineage"].source["placement"]
    )
    # 99.9 % quantile 2.363, 6,476 stained events above it
    assert scale.back(cut) == pytest.approx(2.363, abs=0.12)
    above = int((stained["x"][:, channel] >= scale.back(cut)).sum())
    assert above == pytest.approx(6476, rel=0.05)


def analysed(events, template, specimen="BM", controls=()):
    findings = Findings()
    row = Specimen("S", "P", 28, specimen, "B", template.panel)
    export, gating = analyse(
        events, row, template, control_cuts(list(controls), "B", template.panel), SETTINGS, findings
    )
    return findings, export, gating


def test_the_residual_disease_tube_runs_and_says_what_was_impossible(flow, templates, tmp_path):
    path = flow / "clinical/facs_diva_test.fcs"
    findings, export, gating = analysed(read_fcs(path), templates["b_all_mrd"])
    checks = {row["check"]: row for row in findings.quality}
    for check in ("marker:FSC-H", "viability", "marker:CD22", "marker:CD24"):
        assert checks[check]["verdict"] == "NOT_POSSIBLE"
    assert checks["margin:SSC-A"]["value"] == pytest.approx(0.2227, abs=1e-4)
    assert checks["margin:FSC-A"]["value"] == pytest.approx(0.0226, abs=1e-4)
    assert "FSC-W" in checks["doublets"]["message"]
    assert "FAIL" not in {row["verdict"] for row in findings.quality}
    # nothing firm may be said of blasts without CD22, CD24 and a CD34 cut
    assert {row["status"] for row in findings.populations} <= {
        "INDETERMINATE", "NOT_ASSESSED", "NOT_DETECTED",
    }  # fmt: skip
    assert all(row["flags"] for row in findings.populations)
    write_gates(tmp_path / "gates.xml", *vars(export).values())
    for gate in gate_with_workspace(path, tmp_path / "gates.xml"):
        assert np.array_equal(gate.mask, gating.gate(gate.path[-1]).mask), gate.path


def test_post_gated_exports_without_scatter_fail_with_the_reason(flow, templates):
    findings, _, _ = analysed(
        read_fcs(flow / "clinical/flowatlas_412C_blood.fcs"), templates["t_lineage"]
    )
    reason = " ".join(row["message"] for row in findings.quality if row["verdict"] == "FAIL")
    assert "marker FSC-A is in none of the 19 channels" in reason
    assert {row["status"] for row in findings.populations} == {"FAILED"}


def test_margins_of_the_public_tube_are_those_measured(flow):
    events = read_fcs(flow / "clinical/facs_diva_test.fcs")
    index = {name: n for n, (name, _) in enumerate(events.names)}
    checks = margin_checks(
        events.values, {"SSC-A": index["SSC-A"]}, [c.full_scale for c in events.channels],
        max_share=0.05,
    )  # fmt: skip
    assert round(checks[0].value * len(events)) == 18577


def test_no_value_of_a_dropped_keyword_stands_in_what_the_stream_says(flow, templates):
    events = read_fcs(flow / "clinical/facs_diva_test.fcs")
    findings, export, _ = analysed(events, templates["b_all_mrd"])
    said = repr(vars(findings)) + repr(vars(export)) + repr(vars(events))
    raw = (flow / "clinical/facs_diva_test.fcs").read_bytes()[:6000].decode("latin-1")
    tokens = raw[256:].split(raw[256]) if raw[256] not in "0123456789" else []
    pairs = dict(zip(tokens[1::2], tokens[2::2], strict=False))
    for key in ("$FIL", "$SRC", "EXPERIMENT NAME", "EXPORT USER NAME", "GUID", "$OP", "TUBE NAME"):
        if len(pairs.get(key, "")) > 3:
            assert pairs[key] not in said
    assert json.dumps(findings.quality, default=str)


def test_a_file_of_300_000_events_is_gated_in_well_under_a_second(flow, templates):
    import time

    events = read_fcs(flow / "clinical/facs_diva_test.fcs")
    many = np.asfortranarray(np.tile(events.values, (4, 1))[:300_000])
    many[:, 0] = np.sort(many[:, 0])
    large = FlowEvents(events.channels, many, events.spill)
    analysed(large, templates["b_all_mrd"])
    start = time.perf_counter()
    ready = prepare(large, templates["b_all_mrd"].source, max_margin=0.05, max_time_anomaly=0.3)
    gating = Gating(ready, templates["b_all_mrd"], {}, control_quantile=0.999)
    for rule in templates["b_all_mrd"].report:
        gating.gate(rule.gate)
    # generous: other jobs share the cores
    assert time.perf_counter() - start < 3


def test_swapped_detectors_between_the_visits_of_a_patient_are_flagged(flow, templates):
    course = Course(templates, [], SECTION)
    for day in (1, 2, 3):
        sample = {
            "sample_id": f"S{day}", "patient_id": "P1", "day": str(day), "specimen": "PB",
            "batch": "", "panel": "t_lineage", "infusion_no": "",
        }  # fmt: skip
        events = read_fcs(flow / f"hostile/made/panel_drift_{day}.fcs")
        course.add(describe(sample, [], []), events, [])
    told = {
        row["sample_id"]: row["message"]
        for row in course.findings.quality
        if row["check"] == "settings"
    }
    assert "CD3 moved to another detector" in told["S3"]
    assert "CD7 moved to another detector" in told["S3"]
    assert "CD5" not in told["S3"]
