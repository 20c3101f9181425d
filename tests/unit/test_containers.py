"""Both container files install the pinned packages, copy the pipeline alone, and start it."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest
import yaml
from tests.e2e.workflow_run import working_copy

HOME = "/opt/aftercar"
# what the rules read: nothing of it can hold a patient's files
COPIED = {
    name: f"{HOME}/{name}" for name in ("Snakefile", "workflow", "envs", "resources", "scripts")
}


def instructions(root):
    """Keyword and arguments of every line of the Dockerfile."""
    text = (root / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [tuple(line.split(maxsplit=1)) for line in lines]


def arguments(root, keyword):
    return [argument for name, argument in instructions(root) if name == keyword]


def sections(root):
    """Header and sections of apptainer.def by name; the header's name is empty."""
    text = (root / "apptainer.def").read_text().replace("\\\n", " ")
    text = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    first, *others = re.split(r"^%(\w+)$", text, flags=re.MULTILINE)
    return {"": first} | dict(zip(others[::2], others[1::2], strict=True))


def commands(root):
    """The commands that each file runs while the image is built."""
    docker = [part for run in arguments(root, "RUN") for part in run.split("&&")]
    apptainer = sections(root)["post"].splitlines()
    return {
        "Dockerfile": [shlex.split(line) for line in docker],
        "apptainer.def": [shlex.split(line) for line in apptainer if line.strip()],
    }


@pytest.mark.parametrize("file", ["Dockerfile", "apptainer.def"])
def test_a_container_installs_the_pinned_packages_by_their_hashes_and_nothing_else(root, file):
    found = commands(root)[file]
    pip, *others = found
    assert pip[:4] == ["python", "-m", "pip", "install"]
    assert "--require-hashes" in pip
    assert pip[-2:] == ["--requirement", f"{HOME}/requirements.txt"]
    assert {command[0] for command in others} <= {"python", "useradd"}
    assert not any("pip" in command for command in others)
    assert "://" not in (root / file).read_text(), "no host beyond the name of the image"


def test_both_containers_are_made_of_the_same_image_of_one_release_of_python(root):
    (image,) = arguments(root, "FROM")
    assert f"From: {image}" in sections(root)[""]
    release = re.fullmatch(r"python:3\.(\d+)\.\d+-slim-\w+", image)
    low, high = re.search(
        r'requires-python = ">=3\.(\d+),<3\.(\d+)"', (root / "pyproject.toml").read_text()
    ).groups()
    assert int(low) <= int(release.group(1)) < int(high)
    docker, apptainer = commands(root).values()
    assert docker[:2] == apptainer


def test_only_the_pipeline_enters_an_image_and_no_working_directory(root):
    copied = dict(argument.split() for argument in arguments(root, "COPY"))
    assert copied.pop("requirements.txt").rstrip("/") == HOME
    assert {name: f"{HOME}/{name}" for name in copied} == COPIED
    assert {copied[name].rstrip("/") for name in copied} <= {HOME, *COPIED.values()}
    files = [line.split() for line in sections(root)["files"].splitlines() if line.strip()]
    assert dict(files) == COPIED | {"requirements.txt": f"{HOME}/requirements.txt"}
    ignored = (root / ".dockerignore").read_text().splitlines()
    handed = {line[1:] for line in ignored if line.startswith("!")}
    assert "*" in ignored
    assert handed == {"requirements.txt", *COPIED}
    assert all((root / name).exists() for name in handed)


def test_the_pipeline_does_not_run_as_root_in_docker(root):
    names = [name for name, _ in instructions(root)]
    (user,) = arguments(root, "USER")
    assert ["useradd", "--uid", "10001", user] in commands(root)["Dockerfile"]
    assert names.index("USER") > max(i for i, name in enumerate(names) if name == "RUN")


@pytest.mark.dag
def test_the_entry_point_finds_everything_among_the_copied_files(root, tmp_path):
    """One job is run as well: Snakemake reads more for a job than for a plan, as envs/."""
    entry = json.loads(arguments(root, "ENTRYPOINT")[0])
    assert shlex.split(sections(root)["runscript"]) == ["exec", *entry, "$@"]
    home = tmp_path / "home"
    home.mkdir()
    for name in COPIED:
        (shutil.copytree if (root / name).is_dir() else shutil.copy)(root / name, home / name)
    words = [sys.executable, "-m", *(word.replace(HOME, str(home)) for word in entry)]
    workdir = working_copy(tmp_path / "work", ["P10"])
    checks = "results/quality/input_checks.tsv"
    run = subprocess.run(
        [*words, "--cores", "1", checks], cwd=workdir, capture_output=True, text=True,
        check=False, env=os.environ | {"HOME": str(tmp_path)},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert (workdir / checks).is_file()


def test_the_workflow_catalog_finds_what_it_asks_of_a_standardized_workflow(root):
    """The catalog's rules for adding workflows: files, words of the README, keys of usage."""
    usage = yaml.safe_load((root / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert set(usage) == {"mandatory-flags", "software-stack-deployment"}
    assert set(usage["mandatory-flags"]) == {"desc", "flags"}
    deployment = usage["software-stack-deployment"]
    assert set(deployment) == {"conda", "apptainer", "apptainer+conda", "report"}
    assert all(isinstance(value, bool) for value in deployment.values())
    for name in ("workflow/Snakefile", "config/README.md"):
        assert (root / name).is_file()
    rules = [path.read_text() for path in (root / "workflow/rules").glob("*.smk")]
    assert rules
    assert deployment["conda"] == any("conda:" in text for text in rules)
    contained = any(re.search(r"^\s+container(ized)?:", text, re.MULTILINE) for text in rules)
    assert deployment["apptainer"] == contained
    readme = (root / "README.md").read_text().lower()
    assert "snakemake" in readme
    assert "workflow" in readme
