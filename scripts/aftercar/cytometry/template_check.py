"""What is wrong with a gating template beyond its schema: names that point nowhere, circles."""

from collections.abc import Collection, Iterator, Mapping

from aftercar.cytometry.panel import synonym_clashes
from aftercar.cytometry.template import CLEANED, names_of

SIDES = ("where", "fallback", "if_present")  # parts of a gate that name cuts
# what a method of a cut cannot do without
NEEDED = {"above_quantile": "quantile", "decades_below": "decades"}
NODE = tuple[str, str]  # kind (gate or cut) and name


def template_problems(
    source: Mapping, roles: Collection[str], panel: str | None = None
) -> list[str]:
    """Say where names of a template (already valid by its schema) point nowhere or in a circle.

    `source` is the template with synonyms and placement, `roles` the roles that rules know,
    `panel` the name of the template in the configuration. A line per problem: place, what was
    found, what was expected, how to mend it.
    """
    return [
        *_panel_problems(source, panel),
        *_marker_problems(source),
        *_cut_problems(source),
        *_gate_problems(source),
        *_report_problems(source, roles),
        *_picture_problems(source),
        *_circles(source),
    ]


def controlled_markers(source: Mapping) -> list[str]:
    """Return the markers of a template whose cuts controls of the batch may place."""
    return sorted(
        {
            rule.get("marker", name)
            for name, rule in source["cuts"].items()
            if rule.get("controls", True) and rule["method"] == "above_negatives"
        }
    )


def _line(place: str, found: str, expected: str, remedy: str) -> str:
    return f"{place}: found {found}, expected {expected}. To mend it: {remedy}"


def _unknown(place: str, kind: str, names: Collection[str], known: Collection[str]) -> list[str]:
    """Return a line for each of `names` that is not known."""
    where = {"marker": "markers", "required marker": "markers/required"}.get(kind, f"{kind}s")
    return [
        _line(
            place, f"{kind} {name}, which is not there",
            f"one of {', '.join(sorted(map(str, known))) or 'none'}",
            f"correct the name, or add it under {where}",
        )
        for name in names
        if name not in known
    ]  # fmt: skip


def _known_gates(source: Mapping) -> set[str]:
    return {*CLEANED, *_own_gates(source)}


def _own_gates(source: Mapping) -> list[str]:
    return [rule["name"] for rule in source["gates"]]


def _markers(source: Mapping) -> list[str]:
    return [name for tier in source["markers"].values() for name in tier]


def _panel_problems(source: Mapping, panel: str | None) -> Iterator[str]:
    if panel is not None and source["panel"] != panel:
        yield _line(
            "panel", source["panel"], f"{panel}, the name of this file in cytometry/panels",
            "write the same name in both places: cuts of controls are found by it",
        )  # fmt: skip


def _marker_problems(source: Mapping) -> Iterator[str]:
    markers = _markers(source)
    synonyms = {*source["synonyms"]["markers"], *source["synonyms"]["scatter"]}
    for name in sorted(set(markers) - synonyms):
        yield _line(
            "markers", f"{name}, which has no names in markers.yaml", "a marker with names there",
            "correct the name, or add a line to a copy of markers.yaml beside the template",
        )  # fmt: skip
    for name in sorted({name for name in markers if markers.count(name) > 1}):
        yield _line("markers", f"{name} twice", "each marker once", "delete one")
    for clash in synonym_clashes(source["synonyms"]["markers"]):
        yield _line("markers.yaml", clash, "names of one marker each", "delete one of the names")


def _cut_problems(source: Mapping) -> Iterator[str]:
    gates = _known_gates(source)
    for name, rule in source["cuts"].items():
        yield from _unknown(f"cut {name}", "marker", [rule.get("marker", name)], _markers(source))
        yield from _unknown(f"cut {name}, within", "gate", [rule["within"]], gates)
        for key in ("negatives", "positives"):
            yield from _unknown(f"cut {name}, {key}", "gate", rule.get(key, []), gates)
        needed = NEEDED.get(rule["method"])
        if needed and needed not in rule:
            yield _line(
                f"cut {name}", f"method {rule['method']} alone", f"{needed} beside it",
                f"write {needed}, or another method",
            )  # fmt: skip


