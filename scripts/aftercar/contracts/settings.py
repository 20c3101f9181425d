"""What is wrong with the configuration, in words that tell how to mend it."""

from collections.abc import Callable, Iterable, Iterator
from datetime import date


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
            if meaning and error.schema.get("type") == "boolean":
                meaning = f"true or false: {meaning}"
            yield (
                f"{_place(*steps, line_of=line_of)}: found {error.instance!r}, expected "
                f"{meaning or error.message} ({error.validator} {error.validator_value})"
            )


def related_problems(settings: dict, targets: Iterable[str]) -> Iterator[str]:
    """Yield a line for each key that is right by itself, but not beside the rest.

    `settings` are valid by their schema, `targets` the antigens of all infusions of the cohort.
    """
    model = settings["evidence"].get("outcome_model", {})
    landmarks = settings["evidence"]["landmarks"]
    # without covariates there is no model, and its landmark is of no matter
    if model.get("covariates") and model["landmark"] not in landmarks:
        yield (
            f"key evidence/outcome_model/landmark: found {model['landmark']}, expected one of "
            f"evidence/landmarks ({', '.join(map(str, landmarks))}). To mend it: correct it, or "
            "add it to evidence/landmarks"
        )
    known = sorted(set(targets))
    for number, covariate in enumerate(model.get("covariates", [])):
        if covariate.get("target", "") not in ("", *known):
            yield (
                f"key evidence/outcome_model/covariates/{number}/target: found "
                f"{covariate['target']!r}, expected an antigen of infusions.tsv "
                f"({', '.join(known) or 'none'}). To mend it: correct it, or leave it out"
            )
    issued = settings["report"].get("issued_on", "")
    if issued and not is_day(issued):
        yield (
            f"key report/issued_on: found {issued!r}, expected a day of the calendar, like "
            '"2027-11-23". To mend it: correct it, or leave it empty'
        )


def is_day(text: str) -> bool:
    """Say whether text like 2027-11-23 is a day of the calendar."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _place(*steps: object, line_of: Callable[[tuple], int] | None) -> str:
    key = f"key {'/'.join(map(str, steps))}" if steps else "the file"
    return key if line_of is None else f"line {line_of(steps)}, {key}"
