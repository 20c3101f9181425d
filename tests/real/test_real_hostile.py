"""Hostile files through the whole stream: no crash, no hang, and no number without a flag."""

import time
from dataclasses import replace

import pandas as pd
import pytest
import yaml
from tests.e2e.workflow_run import ROOT, snakemake

from aftercar.contracts.cytometry import POPULATIONS
from aftercar.contracts.specimen import QUALITY
from aftercar.cytometry.course import Course
from aftercar.cytometry.populations import Specimen
from aftercar.cytometry.specimen import place_batch, thresholds
from aftercar.cytometry.template import parse_template
from aftercar.io.fcs import UnreadableFile, is_time, read_fcs
from aftercar.io.tables import read_table
from aftercar.io.templates import read_template

pytestmark = pytest.mark.real

CONFIG = yaml.safe_load((ROOT / "config/config.yaml").read_text())
PANELS = CONFIG["cytometry"]["panels"]
FIRM = {"QUANTIFIED", "DETECTED_BELOW_LLOQ", "NOT_DETECTED"}
SECONDS = 20
# file -> check that must be up whenever the file was read
TOLD = {
    "accuri_c6.fcs": {"data_offset", "off_scale"},
    "fc500.LMD": {"tag_bits", "data_sets"},
    "partec_cyflow_v2_9.fcs": {"event_order", "constant_channels"},
    "partec_pas.FCS": {"event_order"},
    "cyflow_cube_8_mixed_width.fcs": {"constant_channels"},
    "made/panel_drift_1.fcs": {"event_order"},
    "made/duplicate_names.fcs": {"duplicate_channels"},
}
FILES = [
    "accuri_c6.fcs", "cytek_xp5_24bit.fcs", "fc500.LMD", "itn_02.fcs", "partec_cyflow_v2_9.fcs",
    "partec_pas.FCS", "fake_large_fcs.fcs", "macsquant_vyb_doubled_delimiter.fcs",
    "cyflow_cube_8_mixed_width.fcs", "sample_header_truncated.fcs", "made/panel_drift_1.fcs",
    "made/panel_drift_2.fcs", "made/panel_drift_3.fcs", "made/duplicate_names.fcs",
]  # fmt: skip


@pytest.fixture(scope="module")
def hostile(shared_data):
    return shared_data / "cytometry/hostile"


@pytest.fixture(scope="module")
def templates():
    return {name: parse_template(read_template(ROOT / path)) for name, path in PANELS.items()}


def restained(events, template):
    """The same values with the panel's markers as labels, so that every gate finds a channel."""
    source = template.source
    scatter = [*source["synonyms"]["scatter"]]
    wanted = [m for tier in ("required", "expected") for m in source["markers"].get(tier, [])]
    stains = iter([marker for marker in wanted if marker not in scatter])
    places = iter([marker for marker in wanted if marker in scatter and marker != "Time"])
    channels, seen = [], set()
    for channel in events.channels:
        name = channel.name
        if not is_time(name) and name[:1].upper() in "FS":
            name = next(places, name)
        label = "" if is_time(name) or name in scatter else next(stains, "")
        name = name if name not in seen else f"{name} again"
        seen.add(name)
        channels.append(replace(channel, name=name, label=label))
    return replace(events, channels=tuple(channels))


def test_every_hostile_file_is_known_here(hostile):
    expected = pd.read_csv(hostile / "EXPECTED.tsv", sep="\t", dtype=str)
    assert set(expected["file"]) == set(FILES)


@pytest.mark.parametrize("stained", [False, True], ids=["as it is", "stained as the panel"])
@pytest.mark.parametrize("panel", PANELS)
@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_ends_in_rows_and_flags(hostile, templates, name, panel, stained):
    begun = time.monotonic()
    course = Course(templates, [], CONFIG["cytometry"])
    specimen = Specimen("S", "P", 28, "BM", "B", panel)
    try:
        events = read_fcs(hostile / name)
    except UnreadableFile as refusal:
        assert name == "sample_header_truncated.fcs"
        course.fail(specimen, str(refusal))
    else:
        course.add(specimen, restained(events, templates[panel]) if stained else events, [])
    assert time.monotonic() - begun < SECONDS
    populations = POPULATIONS.frame(course.findings.populations)
    quality = QUALITY.frame(course.findings.quality)
    assert not populations.empty
    up = set(quality[quality["verdict"] != "PASS"]["check"])
    if name != "sample_header_truncated.fcs":
        assert TOLD.get(name, set()) <= up
    for row in populations.itertuples():
        assert row.status not in FIRM or row.flags or up, row


