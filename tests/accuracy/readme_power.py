"""Power of the antigen test at its stated limits: the table of README.md, from the page."""

import re

BEGIN = "<!-- power of the antigen test, written by make validation -->"
END = "<!-- end of the power -->"
HEADER = (
    "| antigen | molecules per B cell | cells without it | call | found |\n"
    "| --- | --- | --- | --- | --- |"
)


def stated_limits(page: str) -> str:
    """Return the rows of the knock-out table that stand at a stated limit, as a table."""
    rows = []
    for line in page.splitlines():
        found = re.match(r"\| (\S+) \| (\S+) \| \*\*(.+): stated limit of (\w+)\*\* \|(.*)\|", line)
        if found:
            antigen, molecules, cells, call, powers = found.groups()
            lost, reduced = (text.strip() for text in powers.split("|")[:2])
            name = call if call == "LOST" else "REDUCED or LOST"
            power = lost if call == "LOST" else reduced
            rows.append(f"| {antigen} | {molecules} | {cells} | {name} | {power} |")
    return "\n".join([HEADER, *rows])


def with_power(readme: str, page: str) -> str:
    """Return README.md with the table of `page` between its marks."""
    before, rest = readme.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n\n{stated_limits(page)}\n\n{END}{after}"
