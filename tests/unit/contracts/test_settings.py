"""A mistake in the configuration is named by its key, with what was found and expected."""

import pytest
import yaml

from aftercar.contracts.settings import related_problems, settings_problems


@pytest.fixture
def told(root):
    schema = yaml.safe_load((root / "workflow/schemas/config.schema.yaml").read_text())

    def problems(change):
        config = yaml.safe_load((root / "config/config.yaml").read_text())
        change(config)
        return "\n".join(settings_problems(config, schema))

    return problems


def test_the_delivered_configuration_is_right(told):
    assert told(lambda config: None) == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda config: config["cytometry"].update(lod_event=1),
            "key cytometry/lod_event: found an unknown key, expected one of panels",
        ),
        (
            lambda config: config["cytometry"].pop("lod_events"),
            "key cytometry/lod_events: found nothing, expected events of a rare population",
        ),
        (
            lambda config: config["singlecell"].update(seed=None),
            "key singlecell/seed: found None, expected seed of every random step",
        ),
        (
            lambda config: config["evidence"].update(landmarks=[28, "x"]),
            "key evidence/landmarks/1: found 'x'",
        ),
    ],
    ids=["unknown", "missing", "null", "wrong type"],
)
def test_a_mistake_is_named(told, change, message):
    assert message in told(change)


def test_all_mistakes_are_told_at_once(told):
    def change(config):
        config["cytometry"]["lod_event"] = 1
        config["singlecell"]["seed"] = None

    assert len(told(change).splitlines()) == 2


def test_a_switch_is_asked_for_as_true_or_false(told):
    said = told(lambda config: config["evidence"].update(kinetic_model="maybe"))
    assert "expected true or false: fit the curve" in said


MODEL = {"landmark": 90, "covariates": [{"mechanism": "M1", "target": "CD19"}]}


@pytest.mark.parametrize(
    ("model", "issued_on", "message"),
    [
        (MODEL, "2027-02-28", ""),
        ({}, "", ""),
        ({"landmark": 91, "covariates": []}, "", ""),
        (MODEL | {"landmark": 91}, "", "key evidence/outcome_model/landmark: found 91, expected"),
        (
            MODEL | {"covariates": [{"mechanism": "M1"}, {"mechanism": "M1", "target": "CD91"}]},
            "",
            "key evidence/outcome_model/covariates/1/target: found 'CD91'",
        ),
        (MODEL, "2027-02-31", "key report/issued_on: found '2027-02-31', expected a day"),
    ],
    ids=["right", "no model", "model off", "no landmark", "unknown target", "no such day"],
)
def test_a_setting_that_does_not_fit_the_others_is_named(model, issued_on, message):
    config = {
        "evidence": {"landmarks": [28, 90], "outcome_model": model},
        "report": {"issued_on": issued_on},
    }
    told = "\n".join(related_problems(config, ["CD19", "CD7"]))
    assert told.startswith(message) if message else told == ""
