"""A template that cannot be read is told by file and line, those of all panels at once."""

import shutil

import pytest

from aftercar.io.templates import SHARED, TemplateError, read_templates, template_files


@pytest.fixture
def told(tmp_path):
    """What is told of two copies of templates, the first with one text replaced by another."""

    def problems(old="", new="", *, name_problems=lambda source, panel: [], companions=None):
        for panel in ("nk", "aml"):
            shutil.copy(SHARED / f"{panel}.yaml", tmp_path)
        text = (SHARED / "nk.yaml").read_text()
        assert old in text
        (tmp_path / "nk.yaml").write_text(text.replace(old, new, 1))
        for name, content in (companions or {}).items():
            (tmp_path / name).write_text(content)
        panels = {panel: str(tmp_path / f"{panel}.yaml") for panel in ("nk", "aml")}
        try:
            read_templates(panels, name_problems)
        except TemplateError as error:
            return str(error)
        return ""

    return problems


def line_of(text):
    lines = (SHARED / "nk.yaml").read_text().splitlines()
    return next(n for n, line in enumerate(lines, start=1) if text in line)


def test_the_delivered_templates_have_no_problem(told):
    assert told() == ""


def test_what_is_no_yaml_is_told_by_line(told, tmp_path):
    text = told("cuts:\n", "cuts: [\n")
    assert text.startswith(f"Please correct {tmp_path}/nk.yaml:\n  line ")
    assert ", expected YAML. To mend it: correct this line or the one before" in text


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "  CD56: {method: above_negatives, ",
            "  CD56: {methd: above_negatives, ",
            "key cuts/CD56/methd: found an unknown key, expected one of marker, method",
        ),
        (
            "  CD56: {method: above_negatives, ",
            "  CD56: {",
            "key cuts/CD56/method: found nothing, expected above_negatives: beside a population",
        ),
        (
            "  CD56: {method: above_negatives, ",
            "  CD56: {method: somehow, ",
            "key cuts/CD56/method: found 'somehow', expected above_negatives: beside",
        ),
    ],
    ids=["unknown", "missing", "wrong"],
)
def test_what_the_schema_refuses_is_told_by_line_and_key(told, old, new, message):
    assert f"line {line_of('CD56: {method')}, {message}" in told(old, new)


def test_a_key_that_stands_twice_is_told_since_yaml_would_keep_the_last_alone(told):
    line = line_of("  CD16: {method")
    text = told("  CD16: {method", "  CD56: {method")
    assert f"line {line}, key CD56: found again, as in line {line - 1}, expected each" in text


@pytest.mark.parametrize("content", ["", "- a list\n", "7\n"], ids=["empty", "list", "number"])
def test_a_file_of_another_kind_is_told(told, tmp_path, content):
    told()
    (tmp_path / "nk.yaml").write_text(content)
    with pytest.raises(TemplateError, match="the file: found"):
        read_templates({"nk": str(tmp_path / "nk.yaml")}, lambda source, panel: [])


def test_the_problems_of_all_panels_come_in_one_message(told, tmp_path):
    text = told(
        "parent: viable", "parnt: viable", name_problems=lambda source, panel: [f"names of {panel}"]
    )
    assert f"Please correct {tmp_path}/nk.yaml:\n  line" in text
    assert f"Please correct {tmp_path}/aml.yaml:\n  names of aml" in text


def test_companions_that_are_not_whole_are_told_once(told, tmp_path):
    placement = (SHARED / "placement.yaml").read_text().replace("max_move: 0.7", "max_mov: 0.7")
    text = told(companions={"placement.yaml": placement, "markers.yaml": "markers:\n  CD3: CD3\n"})
    assert text.count(f"Please correct {tmp_path}/placement.yaml:\n  key max_move: found None") == 1
    assert "key scatter: found no lists" in text
    assert "key markers/CD3: found 'CD3', expected a list of names" in text


def test_the_files_of_a_template_are_its_own_and_its_companions(tmp_path):
    path = tmp_path / "nk.yaml"
    (tmp_path / "markers.yaml").touch()
    assert template_files(path) == [
        str(path), str(tmp_path / "markers.yaml"), str(SHARED / "placement.yaml")
    ]  # fmt: skip
