"""The picture of a gene: its coding exons, domains, callability and variants."""

import re
from collections.abc import Callable
from typing import Any

from aftercar.report.numbers import percent
from aftercar.report.svg import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    PALE,
    VERMILLION,
    drawing,
    element,
    line,
    place,
    text,
    text_width,
)

WIDTH, LEFT, RIGHT = 760.0, 96.0, 750.0
TIER_LOOK = {"T1": VERMILLION, "T2": VERMILLION, "T3": ORANGE, "T4": ORANGE}
DOMAIN_FILL = {
    "signal": "#d5dae0",
    "ectodomain": "#cfe3f1",
    "transmembrane": "#1b1f24",
    "cytoplasmic": "#e7eaee",
}
CODING_POSITION = re.compile(r"c\.\(?(-|\*)?(\d+)")


def coding_lengths(gene: dict) -> list[tuple[str, int, int]]:
    """Return (number, first, last coding base) of each coding exon; bases count from 1."""
    spans, done = [], 0
    for exon in gene["exons"]:
        if exon["cds_start"] == "" or exon["cds_start"] is None:
            continue
        length = int(exon["cds_end"]) - int(exon["cds_start"]) + 1
        spans.append((str(exon["exon"]), done + 1, done + length))
        done += length
    return spans


def coding_position(hgvs_c: str, length: int) -> int | None:
    """Return the coding base that an HGVS name starts at; the ends stand for the UTRs."""
    found = CODING_POSITION.match(hgvs_c)
    if not found:
        return None
    if found[1]:
        return 1 if found[1] == "-" else length
    return min(max(int(found[2]), 1), length)


def gene_chart(
    symbol: str, gene: dict, variants: list[dict], callability: list[dict], *, description: str
) -> str:
    """Return exons with their callability, domains, and variants at their height of VAF.

    `gene` holds exons (number, cds_start, cds_end, in order of the transcript) and domains (name,
    start, end in codons). `variants` and `callability` are rows of one specimen.
    """
    exons = coding_lengths(gene)
    length = exons[-1][2]

    def x(base: float) -> float:
        return LEFT + (base - 1) / max(length - 1, 1) * (RIGHT - LEFT)

    drawn, top = _lollipops(variants, length, x)
    body = [drawn]
    body.append(text(0, top + 17, "exon", font_size=11.0, fill=INK))
    called = {row["exon"]: row for row in callability}
    for number, first, last in exons:
        body.append(_exon(number, x(first - 0.5), x(last + 0.5), top + 3, called.get(number)))
    y = top + 36
    if gene.get("domains"):
        body.append(text(0, y + 11, "protein", font_size=11.0, fill=INK))
        for domain in gene["domains"]:
            start, end = x(3 * domain["start"] - 2), x(3 * domain["end"])
            fill = DOMAIN_FILL.get(domain["name"], "#e7eaee")
            body.append(
                element(
                    "rect",
                    x=start,
                    y=y,
                    width=end - start,
                    height=15.0,
                    fill=fill,
                    stroke=GREY,
                    stroke_width=0.8,
                )
            )
            if text_width(domain["name"], 10) < end - start:
                middle = (start + end) / 2
                body.append(
                    text(
                        middle,
                        y + 11,
                        domain["name"],
                        text_anchor="middle",
                        font_size=10.0,
                        fill=INK,
                    )
                )
            elif domain["name"] == "transmembrane":
                body.append(
                    text(
                        (start + end) / 2,
                        y + 27,
                        "transmembrane",
                        text_anchor="middle",
                        font_size=10.0,
                        fill=INK,
                    )
                )
        y += 30
    return drawing(
        WIDTH, y + 4, "".join(body), title=f"{symbol}, coding sequence", description=description
    )


def _exon(number: str, left: float, right: float, top: float, row: dict | None) -> str:
    """Draw an exon by what its depth allows to say, never as clean without a depth."""
    callable_enough = row is not None and row["status"] in ("NOT_DETECTED", "QUANTIFIED")
    look = (
        {"fill": "#cfe3f1", "stroke": BLUE}
        if callable_enough
        else {"fill": "#fff", "stroke": GREY, "stroke_dasharray": "3 2"}
    )
    body = element(
        "rect",
        x=left + 0.5,
        y=top,
        width=max(right - left - 1, 1),
        height=20.0,
        stroke_width=1.2,
        **look,
    )
    if right - left > text_width(number, 10):
        body += text(
            (left + right) / 2, top + 14, number, text_anchor="middle", font_size=10.0, fill=INK
        )
    return body


def _lollipops(variants: list[dict], length: int, x: Callable[[float], float]) -> tuple[str, float]:
    """Draw each variant as a stalk whose head stands at its VAF; names above, in free rows."""
    heads: list[dict[str, Any]] = []
    for row in variants:
        base = coding_position(row["hgvs_c"], length)
        if base is not None and row["vaf"] is not None:
            words = f"{row['hgvs_p'] or row['hgvs_c']} {percent(row['vaf'])}"
            width = text_width(words, 10)
            left = min(max(x(base) - width / 2, LEFT), RIGHT - width)
            heads.append(
                {"row": row, "x": x(base), "words": words, "left": left, "right": left + width}
            )
    if not heads:
        return "", 6.0
    heads.sort(key=lambda head: head["left"])
    rows = place([(h["left"], h["right"]) for h in heads], 6)
    plot_top = 8 + 13.0 * (max(rows) + 1)
    bottom = plot_top + 74
    body = []
    for share in (0.0, 0.5, 1.0):
        y = bottom - 70 * share
        body.append(line(LEFT, y, RIGHT, y, stroke=PALE, stroke_width=1))
        body.append(
            text(LEFT - 6, y + 3.5, percent(share), text_anchor="end", font_size=10.0, fill=GREY)
        )
    body.append(text(0, bottom - 32, "VAF", font_size=11.0, fill=INK))
    for head, label_row in zip(heads, rows, strict=True):
        colour = TIER_LOOK.get(head["row"]["tier"], GREY)
        y = bottom - 70 * head["row"]["vaf"]
        label_y = 12 + 13.0 * label_row
        body.append(line(head["x"], bottom, head["x"], label_y + 3, stroke=PALE, stroke_width=1))
        body.append(line(head["x"], bottom, head["x"], y, stroke=colour, stroke_width=1.6))
        if head["row"]["tier"] in ("T1", "T2"):
            body.append(element("circle", cx=head["x"], cy=y, r=4.5, fill=colour))
        else:
            body.append(
                element(
                    "circle",
                    cx=head["x"],
                    cy=y,
                    r=4.0,
                    fill="#fff",
                    stroke=colour,
                    stroke_width=1.8,
                )
            )
        body.append(
            text(
                head["left"],
                label_y,
                head["words"],
                font_size=10.0,
                fill=INK,
                stroke="#fff",
                stroke_width=3,
                paint_order="stroke",
            )
        )
    return "".join(body), bottom + 4


def picture_models(
    models: dict, exons: list[dict[str, str]], symbols: list[str]
) -> dict[str, dict]:
    """Return what gene_chart draws of each gene, from the parsed genes.yaml and rows of exons.tsv.

    A gene without exons is left out; one without sourced domains is drawn without them.
    """
    drawn = {}
    for symbol in symbols:
        rows = sorted((e for e in exons if e["gene"] == symbol), key=lambda e: int(e["exon"]))
        if rows:
            known = models["genes"].get(symbol, {}).get("domains", {}).get("items", [])
            drawn[symbol] = {"exons": rows, "domains": known}
    return drawn
