"""Beads are counted, cells are never taken for beads, and what is unclear gives no count."""

import numpy as np
import pytest

from aftercar.contracts.cytometry import CUTS, POPULATIONS
from aftercar.contracts.specimen import QUALITY
from aftercar.cytometry.beads import FOUND, NONE, UNCLEAR, find_beads
from aftercar.cytometry.course import Course
from aftercar.cytometry.gates import Gating
from aftercar.cytometry.manual import ManualGate, manual_rows
from aftercar.cytometry.prepare import prepare
from aftercar.cytometry.specimen import describe, place_batch, thresholds
from aftercar.io.fcs import read_fcs
from aftercar.io.templates import SHARED, read_template
from aftercar.io.workspace import gate_with_workspace, write_gates
from aftercar.simulate.cytometer import acquire, fcs_bytes

PANELS = ("b_cell_recovery", "car_t_persistence", "t_lineage", "b_all_mrd", "nk", "aml")
BLOOD = {"t_cd4": 0.25, "t_cd8": 0.2, "car_cd8": 0.05, "b": 0.1, "monocyte": 0.1}
BLOOD |= {"granulocyte": 0.3}
# half of the tube are bright B lymphoblasts
MARROW = {"blast": 0.5, "t_cd4": 0.1, "t_cd8": 0.1, "granulocyte": 0.3}
DETECTORS, SCATTER, RANGES = list(range(2, 8)), [0, 1], [262_144.0] * 8
WBC = {"analyte": "wbc", "day": "28", "value": "4000", "unit": "cells/uL", "specimen": "PB"}
TUBE = {
    "beads_per_tube": "50000", "bead_volume_ul": "", "beads_per_ul": "", "sample_volume_ul": "50",
    "dilution": "",
}  # fmt: skip


@pytest.fixture(scope="module")
def acquired(tmp_path_factory):
    """A function that draws a tube and returns its events and the identity of each."""
    folder = tmp_path_factory.mktemp("tubes")

    def run(panel="car_t_persistence", shares=BLOOD, beads=5000, events=20_000, **options):
        options = {"donor_shift": {}, "batch_shift": {}} | options
        random = np.random.default_rng(5)
        drawn = acquire(shares, panel, events, random, beads=beads, **options)
        path = folder / "tube.fcs"
        path.write_bytes(fcs_bytes(drawn, {}))
        return read_fcs(path), drawn.identity, path

    return run


@pytest.fixture(scope="module")
def rules():
    return read_template(SHARED / "car_t_persistence.yaml")["placement"]["beads"]


def sample(panel="car_t_persistence", specimen="PB", **columns):
    return {
        "sample_id": "S1", "patient_id": "P1", "day": "28", "specimen": specimen, "batch": "X",
        "panel": panel, "infusion_no": "",
    } | columns  # fmt: skip


def gated(events, templates, settings, row, labs=()):
    course = Course(templates, [], settings)
    export = course.add(describe(row, [], list(labs)), events, [])
    found = course.findings
    CUTS.frame(found.cuts)
    return POPULATIONS.frame(found.populations), QUALITY.frame(found.quality), export


def check(quality, name="beads"):
    return quality.set_index("check").loc[name]


@pytest.mark.parametrize("panel", PANELS)
@pytest.mark.parametrize("clog", [False, True], ids=["steady", "clogged"])
def test_beads_are_counted_within_two_percent_and_none_is_a_leukocyte(
    acquired, templates, settings, panel, clog
):
    events, identity, _ = acquired(panel, MARROW, clog=clog)
    quality = gated(events, templates, settings, sample(panel) | TUBE)[1]
    single, pair = identity == "bead", identity == "bead_pair"
    if clog:  # beads count only while cells do; the clog lies between seconds 42 and 49
        calm = (events.values[:, 0] < 4200) | (events.values[:, 0] > 4900)
        single, pair = single & calm, pair & calm
    assert check(quality)["value"] == pytest.approx(single.sum() + 2 * pair.sum(), rel=0.02)
    ready = prepare(
        events, templates[panel].source, max_margin=0.05, max_time_anomaly=0.3, beads_added=True
    )
    gating = Gating(ready, templates[panel], {}, control_quantile=0.999)
    leukocytes = gating.gate("leukocytes").mask
    assert leukocytes.sum() > 10_000
    assert not leukocytes[np.char.startswith(identity, "bead")].any()
    # and nothing but beads was left out
    assert np.char.startswith(identity[ready.bead_mask], "bead").all()


