"""A mistake in the configuration is named by its key, with what was found and expected."""

import pytest
import yaml

from aftercar.contracts.settings import settings_problems


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
