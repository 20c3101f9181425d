"""Pictures for docs/benchmarks.md: one bar for each tool, one group for each benchmark."""

from aftercar.report.svg import BLUE, GREY, INK, PALE, SKY, VERMILLION, element, line, text
from benchmarks.results import limit

WIDTH, LEFT, RIGHT = 860.0, 310.0, 760.0
HEADING_PX, BAR_PX, GAP_PX = 20.0, 17.0, 14.0
SIZE_PX = 12
LEGEND = "Each group has its own scale; dashed: the most that the target allows AfterCAR."
# a limit that lies further out is not drawn: it would press all bars together
LIMIT_WITHIN = 1.5
# file -> title and the units that it shows
PICTURES = {
    "bench_time.svg": ("Time of AfterCAR and of other tools; less is better", ("s", "times")),
    "bench_memory.svg": ("Memory of AfterCAR and of other tools; less is better", ("MB",)),
    "bench_accuracy.svg": ("Errors of AfterCAR and of other callers; less is better",
                           ("%", "calls")),
}  # fmt: skip


def pictures(entries: list[dict]) -> dict[str, str]:
    """Return the SVG files of the page by name; what nothing was measured for is left out."""
    found = {}
    for name, (title, units) in PICTURES.items():
        shown = [entry for entry in entries if entry["unit"] in units]
        if shown:
            found[name] = _picture(title, shown)
    return found


def _picture(title: str, entries: list[dict]) -> str:
    body, top = text(8, GAP_PX + 4, LEGEND, fill=GREY), GAP_PX + HEADING_PX
    for entry in entries:
        drawn, top = _group(entry, top)
        body += drawn
    background = element("rect", width=WIDTH, height=top, fill="#ffffff")
    content = element("title", title) + background + body
    return element(
        "svg", content, xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {WIDTH:g} {top:g}",
        role="img", font_family="sans-serif", font_size=SIZE_PX, fill=INK,
    ) + "\n"  # fmt: skip


def _group(entry: dict, top: float) -> tuple[str, float]:
    """Return the bars of one benchmark, each group on its own scale, and where the next begins."""
    bars = [("AfterCAR", entry["ours"], BLUE)]
    bars += [
        (name, value, SKY if name.startswith("AfterCAR") else GREY)
        for name, value in entry["peers"].items()
    ]
    if entry["floor"] is not None:
        bars.append(("floor (numpy)", entry["floor"], PALE))
    longest = max(value for _, value, _ in bars)
    most = limit(entry)
    if most is not None and most <= LIMIT_WITHIN * longest:
        longest = max(longest, most)
    else:
        most = None
    scale = (RIGHT - LEFT) / longest if longest else 0.0
    told = {True: "target met", False: "TARGET MISSED", None: "no target"}[entry["met"]]
    drawn = text(8, top + SIZE_PX, entry["what"], font_weight="bold")
    colour = VERMILLION if entry["met"] is False else GREY
    drawn += text(WIDTH - 8, top + SIZE_PX, told, text_anchor="end", fill=colour)
    first = y = top + HEADING_PX
    for name, value, colour in bars:
        weight = "bold" if name == "AfterCAR" else None
        drawn += text(
            LEFT - 8, y + SIZE_PX, name, text_anchor="end", font_weight=weight
        ) + element(
            "rect", x=LEFT, y=y + 2, width=value * scale, height=BAR_PX - 4, fill=colour
        ) + text(
            WIDTH - 8, y + SIZE_PX, f"{value:g} {entry['unit']}", text_anchor="end",
            font_weight=weight,
        )  # fmt: skip
        y += BAR_PX
    if most is not None:
        x = LEFT + most * scale
        drawn += line(x, first, x, y, stroke=VERMILLION, stroke_width=2, stroke_dasharray="4 3")
    return drawn, y + GAP_PX
