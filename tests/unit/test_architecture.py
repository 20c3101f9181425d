"""The rules that keep the code easy to change, checked on the source itself."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "scripts"
LIBRARY = SCRIPTS / "aftercar"
BASE = {"contracts", "stats"}  # may be imported by all, import no other part
HEAVY = {
    "anndata", "flowio", "flowkit", "flowutils", "h5py", "igraph", "jinja2", "matplotlib", "numba",
    "pysam", "scanpy", "scipy", "sklearn",
}  # fmt: skip
# Scripts that a person starts, not a rule; the Makefile says how.
COMMANDS = {"sign_report", "export_research"}
PATHS = {"pathlib", "os", "shutil", "tempfile", "glob"}

modules = pytest.mark.parametrize(
    "path", sorted(LIBRARY.rglob("*.py")), ids=lambda path: str(path.relative_to(LIBRARY))
)
scripts = pytest.mark.parametrize("path", sorted(SCRIPTS.glob("*.py")), ids=lambda path: path.stem)


def imports(path):
    """Dotted names of all that the file imports, at the top or inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def parts(path):
    """Parts of the library that the file imports."""
    return {name.split(".")[1] for name in imports(path) if name.startswith("aftercar.")}


@modules
def test_a_part_imports_only_itself_and_the_base(path):
    part = path.relative_to(LIBRARY).parts[0]
    assert parts(path) <= (BASE | {part} if part not in BASE else {part})


@modules
def test_logic_knows_neither_snakemake_nor_paths(path):
    used = {name.split(".")[0] for name in imports(path)}
    assert "snakemake" not in used
    assert path.relative_to(LIBRARY).parts[0] == "io" or not used & PATHS


@pytest.mark.parametrize(
    "path", sorted(SCRIPTS.rglob("*.py")), ids=lambda path: str(path.relative_to(SCRIPTS))
)
def test_the_digest_of_a_rule_finds_every_import_of_the_library(path):
    """Snakemake reruns a rule by this digest: an import that it overlooks hides an edit."""
    rules = (ROOT / "workflow/rules/common.smk").read_text()
    (pattern,) = re.findall(r'^OWN_IMPORT = re\.compile\(rb"(.+)", re\.MULTILINE\)', rules, re.M)
    found = re.findall(pattern.encode(), path.read_bytes(), re.MULTILINE)
    wanted = {name for name in imports(path) if name.startswith("aftercar")}
    assert {name.decode() for name in found} == wanted


@modules
def test_a_package_file_holds_only_its_docstring(path):
    if path.name == "__init__.py":
        assert [type(node) for node in ast.parse(path.read_text()).body] == [ast.Expr]


@modules
def test_a_module_has_a_name_that_says_what_is_inside_and_is_not_too_long(path):
    assert path.stem not in {"utils", "helpers", "common", "misc"}
    assert len(path.read_text().splitlines()) <= 500


@scripts
def test_a_script_is_thin_and_serves_the_rule_of_its_name(path):
    rules = "".join(file.read_text() for file in (ROOT / "workflow/rules").glob("*.smk"))
    if path.stem in COMMANDS:
        assert f"/scripts/{path.name} " in (ROOT / "Makefile").read_text()
        assert "argparse" in set(imports(path))
    else:
        assert re.search(rf"^rule {path.stem}:", rules, re.MULTILINE)
        assert re.search(rf'digest\(\s*"{path.stem}"', rules)
    assert len(path.read_text().splitlines()) <= 60


@scripts
def test_a_script_joins_files_to_one_part_of_the_logic_at_most(path):
    assert len(parts(path) - BASE - {"io"}) <= 1


@scripts
def test_a_script_is_importable_without_snakemake(path):
    subprocess.run([sys.executable, "-c", f"import {path.stem}"], cwd=SCRIPTS, check=True)


def test_the_library_is_cheap_to_import():
    names = [
        ".".join(path.relative_to(SCRIPTS).with_suffix("").parts)
        for path in LIBRARY.rglob("[!_]*.py")
    ]
    code = f"import sys, {', '.join(names)}; print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", code], cwd=SCRIPTS, text=True)
    assert not HEAVY & set(loaded.split())


def test_rule_files_hold_no_run_blocks_and_no_checkpoints():
    for path in (ROOT / "workflow/rules").glob("*.smk"):
        assert not re.search(r"^\s*(run:|checkpoint\s)", path.read_text(), re.MULTILINE), path


def test_the_simulator_shares_no_code_with_the_analysis():
    for path in (LIBRARY / "simulate").rglob("*.py"):
        assert parts(path) <= {"contracts", "simulate"}, path