def test_beads_that_no_viability_dye_would_remove_are_no_leukocytes(acquired, templates, settings):
    events, identity, _ = acquired()
    channels = tuple(
        type(c)(c.name, c.label.replace("L/D", ""), c.full_scale) for c in events.channels
    )
    undyed = type(events)(channels, events.values, events.spill)
    counts = {
        name: gated(undyed, templates, settings, sample(**columns))[0]
        for name, columns in (("left out", TUBE), ("not named", {}))
    }
    leukocytes = {
        name: table.loc[table["denominator"] == "leukocytes", "denominator_count"].iloc[0]
        for name, table in counts.items()
    }
    beads = np.char.startswith(identity, "bead").sum()
    assert leukocytes["not named"] - leukocytes["left out"] > 0.9 * beads


def test_beads_count_only_while_cells_do(acquired, templates, settings):
    events, identity, _ = acquired()
    beads, seconds = np.char.startswith(identity, "bead"), events.values[:, 0] / 100
    values = events.values.copy()
    # the laser misses cells for 20 of 100 seconds; the beads are taken as ever
    values[np.ix_(~beads & (seconds > 40) & (seconds < 60), range(1, values.shape[1]))] *= 0.5
    missed = type(events)(events.channels, values, events.spill)
    quality = gated(missed, templates, settings, sample(**TUBE))[1]
    assert check(quality, "time_anomaly")["value"] == pytest.approx(0.2, abs=0.03)
    assert check(quality)["value"] == pytest.approx(0.8 * 5100, rel=0.03)


def test_cells_are_the_same_with_and_without_beads_in_the_tube(acquired, templates, settings):
    counts = []
    for beads, columns in ((5000, TUBE), (0, {})):
        populations, _, _ = gated(
            acquired(beads=beads)[0], templates, settings, sample(**columns), [WBC]
        )
        counts.append(populations.set_index(["role", "denominator"])["count"].drop(""))
    assert (counts[0] - counts[1]).abs().max() <= 0.01 * counts[1].max()


@pytest.mark.parametrize("shares", [BLOOD, MARROW], ids=["blood", "bright lymphoblasts"])
@pytest.mark.parametrize("panel", PANELS)
def test_a_tube_without_beads_has_none(acquired, templates, settings, panel, shares):
    events, _, _ = acquired(panel, shares, beads=0)
    _, quality, _ = gated(events, templates, settings, sample(panel) | TUBE)
    assert check(quality)["verdict"] == "FLAG"
    assert "no bead cluster" in check(quality)["message"]
    _, quality, _ = gated(events, templates, settings, sample(panel))
    assert "beads" not in set(quality["check"])


def cloud(random, number, *, centre, spread, size=(60_000.0, 20_000.0), size_spread=0.1):
    """Events alike but for log-normal spreads; scatter first, then six detectors."""
    scatter = np.array(size) * random.lognormal(0, size_spread, (number, 2))
    return np.column_stack([scatter, centre * random.lognormal(0, spread, (number, 6))])


def cells(random, number=20_000):
    return cloud(random, number, centre=800.0, spread=0.8)


@pytest.mark.parametrize(
    ("spread", "size_spread", "answer"),
    [(0.08, 0.08, FOUND), (0.35, 0.1, UNCLEAR), (0.2, 0.1, UNCLEAR), (0.08, 0.5, UNCLEAR)],
    ids=["beads", "cells, bright everywhere", "narrow cells", "alike in light, not in size"],
)
def test_only_events_that_are_all_alike_are_beads(rules, spread, size_spread, answer):
    random = np.random.default_rng(1)
    bright = cloud(
        random, 4000, centre=50_000.0, spread=spread, size=(30_000.0, 150_000.0),
        size_spread=size_spread,
    )  # fmt: skip
    found = find_beads(np.concatenate([cells(random), bright]), DETECTORS, SCATTER, RANGES, rules)
    assert found.answer == answer
    assert (found.counted is None) == (answer != FOUND)


def test_dead_cells_that_glow_in_every_detector_are_no_beads(rules):
    random = np.random.default_rng(2)
    glow = random.lognormal(0, 0.4, (5000, 1))  # a dead cell is bright or dim as a whole
    dead = cloud(random, 5000, centre=12_000.0, spread=0.1, size=(45_000.0, 22_000.0))
    dead[:, 2:] *= glow
    found = find_beads(np.concatenate([cells(random), dead]), DETECTORS, SCATTER, RANGES, rules)
    assert found.answer == UNCLEAR
    assert found.mask is None


