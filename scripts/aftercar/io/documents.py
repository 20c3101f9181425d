"""Read settings written as YAML and name everything that their schema does not allow."""

from pathlib import Path

import yaml

from aftercar.io.templates import SAFE


class DocumentError(ValueError):
    """A YAML file that is not what its schema asks for."""


def read_document(path: str | Path, schema_path: str | Path) -> dict:
    """Return the content of a YAML file, or raise DocumentError with all problems at once.

    A schema's description completes the sentence "expected ...".
    """
    from jsonschema import Draft202012Validator

    try:
        content = yaml.load(Path(path).read_text(encoding="utf-8"), Loader=SAFE)
    except yaml.YAMLError as error:
        raise DocumentError(f"{Path(path).name}: not readable as YAML: {error}") from None
    schema = yaml.load(Path(schema_path).read_text(encoding="utf-8"), Loader=SAFE)
    problems = [
        f"  {'/'.join(map(str, error.absolute_path)) or 'top level'}: {error.message}; expected "
        f"{error.schema.get('description', 'what the schema says')}"
        for error in sorted(
            Draft202012Validator(schema).iter_errors(content),
            key=lambda error: [str(part) for part in error.absolute_path],
        )
    ]
    if problems:
        raise DocumentError("\n".join([f"Please correct {Path(path).name}:", *problems]))
    return content