def test_swapped_detectors_and_other_names_are_flagged_between_visits(hostile, templates):
    course = Course(templates, [], CONFIG["cytometry"])
    for day, name in enumerate(("panel_drift_1", "panel_drift_2", "panel_drift_3")):
        specimen = Specimen(name, "P", day, "PB", "B", "t_lineage")
        course.add(specimen, read_fcs(hostile / f"made/{name}.fcs"), [])
    quality = QUALITY.frame(course.findings.quality).set_index(["sample_id", "check"])
    for check, sample, words in (
        ("channel_names", "panel_drift_1", "fsc-a is taken for FSC-A"),
        ("channel_names", "panel_drift_2", "SSC1-A is taken for SSC-A"),
        ("settings", "panel_drift_3", "CD3 moved to another detector; "),
    ):
        told = quality.loc[(sample, check)]
        assert told["verdict"] == "FLAG"
        assert words in told["message"]


@pytest.mark.parametrize("panel", PANELS)
def test_hostile_controls_place_cuts_or_say_why_not(hostile, templates, panel):
    controls = []
    for number, name in enumerate(FILES):
        row = {"sample_id": f"C{number}", "patient_id": "", "day": "", "specimen": "control",
               "panel": panel, "control_for": "unstained"}  # fmt: skip
        try:
            controls.append((row, restained(read_fcs(hostile / name), templates[panel])))
        except UnreadableFile:
            continue
    begun = time.monotonic()
    _, quality = place_batch("B", controls, templates, thresholds(CONFIG["cytometry"]))
    assert time.monotonic() - begun < SECONDS
    told = QUALITY.frame(quality)
    readable = told[told["check"] == "readable"]
    assert sorted(readable["sample_id"]) == sorted(row["sample_id"] for row, _ in controls)


@pytest.mark.e2e
def test_one_run_over_all_hostile_files_tells_of_each(hostile, tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_text(yaml.safe_dump(CONFIG))
    columns = (ROOT / "config/samples.tsv").read_text().split()
    rows = []
    for number, name in enumerate(FILES):
        panel = list(PANELS)[number % len(PANELS)]
        path = str(hostile / name)
        common = dict.fromkeys(columns, "") | {"assay": "flow", "path": path, "panel": panel}
        rows.append(common | {"sample_id": f"T{number}", "patient_id": "H", "day": str(number),
                              "specimen": "BM", "batch": "b1"})  # fmt: skip
        rows.append(common | {"sample_id": f"C{number}", "specimen": "control", "batch": "b1",
                              "control_for": "unstained"})  # fmt: skip
    pd.DataFrame(rows).to_csv(tmp_path / "config/samples.tsv", sep="\t", index=False)
    (tmp_path / "config/patients.tsv").write_text("patient_id\tdisease\nH\tB-ALL\n")
    status, said = snakemake(tmp_path)
    assert status == 0, said
    quality = read_table(QUALITY, tmp_path / "results/quality/quality.tsv")
    readable = quality[quality["check"] == "readable"].set_index("sample_id")
    assert set(readable.index) == {row["sample_id"] for row in rows}
    for sample, row in readable.iterrows():
        assert row["verdict"] == ("PASS" if row["value"] > 0 else "FAIL"), sample
        assert len(row["message"]) > 10
    truncated = FILES.index("sample_header_truncated.fcs")
    for sample in (f"T{truncated}", f"C{truncated}"):
        assert "2165911" in readable.loc[sample, "message"]
    populations = read_table(POPULATIONS, tmp_path / "results/cytometry/populations.tsv")
    assert set(populations["sample_id"]) == {f"T{number}" for number in range(len(FILES))}
    failed = set(readable[readable["verdict"] == "FAIL"].index)
    status = populations.groupby("sample_id")["status"].agg(set)
    assert all(status[sample] == {"FAILED"} for sample in failed & set(status.index))