def test_beads_in_the_place_of_cells_in_scatter_are_not_trusted(rules):
    random = np.random.default_rng(3)
    beads = cloud(random, 2000, centre=50_000.0, spread=0.05)
    alone = find_beads(np.concatenate([cells(random), beads]), DETECTORS, SCATTER, RANGES, rules)
    assert alone.answer == UNCLEAR
    assert "among cells in scatter" in alone.message


@pytest.mark.parametrize("numbers", [(2000, 3000), (3000, 2000)])
def test_two_kinds_of_beads_are_unclear(rules, numbers):
    random = np.random.default_rng(4)
    kinds = [
        cloud(random, number, centre=level, spread=0.05, size=(30_000.0, 150_000.0))
        for number, level in zip(numbers, (12_000.0, 50_000.0), strict=True)
    ]
    found = find_beads(np.concatenate([cells(random), *kinds]), DETECTORS, SCATTER, RANGES, rules)
    assert found.answer == UNCLEAR


def test_bright_events_that_reach_into_the_beads_make_them_unclear(rules):
    random = np.random.default_rng(8)
    beads = cloud(random, 3000, centre=50_000.0, spread=0.05, size=(30_000.0, 150_000.0))
    near = cloud(random, 3000, centre=34_000.0, spread=0.2, size=(30_000.0, 150_000.0))
    tube = np.concatenate([cells(random), beads, near])
    assert find_beads(tube, DETECTORS, SCATTER, RANGES, rules).answer == UNCLEAR


def test_few_events_and_few_detectors_give_no_beads(rules):
    random = np.random.default_rng(6)
    beads = cloud(random, 99, centre=50_000.0, spread=0.05, size=(30_000.0, 150_000.0))
    tube = np.concatenate([cells(random), beads])
    assert find_beads(tube, DETECTORS, SCATTER, RANGES, rules).answer == NONE
    assert find_beads(tube, DETECTORS[:2], SCATTER, RANGES, rules).answer == UNCLEAR
    assert find_beads(tube, DETECTORS, [], RANGES, rules).answer == UNCLEAR


def test_beads_at_the_ceiling_of_every_detector_are_counted_and_pairs_cannot_be_told(rules):
    random = np.random.default_rng(7)
    beads = cloud(random, 3000, centre=9e6, spread=0.05, size=(30_000.0, 150_000.0))
    beads[:, 2:] = np.minimum(beads[:, 2:], 262_143)
    found = find_beads(np.concatenate([cells(random), beads]), DETECTORS, SCATTER, RANGES, rules)
    assert found.counted == 3000
    assert "count once" in found.message


def test_beads_that_nobody_named_are_told_but_change_no_gate(acquired, templates, settings):
    populations, quality, _ = gated(acquired()[0], templates, settings, sample())
    assert check(quality)["verdict"] == "FLAG"
    assert "samples.tsv names none" in check(quality)["message"]
    assert populations["flags"].str.contains("possible counting beads").all()
    assert not populations["gate_path"].str.contains("no_beads").any()


def test_the_count_by_beads_precedes_that_by_the_blood_count_and_names_its_basis(
    acquired, templates, settings
):
    events, identity, _ = acquired()
    populations, quality, _ = gated(events, templates, settings, sample(**TUBE), [WBC])
    counted = int(check(quality)["value"])
    car = populations[populations["role"] == "car_t"].iloc[0]
    assert car["count_basis"].startswith(
        f"beads: 50,000 per tube, {counted:,} counted, lot CV 3 %; 50 uL of specimen, dilution 1"
    )
    true = (identity == "car_cd8").sum() / (
        (identity == "bead").sum() + 2 * (identity == "bead_pair").sum()
    )
    assert car["cells_per_ul"] == pytest.approx(true * 1000, rel=0.05)
    assert car["cells_per_ul_low"] < true * 1000 < car["cells_per_ul_high"]


def test_without_beads_in_the_file_the_blood_count_takes_over_with_a_flag(
    acquired, templates, settings
):
    events, _, _ = acquired(beads=0)
    populations, _, _ = gated(events, templates, settings, sample(**TUBE), [WBC])
    car = populations[populations["role"] == "car_t"].iloc[0]
    assert car["count_basis"].startswith("dual platform: wbc")
    assert "beads were added but give no count: no bead cluster" in car["flags"]
    assert "by the blood count instead" in car["flags"]
    nothing, _, _ = gated(events, templates, settings, sample(**TUBE))
    assert nothing["cells_per_ul"].isna().all()
    assert nothing["flags"].str.contains("give no count").any()


