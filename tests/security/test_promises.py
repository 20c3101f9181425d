"""SECURITY.md names tests that exist."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_test_that_the_promises_name_exists():
    tests = {
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    }
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", (ROOT / "SECURITY.md").read_text(), re.MULTILINE)
    assert len(rows) > 10
    for promise, named in rows:
        words = re.findall(r"`(test_\w+)`", named)
        assert words or promise == "promise", promise
        assert set(words) <= tests, set(words) - tests


def test_every_test_of_security_is_named_there():
    """A promise that is tested and not told helps nobody."""
    text = (ROOT / "SECURITY.md").read_text()
    silent = {
        "test_the_sheets_without_a_trick_are_accepted", "test_free_text_stays_one_cell_of_its_row",
        "test_every_test_that_the_promises_name_exists",
        "test_every_test_of_security_is_named_there",
    }  # fmt: skip
    for path in Path(__file__).parent.glob("test_*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                assert node.name in silent or f"`{node.name}`" in text, node.name
