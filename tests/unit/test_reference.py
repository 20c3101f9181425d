"""The written reference says what the schemas and contracts declare."""

import runpy

import pytest


@pytest.mark.parametrize(
    ("path", "function"),
    [("config/README.md", "config_reference"), ("docs/outputs.md", "outputs_reference")],
)
def test_the_reference_is_up_to_date(root, path, function):
    written = runpy.run_path(str(root / "docs/write_reference.py"))[function]()
    assert (root / path).read_text() == written, "run `make docs`"


def test_delivered_config_and_sheets_are_what_the_schemas_ask_for(root):
    import yaml
    from jsonschema import Draft202012Validator

    schema = yaml.safe_load((root / "workflow/schemas/config.schema.yaml").read_text())
    config = yaml.safe_load((root / "config/config.yaml").read_text())
    assert list(Draft202012Validator(schema).iter_errors(config)) == []
    for name in ("patients", "infusions", "samples", "labs", "events"):
        columns = yaml.safe_load((root / f"workflow/schemas/{name}.schema.yaml").read_text())
        header = (root / f"config/{name}.tsv").read_text().splitlines()[0].split("\t")
        assert header == list(columns["properties"])


def test_links_of_the_documents_lead_somewhere(root):
    import re

    for path in (root / "README.md", *(root / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name}: {target}"
