"""What is wrong with the configuration, in words that tell how to mend it."""

from collections.abc import Iterator


def settings_problems(settings: dict, schema: dict) -> Iterator[str]:
    """Yield a line for each key that the schema does not allow, lacks or finds wrong.

    The description of a key in the schema completes the sentence "expected ...".
    """
    from jsonschema import Draft202012Validator

    for error in sorted(
        Draft202012Validator(schema).iter_errors(settings), key=lambda e: e.json_path
    ):
        where = "/".join(map(str, error.absolute_path))
        prefix = f"{where}/" if where else ""
        if error.validator == "additionalProperties":
            known = list(error.schema["properties"])
            for key in sorted(set(error.instance) - set(known)):
                yield f"key {prefix}{key}: found an unknown key, expected one of {', '.join(known)}"
        elif error.validator == "required":
            for key in sorted(set(error.validator_value) - set(error.instance)):
                meaning = error.schema["properties"][key].get("description", "a value")
                yield f"key {prefix}{key}: found nothing, expected {meaning}"
        else:
            meaning = error.schema.get("description", "")
            yield (
                f"key {where}: found {error.instance!r}, expected {meaning or error.message}"
                f" ({error.validator} {error.validator_value})"
            )
