"""Read gating templates with the synonyms and placement settings that belong to them."""

from collections.abc import Callable
from pathlib import Path

import yaml

from aftercar.contracts.settings import settings_problems

SHARED = Path(__file__).resolve().parents[3] / "resources/gating"
SCHEMA = Path(__file__).resolve().parents[3] / "workflow/schemas/gating.schema.yaml"
COMPANIONS = {"synonyms": "markers.yaml", "placement": "placement.yaml"}
OPTIONAL = "beads"  # section of placement.yaml that a laboratory's copy need not have
SAFE = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the parser in C where libyaml is there


class TemplateError(ValueError):
    """Gating templates that are not as they should be; the message lists every problem."""


def read_template(path: str | Path) -> dict:
    """Return the template at `path` with `synonyms` and `placement` added.

    Those come from markers.yaml and placement.yaml beside the template, else from AfterCAR.
    Raises TemplateError naming all problems of these files.
    """
    template, problems = _read(Path(path))
    if problems:
        raise TemplateError(_text(problems))
    return template


def read_templates(
    panels: dict[str, str], name_problems: Callable[[dict, str], list[str]]
) -> dict[str, dict]:
    """Return the templates of all panels; `name_problems` judges a template by its panel's name.

    Raises TemplateError with all problems of all files: no YAML, not as the schema asks, and, of
    templates that can be read, what `name_problems` tells.
    """
    templates, problems = {}, dict[str, list[str]]()
    for panel, path in panels.items():
        template, found = _read(Path(path))
        if not found:
            templates[panel] = template
            if told := name_problems(template, panel):
                found = {str(path): told}
        for file, lines in found.items():  # two panels may share a file
            problems[file] = list(dict.fromkeys([*problems.get(file, []), *lines]))
    if problems:
        raise TemplateError(_text(problems))
    return templates


def template_files(path: str | Path) -> list[str]:
    """Return the files that `read_template` reads for a template: its own and its companions."""
    return [str(path), *(str(file) for file in _companions(Path(path)).values())]


def _companions(path: Path) -> dict[str, Path]:
    beside = {key: path.with_name(name) for key, name in COMPANIONS.items()}
    return {
        key: file if file.exists() else SHARED / COMPANIONS[key] for key, file in beside.items()
    }


def _text(problems: dict[str, list[str]]) -> str:
    return "\n".join(
        "\n  ".join([f"Please correct {file}:", *lines]) for file, lines in problems.items()
    )


def _read(path: Path) -> tuple[dict, dict[str, list[str]]]:
    """Return a template with its companions, and the problems of each of these files."""
    template, problems = _loaded(path)
    if not problems:
        problems = _schema_problems(path, template)
    found = {str(path): problems} if problems else {}
    parts = {}
    for key, file in _companions(path).items():
        parts[key], problems = _loaded(file)
        if not problems and file.parent != SHARED:
            problems = _companion_problems(key, parts[key])
        if problems:
            found[str(file)] = problems
    return ({} if found else template | parts), found


def _loaded(path: Path) -> tuple[dict, list[str]]:
    """Return a YAML file as plain values, and why it cannot be read."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=SAFE), []
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = "the file" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}"
        return {}, [
            f"{place}: found {error.problem or error.context}, expected YAML. To mend it: correct "
            "this line or the one before; indent with blanks, never tabs"
        ]
    except UnicodeDecodeError:
        found = "bytes that are not UTF-8"
    except (yaml.YAMLError, ValueError) as error:
        found = f"what is no YAML ({type(error).__name__})"
    except OSError as error:
        found = f"what cannot be opened ({type(error).__name__})"
    return {}, [f"the file: found {found}, expected YAML. To mend it: save it as UTF-8 text"]


def _schema_problems(path: Path, template: object) -> list[str]:
    schema, _ = _loaded(SCHEMA)
    node = yaml.compose(path.read_text(encoding="utf-8"), Loader=SAFE)
    told = list(settings_problems(template, schema, lambda steps: _line(node, steps)))
    return [*told, *_repeated_keys(node)]


def _line(node: yaml.Node | None, steps: tuple) -> int:
    """Return the line, from 1, of the key that `steps` lead to, or of the last that is there."""
    line = 1 if node is None else node.start_mark.line + 1
    for step in steps:
        if isinstance(node, yaml.MappingNode):
            pairs = [(key, value) for key, value in node.value if key.value == str(step)]
            if not pairs:
                break
            key, node = pairs[-1]
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            node = node.value[step]
            line = node.start_mark.line + 1
    return line


def _repeated_keys(node: yaml.Node | None) -> list[str]:
    """Return a line for each key that stands twice in a mapping: YAML keeps the last alone."""
    told: list[str] = []
    if isinstance(node, yaml.MappingNode):
        first: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if isinstance(key.value, str) and key.value in first:
                told.append(
                    f"line {line}, key {key.value}: found again, as in line {first[key.value]}, "
                    "expected each key once. To mend it: rename or delete one"
                )
            if isinstance(key.value, str):
                first.setdefault(key.value, line)
            told += _repeated_keys(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            told += _repeated_keys(value)
    return told


def _companion_problems(key: str, content: object) -> list[str]:
    """Return what a laboratory's copy of markers.yaml or placement.yaml lacks."""
    delivered, _ = _loaded(SHARED / COMPANIONS[key])
    remedy = f"To mend it: copy it from resources/gating/{COMPANIONS[key]}"
    if not isinstance(content, dict):
        return [f"the file: found no keys, expected {', '.join(delivered)}. {remedy}"]
    if key == "placement":
        wanted = {name: value for name, value in delivered.items() if name != OPTIONAL}
        return [
            f"key {name}: found {content.get(name)!r}, expected a number. {remedy}"
            for name in wanted
            if isinstance(content.get(name), bool)
            or not isinstance(content.get(name), (int, float))
        ]
    told = [
        f"key {part}: found no lists, expected a list of names for each marker. {remedy}"
        for part in ("scatter", "markers")
        if not isinstance(content.get(part), dict)
    ]
    return told + [
        f"key {part}/{name}: found {names!r}, expected a list of names. To mend it: write [{name}]"
        for part in ("scatter", "markers")
        if isinstance(content.get(part), dict)
        for name, names in content[part].items()
        if not isinstance(names, list) or not all(isinstance(word, str) for word in names)
    ]
