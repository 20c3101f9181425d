"""Conda environments and requirements.txt name the same versions."""

import re

import pytest
import yaml

# conda's name where it differs from the package index's
CONDA_NAMES = {"python-igraph": "igraph"}


def pins(root, name):
    """Package -> version of a requirements file."""
    return dict(re.findall(r"^([a-z0-9_.-]+)==([^ ;\\]+)", (root / name).read_text(), re.MULTILINE))


def test_environments_and_requirements_are_equal(root):
    locked = pins(root, "requirements.txt")
    for path in (root / "envs").glob("*.yaml"):
        for entry in yaml.safe_load(path.read_text())["dependencies"]:
            for pinned in entry["pip"] if isinstance(entry, dict) else [entry]:
                name, _, version = re.match(r"([a-z0-9-]+)\s*(==|=|>=|$)(\S*)", pinned).groups()
                if name not in {"python", "pip"}:
                    assert locked[CONDA_NAMES.get(name, name)] == version, f"{path.name}: {name}"


def test_every_rule_has_an_environment_that_exists(root):
    for path in (root / "workflow/rules").glob("*.smk"):
        for environment in re.findall(r'conda:\s*"([^"]+)"', path.read_text()):
            assert (path.parent / environment).resolve().is_file(), f"{path.name}: {environment}"


@pytest.mark.parametrize(
    "name", ["requirements.txt", "requirements-dev.txt", "benchmarks/requirements.txt"]
)
def test_requirements_pin_with_hashes_and_name_no_address(root, name):
    text = (root / name).read_text()
    assert "://" not in text
    for block in re.split(r"\n(?=\S)", text):
        if "==" in block.split("\n")[0]:
            assert "--hash=sha256:" in block


def test_both_requirements_agree(root):
    runtime, development = pins(root, "requirements.txt"), pins(root, "requirements-dev.txt")
    assert {k: v for k, v in development.items() if runtime.get(k, v) != v} == {}


def test_the_version_is_the_same_everywhere(root):
    from aftercar.io.provenance import VERSION

    assert f'version = "{VERSION}"' in (root / "pyproject.toml").read_text()
    assert f"version: {VERSION}" in (root / "CITATION.cff").read_text()
    assert f"## {VERSION}" in (root / "CHANGELOG.md").read_text()
