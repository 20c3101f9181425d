"""What jobs ask a cluster for, and that no step of a patient is forgotten in the group."""

import re
import runpy
from pathlib import Path

import pytest
import yaml

RULES = Path(__file__).parents[2] / "workflow/rules"
PROFILE = Path(__file__).parents[2] / "workflow/profiles/slurm/profile.v9+.yaml"


@pytest.fixture(scope="module")
def asked():
    """The functions that rules take memory and time from."""
    return runpy.run_path(str(RULES / "resources.smk"), {"Path": Path})


@pytest.fixture
def inputs(tmp_path):
    """A file of 3 MB, a folder of 2 + 5 MB, and a file that does not exist yet."""
    (tmp_path / "folder/below").mkdir(parents=True)
    sizes = {"file": 3, "folder/one": 2, "folder/below/two": 5}
    for name, megabytes in sizes.items():
        with open(tmp_path / name, "wb") as file:
            file.truncate(megabytes * 1_000_000)
    return [tmp_path / name for name in ("file", "folder", "absent")]


def test_memory_counts_all_files_of_folders_and_the_share_of_snakemake(asked, inputs):
    assert asked["memory"](800, 6)(None, inputs, 1) == 200 + 800 + 6 * 10


def test_memory_of_one_file_at_a_time_follows_the_largest(asked, inputs):
    assert asked["memory"](800, 8, together=False)(None, inputs, 1) == 200 + 800 + 8 * 7


@pytest.mark.parametrize("attempt", [2, 3])
def test_each_attempt_gets_more_memory_and_time(asked, inputs, attempt):
    for quantity in (asked["memory"](800, 6), asked["minutes"](20, 1000)):
        assert quantity(None, inputs, attempt) == attempt * quantity(None, inputs, 1)


@pytest.fixture(scope="module")
def cluster_rules():
    """The text of every rule that does not run on the launching node."""
    text = "".join(path.read_text() for path in sorted(RULES.glob("*.smk")))
    lists = "".join(re.findall(r"localrules:\n((?:    \w+,\n)+)", text))
    rules = re.findall(r"^rule (\w+):\n(.*?)^    script:", text, re.MULTILINE | re.DOTALL)
    return {name: body for name, body in rules if f"    {name},\n" not in lists}


def test_every_step_of_a_patient_is_in_the_group(cluster_rules):
    steps = {name for name, body in cluster_rules.items() if "{patient}.log" in body}
    groups = dict(line.split("=") for line in yaml.safe_load(PROFILE.read_text())["groups"])
    assert len(steps) >= 6
    assert set(groups) == steps
    assert set(groups.values()) == {"patient"}


def test_every_rule_that_the_cluster_runs_says_how_much_memory_and_time_it_needs(cluster_rules):
    assert len(cluster_rules) >= 9
    for name, body in cluster_rules.items():
        assert "mem_mb=memory(" in body, name
        assert "runtime=minutes(" in body, name