def test_more_beads_than_the_tube_held_give_no_count(acquired, templates, settings):
    columns = TUBE | {"beads_per_tube": "4000"}
    populations, _, _ = gated(acquired()[0], templates, settings, sample(**columns))
    assert populations["cells_per_ul"].isna().all()
    assert populations["flags"].str.contains("more than the 4,000 of the tube").any()


def test_liquor_is_counted_by_beads_though_no_blood_count_speaks_for_it(
    acquired, templates, settings
):
    events, _, _ = acquired()
    by_beads, _, _ = gated(events, templates, settings, sample(specimen="CSF", **TUBE), [WBC])
    assert (by_beads["cells_per_ul"] > 0).any()
    without, _, _ = gated(events, templates, settings, sample(specimen="CSF"), [WBC])
    assert without["cells_per_ul"].isna().all()


def test_the_gate_file_leaves_out_the_same_beads_in_flowkit(
    acquired, templates, settings, tmp_path
):
    events, identity, path = acquired()
    populations, _, export = gated(events, templates, settings, sample(**TUBE))
    write_gates(tmp_path / "gates.xml", *export)
    theirs = {
        "/".join(("root", *gate.path)): int(gate.mask.sum())
        for gate in gate_with_workspace(path, tmp_path / "gates.xml")
    }
    assert theirs["root/no_beads"] == (~np.char.startswith(identity, "bead")).sum()
    ours = populations.drop_duplicates("gate_path").set_index("gate_path")["count"]
    compared = [name for name in ours.index if name in theirs]
    assert len(compared) >= 5
    assert {name: theirs[name] for name in compared} == dict(ours[compared])


def test_a_control_with_beads_places_the_cut_of_one_without(acquired, templates, settings):
    cuts = []
    for beads, columns in ((5000, TUBE), (0, {})):
        events, _, _ = acquired(beads=beads, without=frozenset({"CAR"}))
        row = sample(sample_id="C1", control_for="fmo:CAR", **columns)
        rows, _ = place_batch("X", [(row, events)], templates, thresholds(settings))
        cuts.append(next(row["cut"] for row in rows if row["marker"] == "CAR"))
    assert cuts[0] == pytest.approx(cuts[1], rel=0.02)


def test_a_gate_of_the_laboratory_with_the_role_beads_counts_them():
    masks = {"Beads": np.arange(10_000) < 5000, "CAR": np.arange(10_000) >= 9500}
    gates = [ManualGate((name,), mask, None) for name, mask in masks.items()]
    limits = thresholds(
        {
            "lod_events": 20, "lloq_events": 50, "minimum_denominator_events": 1000,
            "control_quantile": 0.999, "max_margin_fraction": 0.05,
            "max_time_anomaly_fraction": 0.3, "bead_lot_cv": 0.03,
        }
    ).limits  # fmt: skip
    specimen = describe(sample(**TUBE), [], [])

    def car(roles):
        rows = manual_rows(gates, specimen, roles, limits, 0.03)
        return next(row for row in rows if row["population"] == "CAR")

    # 500 cells / 5,000 beads x 50,000 beads / 50 uL
    assert car({"Beads": "beads", "CAR": "car_t"})["cells_per_ul"] == pytest.approx(100)
    without = car({"CAR": "car_t"})
    assert without["cells_per_ul"] is None
    assert "no gate of the workspace has the role beads" in without["flags"]


def test_a_template_may_name_the_detectors_that_see_the_beads(acquired, templates, settings):
    events, identity, _ = acquired()
    # these beads are dark in violet light
    beads = np.char.startswith(identity, "bead")
    values = events.values.copy()
    values[np.ix_(beads, [n for n, c in enumerate(events.channels) if c.name == "BV421-A"])] = 100
    dark = type(events)(events.channels, values, events.spill)
    template = templates["car_t_persistence"]
    told = {}
    for detectors in (None, ["CD4", "CAR", "APC-A", "CD45"], ["CD4", "CAR", "CD99"]):
        source = template.source | ({"beads": {"detectors": detectors}} if detectors else {})
        ready = prepare(dark, source, max_margin=0.05, max_time_anomaly=0.3, beads_added=True)
        told[str(detectors)] = ready.beads.answer
    assert list(told.values()) == [NONE, FOUND, UNCLEAR]
