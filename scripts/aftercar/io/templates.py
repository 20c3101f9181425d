"""Read gating templates with the synonyms and placement settings that belong to them."""

from pathlib import Path

import yaml

SHARED = Path(__file__).resolve().parents[3] / "resources/gating"
SCHEMA = Path(__file__).resolve().parents[3] / "workflow/schemas/gating.schema.yaml"
COMPANIONS = {"synonyms": "markers.yaml", "placement": "placement.yaml"}


class TemplateError(ValueError):
    """A gating template that is not as its schema asks; the message lists every problem."""


def read_template(path: str | Path) -> dict:
    """Return the template at `path` with `synonyms` and `placement` added.

    Those come from markers.yaml and placement.yaml beside the template, else from AfterCAR.
    Raises TemplateError naming all problems of the file.
    """
    path = Path(path)
    template = _loaded(path)
    problems = _schema_problems(template)
    if problems:
        raise TemplateError("\n  ".join([f"Please correct {path.name}:", *problems]))
    for key, name in COMPANIONS.items():
        beside = path.with_name(name)
        source = beside if beside.exists() else SHARED / name
        template[key] = _loaded(source)
    return template


def _loaded(path: Path) -> dict:
    """Return a YAML file as plain values; by the parser in C where libyaml is there."""
    safe = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(path.read_text(encoding="utf-8"), Loader=safe)


def _schema_problems(template: object) -> list[str]:
    from jsonschema import Draft202012Validator

    schema = _loaded(SCHEMA)
    return [
        f"{'/'.join(str(step) for step in error.path) or 'the file'}: {error.message}"
        for error in Draft202012Validator(schema).iter_errors(template)
    ]
