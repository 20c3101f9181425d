"""Conda environments and requirements.txt name the same versions, of all that a rule imports."""

import ast
import re
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
# conda's name where it differs from the package index's
CONDA_NAMES = {"python-igraph": "igraph"}
# Snakemake lends its own library to the scripts that it starts in another environment.
LENT = {"snakemake"}


def pins(root, name):
    """Package -> version of a requirements file."""
    return dict(re.findall(r"^([a-z0-9_.-]+)==([^ ;\\]+)", (root / name).read_text(), re.MULTILINE))


def environment(path):
    """Package (by the package index's name) -> version of a conda file."""
    found = {}
    for entry in yaml.safe_load(path.read_text())["dependencies"]:
        for pinned in entry["pip"] if isinstance(entry, dict) else [entry]:
            name, _, version = re.match(r"([a-z0-9-]+)\s*(==|=|>=|$)(\S*)", pinned).groups()
            if name not in {"python", "pip"}:
                found[CONDA_NAMES.get(name, name)] = version
    return found


def test_environments_and_requirements_are_equal(root):
    locked = pins(root, "requirements.txt")
    files = sorted((root / "envs").glob("*.yaml"))
    assert files
    for path in files:
        differing = environment(path).items() - locked.items()
        assert not differing, f"{path.name}: {sorted(differing)}"


@cache
def imports(module):
    """All modules that a file of scripts/ imports, at its top or inside functions."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / f"scripts/{module}.py").read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def libraries(script):
    """Other people's packages that a script, or a module of ours that it reaches, may import."""
    seen, to_read, found = set(), [script], {}
    while to_read:
        module = to_read.pop()
        if module in seen:
            continue
        seen.add(module)
        for name in imports(module):
            top = name.split(".")[0]
            if top == "aftercar":
                to_read.append(name.replace(".", "/"))
            elif top not in sys.stdlib_module_names:
                found.setdefault(top, module)
    return found


@cache
def distributions():
    """Packages that bring each importable name."""
    return metadata.packages_distributions()


def distribution(name):
    """A package's name in the one spelling in which names are compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def with_their_needs(packages):
    """Packages and everything that they need themselves, as installed here."""
    found, to_read = set(), [distribution(name) for name in packages]
    while to_read:
        name = to_read.pop()
        if name in found:
            continue
        found.add(name)
        try:
            needs = metadata.requires(name) or []
        except metadata.PackageNotFoundError:  # needed on another system only
            continue
        needs = [need for need in needs if "extra ==" not in need]
        to_read += [distribution(re.match(r"[\w.-]+", need).group()) for need in needs]
    return found


def rules_with_scripts():
    """Rule, script and conda file of every rule that has a script."""
    found = []
    for path in sorted((ROOT / "workflow/rules").glob("*.smk")):
        for block in re.split(r"\n(?=rule )", path.read_text())[1:]:
            script = re.search(r'script:\s*"[./]*scripts/(\w+)\.py"', block)
            conda = re.search(r'conda:\s*"([^"]+)"', block)
            if script:
                rule = re.match(r"rule (\w+)", block).group(1)
                found.append(pytest.param(script.group(1), path.parent / conda.group(1), id=rule))
    return found


@pytest.mark.parametrize(("script", "conda"), rules_with_scripts())
def test_the_environment_of_a_rule_has_all_that_its_code_imports(script, conda):
    has = with_their_needs(environment(conda))
    provided = distributions()
    absent = {
        library: module
        for library, module in libraries(script).items()
        if library not in LENT
        and not any(distribution(name) in has for name in provided.get(library, [library]))
    }
    assert not absent, f"{conda.name} lacks {absent}"


def test_every_rule_with_a_script_is_looked_at(root):
    texts = [path.read_text() for path in (root / "workflow/rules").glob("*.smk")]
    assert len(rules_with_scripts()) == sum(text.count("\n    script:\n") for text in texts) > 10


def test_every_rule_has_an_environment_that_exists(root):
    for path in (root / "workflow/rules").glob("*.smk"):
        for environment in re.findall(r'conda:\s*"([^"]+)"', path.read_text()):
            assert (path.parent / environment).resolve().is_file(), f"{path.name}: {environment}"


@pytest.mark.parametrize(
    "name",
    [
        "requirements.txt",
        "requirements-dev.txt",
        "benchmarks/requirements.txt",
        "tests/audit/requirements.txt",
    ],
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
