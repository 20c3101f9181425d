"""The written reference says what the schemas and contracts declare."""

import importlib
import pkgutil
import runpy

import pytest
from tests.accuracy.readme_power import stated_limits, with_power

from aftercar import contracts
from aftercar.contracts.table import Table
from aftercar.io.variants import write_variants


@pytest.mark.parametrize(
    ("path", "function"),
    [
        ("config/README.md", "config_reference"),
        ("docs/outputs.md", "outputs_reference"),
        ("docs/methods.md", "methods_reference"),
    ],
)
def test_the_reference_is_up_to_date(root, path, function):
    written = runpy.run_path(str(root / "docs/write_reference.py"))[function]()
    assert (root / path).read_text() == written, "run `make docs`"


def test_every_table_is_in_the_reference_or_named_as_internal(root):
    written = runpy.run_path(str(root / "docs/write_reference.py"))
    told = [*written["FILES"].values(), *written["INTERNAL"]]
    for module in pkgutil.iter_modules(contracts.__path__, f"{contracts.__name__}."):
        for name, value in vars(importlib.import_module(module.name)).items():
            assert not isinstance(value, Table) or value in told, f"{module.name}.{name}"


def test_the_reference_names_every_field_of_the_vcf(root, tmp_path):
    import pysam

    write_variants(tmp_path / "x.vcf", {"A-1": []}, {"chr16": 90_338_345})
    text = (root / "docs/outputs.md").read_text().split(".vcf\n")[1].split("##")[0]
    with pysam.VariantFile(str(tmp_path / "x.vcf")) as file:
        for name in {*file.header.info, *file.header.formats}:
            assert f"`{name}`" in text


def test_the_readme_names_every_table_of_a_patients_variants(root):
    """What a reader looks for first: the tables of results/sequencing."""
    text = (root / "README.md").read_text()
    written = runpy.run_path(str(root / "docs/write_reference.py"))
    for path in written["FILES"]:
        if path.startswith("results/sequencing/"):
            assert path.rsplit("/", 1)[-1].removeprefix("<patient>").lstrip(".") in text, path


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


def test_the_delivered_configuration_shows_every_key(root):
    """A key with a default may be left out, but whoever edits the file must see that it exists."""
    import yaml

    schema = yaml.safe_load((root / "workflow/schemas/config.schema.yaml").read_text())
    config = yaml.safe_load((root / "config/config.yaml").read_text())

    def missing(part, values, place=""):
        for key, rule in part.get("properties", {}).items():
            if key not in values:
                yield place + key
            elif "properties" in rule:
                yield from missing(rule, values[key] or {}, f"{place}{key}/")

    assert list(missing(schema, config)) == []


DOCUMENTS = ("*.md", "docs/*.md", "config/*.md", "resources/*/*.md")


def anchors(text):
    """Anchors of the headings of a page, as repositories' web pages make them."""
    import re

    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_links_of_the_documents_lead_to_files_and_headings_that_exist(root):
    import re

    links = 0
    for path in (path for pattern in DOCUMENTS for path in root.glob(pattern)):
        text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if target.startswith("https://doi.org/10."):
                continue
            assert "://" not in target, f"{path.name}: {target}"
            name, _, anchor = target.partition("#")
            file = path.parent / name if name else path
            assert file.exists(), f"{path.name}: {target}"
            assert not anchor or anchor in set(anchors(file.read_text())), f"{path.name}: {target}"
            links += 1
    assert links > 40


def test_every_page_of_the_documents_is_reached_from_their_index(root):
    index = (root / "docs/README.md").read_text()
    for path in (root / "docs").glob("*.md"):
        assert path.name == "README.md" or path.name in index, path.name


def test_the_interpretation_tells_every_status_word_and_mechanism(root):
    from aftercar.contracts import vocabulary

    text = (root / "docs/interpretation.md").read_text()
    for words in (
        vocabulary.MEASUREMENT_STATUS,
        vocabulary.RULE_STATUS,
        vocabulary.RISK_CATEGORY,
        vocabulary.ANTIGEN_STATUS,
        vocabulary.CHECK_VERDICT,
    ):
        for word in words:
            assert f"| {word} |" in text, word
    for name, meaning in vocabulary.MECHANISMS.items():
        assert f"| {name} | {meaning}" in text, name


def test_the_readme_has_at_most_150_lines_and_names_the_commands_that_exist(root):
    import re

    text = (root / "README.md").read_text()
    assert len(text.splitlines()) <= 150
    targets = set(re.findall(r"^([a-z]+):", (root / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)", text)) <= targets


def test_the_readme_shows_the_power_that_was_measured(root):
    page = (root / "docs/validation.md").read_text()
    assert stated_limits(page).count("\n") >= 4
    readme = (root / "README.md").read_text()
    assert readme == with_power(readme, page), "run `make validation VALIDATION=expression`"


def test_the_validation_says_in_words_what_its_tables_of_risk_show(root):
    """What is said of M1, M2, M3 and of low sensitivities is read off the tables beside it."""
    page = (root / "docs/validation.md").read_text()
    assert "does not speak of another" not in page
    rows = [[cell.strip(" *") for cell in line.split("|")[1:-1]] for line in page.splitlines()]
    seen = {tuple(row[:3]): row[4] for row in rows if len(row) == 11}
    ratios = {row[0]: [cell.removeprefix("own: **") for cell in row[1:]] for row in rows
              if len(row) == 5 and row[0].startswith("M")}  # fmt: skip
    said = next(text for text in page.splitlines() if "Sensitivity is low" in text)
    for key in (
        ("M1", "antigen positive", "D90"),
        ("M6, B lineage", "non relapse death", "D180"),
    ):
        assert f" {seen[key].partition(' (')[0]} " in said
    told = next(text for text in page.splitlines() if text.startswith("**M1, M2 and M3"))
    for signal in ("M1", "M2", "M3"):
        for ratio in ratios[signal][: 2 if signal != "M3" else 3]:
            assert ratio in told
