"""What is wrong with the configuration, in words that tell how to mend it."""

from collections.abc import Callable, Iterator


def settings_problems(
    settings: object, schema: dict, line_of: Callable[[tuple], int] | None = None
) -> Iterator[str]:
    """Yield a line for each key that the schema does not allow, lacks or finds wrong.

    The description of a key in the schema completes the sentence "expected ...". `line_of` tells
    the line of the file at which the value of a key (the steps to it) stands.
    """
    from jsonschema import Draft202012Validator

    for error in sorted(
        Draft202012Validator(schema).iter_errors(settings), key=lambda e: e.json_path
    ):
        steps = tuple(error.absolute_path)
        if error.validator == "additionalProperties":
            known = list(error.schema["properties"])
            for key in sorted(set(error.instance) - set(known), key=str):
                yield (
                    f"{_place(*steps, key, line_of=line_of)}: found an unknown key, expected one "
                    f"of {', '.join(known)}"
                )
        elif error.validator == "required":
            for key in sorted(set(error.validator_value) - set(error.instance)):
                meaning = error.schema["properties"][key].get("description", "a value")
                place = _place(*steps, key, line_of=line_of)
                yield f"{place}: found nothing, expected {meaning}"
        else:
            meaning = error.schema.get("description", "")
            yield (
                f"{_place(*steps, line_of=line_of)}: found {error.instance!r}, expected "
                f"{meaning or error.message} ({error.validator} {error.validator_value})"
            )


def _place(*steps: object, line_of: Callable[[tuple], int] | None) -> str:
    key = f"key {'/'.join(map(str, steps))}" if steps else "the file"
    return key if line_of is None else f"line {line_of(steps)}, {key}"
