"""How much of each list stands on page 1, so that it stays one sheet of A4."""

# Lines of text above a timeline of 58 mm, in the usual and in the smaller type, as Chromium prints
# them; a test prints the fullest page.
ROOMY, SMALL = 32, 46
DRIVER, ACROSS = 70, 120  # letters on a line of the mechanism table, and across the page
# From most to least: drivers and conflicts of each mechanism, failed specimens, tests.
TESTS_TERSE = 2
DEPTHS = ((3, 2, 4, 10), (2, 1, 3, 8), (1, 1, 2, 6), (1, 0, 1, 4))


def first_page_fit(content: dict) -> dict[str, int | bool]:
    """Return how many drivers, conflicts, failed specimens and tests page 1 lists, and its type.

    `small` asks for the smaller type. What is left out is counted on page 1 and stands in full on
    page 2 and in section Specimens. `terse`: of each driver one value, of lacking tests how many.
    """
    tries = [(depth, False) for depth in DEPTHS] + [(DEPTHS[-1], True)]
    depth, terse = next((t for t in tries if _lines(content, *t) <= SMALL), tries[-1])
    return {
        **dict(zip(("drivers", "conflicts", "failed", "tests"), depth, strict=True)),
        **({"tests": TESTS_TERSE} if terse else {}),
        "small": terse or _lines(content, depth, terse) > ROOMY,
        "terse": terse,
    }


def _lines(content: dict, depth: tuple[int, int, int, int], terse: bool) -> int:
    drivers, conflicts, failed, tests = depth
    lines = sum(max(3, _row_lines(m, drivers, conflicts, terse)) for m in content["mechanisms"])
    shown = content["failed_specimens"][:failed]
    lines += sum(1 + len("; ".join(s["failed"])) // ACROSS for s in shown) + bool(shown)
    cautions = content["cautions"]
    lines += sum(1 + len(text) // ACROSS for text in cautions) + 2 * bool(cautions)
    lines += (len(content["due_tests"][:tests]) + 1) // 2
    names = len(" ".join(content["header"]["products"])) + len(content["header"]["laboratory"])
    return lines + names // 40 + len(content["sign_off"]["lines"]) + len(content["headline"]) // 60


def _row_lines(mechanism: dict, drivers: int, conflicts: int, terse: bool) -> int:
    said = mechanism["drivers"]
    if terse:
        return 2 + sum(len(f"{d['title']} {d['briefest']}") // DRIVER for d in said[:1])
    lines = sum(1 + len(f"{d['title']} {d['brief']} {d['rule']}") // DRIVER for d in said[:drivers])
    lines += sum(1 + len(text) // DRIVER for text in mechanism["conflicts"][:conflicts])
    lines += (len(said) > drivers) + (len(mechanism["conflicts"]) > conflicts)
    lack = "; ".join(test for line in mechanism["lack"] for test in line["tests"])
    return lines + (1 + len(lack) // DRIVER if lack else 0)