def _gate_problems(source: Mapping) -> Iterator[str]:
    own, gates = _own_gates(source), _known_gates(source)
    required = source["markers"].get("required", [])
    for name in sorted({name for name in own if own.count(name) > 1}):
        yield _line("gates", f"gate {name} twice", "each gate once", "rename or delete one")
    for name in sorted({*CLEANED, "root"} & set(own)):
        yield _line(
            "gates", f"gate {name}, which is made for every panel", "another name", "rename it"
        )
    for rule in source["gates"]:
        place = f"gate {rule['name']}"
        yield from _unknown(f"{place}, parent", "gate", [rule["parent"]], gates)
        for key in SIDES:
            yield from _unknown(f"{place}, {key}", "cut", rule.get(key, {}), source["cuts"])
        for where in rule.get("any_of", []):
            yield from _unknown(f"{place}, any_of", "cut", where, source["cuts"])
        for name in rule.get("needs_one_of", []):
            if name not in rule.get("if_present", {}):
                there = ", ".join(map(str, rule.get("if_present", {}))) or "none there"
                yield _line(
                    f"{place}, needs_one_of", str(name), f"a cut of if_present: {there}",
                    "correct the name, or add it to if_present",
                )  # fmt: skip
        for key in ("top_share", "bottom_share"):
            # without the channel the share could not be taken: the marker must be in every file
            yield from _unknown(f"{place}, {key}", "required marker", rule.get(key, {}), required)


def _report_problems(source: Mapping, roles: Collection[str]) -> Iterator[str]:
    own, gates, cuts = _own_gates(source), _known_gates(source), source["cuts"]
    for rule in source["report"]:
        place = f"report of {rule['gate']}"
        yield from _unknown(place, "gate", [rule["gate"]], own)
        yield from _unknown(f"{place}, of", "gate", [rule["of"]], gates)
        if rule.get("unresolved"):
            yield from _unknown(f"{place}, unresolved", "gate", [rule["unresolved"]], gates)
        yield from _unknown(f"{place}, neighbours", "gate", rule.get("neighbours", {}), own)
        between = rule.get("neighbours", {}).values()
        yield from _unknown(f"{place}, neighbours", "cut", between, cuts)
        background = names_of(rule.get("background", ()))
        yield from _unknown(f"{place}, background", "cut", background, cuts)
        if rule.get("role", "") not in roles:
            yield _line(
                f"{place}, role", rule["role"], f"one of {', '.join(filter(None, roles))}",
                "correct the role, or leave it out: the population is then only counted",
            )  # fmt: skip


def _picture_problems(source: Mapping) -> Iterator[str]:
    """Yield what is wrong in views, notes and ratios."""
    gates, markers = _known_gates(source), _markers(source)
    for number, view in enumerate(source.get("views", []), start=1):
        place = f"view {number}"
        for key in ("parent", "gate"):
            yield from _unknown(f"{place}, {key}", "gate", [view[key]], gates)
        for key in ("x", "y"):
            yield from _unknown(f"{place}, {key}", "marker", [view[key]], markers)
    yield from _unknown("notes", "gate", source.get("notes", {}), gates)
    ratios = source.get("ratios", {"cuts": (), "scopes": {}})
    yield from _unknown("ratios, cuts", "cut", ratios["cuts"], source["cuts"])
    for scope, gate in ratios["scopes"].items():
        yield from _unknown(f"ratios, scope {scope}", "gate", [gate], gates)


def _circles(source: Mapping) -> Iterator[str]:
    """Yield each circle of gates and cuts that need each other, once."""
    needs = _needs(source)
    done: set[NODE] = set()
    path: list[NODE] = []

    def walk(node: NODE) -> Iterator[list[NODE]]:
        if node in path:
            yield path[path.index(node) :]
            return
        if node in done or node not in needs:
            return
        path.append(node)
        for other in needs[node]:
            yield from walk(other)
        path.pop()
        done.add(node)

    for start in needs:
        for circle in walk(start):
            shown = " -> ".join(f"{kind} {name}" for kind, name in [*circle, circle[0]])
            yield _line(
                f"{circle[0][0]} {circle[0][1]}", f"a circle: {shown}",
                "gates and cuts that can be made one after the other",
                "let one of them rest on a gate that is made earlier",
            )  # fmt: skip


def _needs(source: Mapping) -> dict[NODE, list[NODE]]:
    """Return what each gate and cut of a template needs before it can be made."""
    needs: dict[NODE, list[NODE]] = {}
    for rule in source["gates"]:
        used = [rule.get(key, {}) for key in SIDES] + rule.get("any_of", [])
        cuts = dict.fromkeys(cut for where in used for cut in where)
        needs["gate", rule["name"]] = [("gate", rule["parent"]), *(("cut", cut) for cut in cuts)]
    for name, rule in source["cuts"].items():
        gates = [rule["within"], *rule.get("negatives", []), *rule.get("positives", [])]
        needs["cut", name] = [("gate", gate) for gate in dict.fromkeys(gates)]
    return needs
