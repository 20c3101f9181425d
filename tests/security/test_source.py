"""The code starts no shell and loads no objects; found by reading it."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = sorted([*(ROOT / "scripts").rglob("*.py"), *(ROOT / "docs").glob("*.py")])
RULES = sorted([ROOT / "Snakefile", *(ROOT / "workflow").rglob("*.smk")])
# A call of these runs what a text says, or builds any object that a file names.
FORBIDDEN = {
    "eval", "exec", "compile", "os.system", "os.popen", "pickle.load", "pickle.loads",
    "subprocess.run", "subprocess.Popen", "subprocess.call", "subprocess.check_output",
    "yaml.unsafe_load", "yaml.full_load", "marshal.loads", "shelve.open", "joblib.load",
    "pd.read_pickle", "pandas.read_pickle",
}  # fmt: skip
NETWORK = {"socket", "http", "urllib", "requests", "ftplib", "smtplib", "aiohttp", "httpx"}
XML = {"xml.etree.ElementTree", "xml.dom.minidom", "xml.sax", "lxml", "lxml.etree", "defusedxml"}

TREES = {path: ast.parse(path.read_text()) for path in CODE}


def imported(tree):
    """Dotted names of all that a module imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_no_text_is_run_and_no_object_is_loaded():
    calls = 0
    for path, tree in TREES.items():
        for node in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            name, where = ast.unparse(node.func), f"{path}, line {node.lineno}"
            keywords = {word.arg: ast.unparse(word.value) for word in node.keywords}
            assert name not in FORBIDDEN, f"{where}: {name}"
            assert keywords.get("allow_pickle", "False") == "False", where
            assert keywords.get("shell", "False") == "False", where
            assert name != "yaml.load" or keywords.get("Loader") == "SAFE", where
            calls += 1
    assert calls > 5000


def test_nothing_opens_a_connection():
    for path, tree in TREES.items():
        assert not {name.split(".")[0] for name in imported(tree)} & NETWORK, path


def test_the_loader_of_templates_is_the_safe_one():
    import yaml

    from aftercar.io.templates import SAFE

    assert SAFE in (yaml.SafeLoader, getattr(yaml, "CSafeLoader", None))
    with pytest.raises(yaml.YAMLError):
        yaml.load("!!python/object/apply:os.getcwd []", Loader=SAFE)


def test_xml_is_parsed_only_behind_the_check():
    """Every module that hands a file to a parser of XML calls check_xml first."""
    parsers = [
        path
        for path, tree in TREES.items()
        if set(imported(tree)) & XML or "flowkit" in {n.split(".")[0] for n in imported(tree)}
    ]
    assert len(parsers) >= 1
    for path in parsers:
        assert "check_xml(" in path.read_text(), path


def test_rules_start_no_shell_and_read_yaml_safely():
    for path in RULES:
        for call in re.findall(r"yaml\.(\w*load\w*)\(([^\n]*)", path.read_text()):
            assert call[0] == "safe_load" or "Loader=SAFE" in call[1], path
        assert not re.search(r"^\s*(shell|run|notebook|wrapper):", path.read_text(), re.MULTILINE)
