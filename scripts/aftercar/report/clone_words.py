"""Clones over a patient's single-cell specimens, in words; a negative stands with its limit."""

import re

from aftercar.report.antigens import antigen_title
from aftercar.report.numbers import count_text, day_text, number, parts, percent
from aftercar.report.numbers import with_interval as interval_text
from aftercar.report.tabulate import NOTHING, dash, table
from aftercar.report.words import SPECIMEN_WORDS, chip, clone_title

_SHARE = re.compile(r"\b(\d?\.\d+)( of the leukemic cells)")
_LIMIT = re.compile(r"(limit|below) (\d?\.\d+)$")
CLONE_BEFORE = {
    "YES": "There before the infusion",
    "NOT_SEEN": "Not seen before the infusion in specimens that could have shown it",
    "UNKNOWN": "Not known whether it was there before the infusion",
}
BASIS_WORDS = {"genotype": "genotype", "clonotype": "clonotype", "label": "your name of it"}


def clone_history_table(history: list[dict], specimens: dict[str, str]) -> dict:
    """Return since when each clone, and its cells without the antigen, are there.

    `history` are rows of CLONE_HISTORY, `specimens` what each specimen is (PB, BM ...), by name.
    """
    return table(
        "Clones over time, matched by genotype, clonotype or your name, never by the number of "
        "a cluster. Shares are of the leukemic cells; a specimen that could not show the clone "
        "says nothing.",
        (
            "Antigen",
            "Clone",
            "The clone",
            "Its cells without the antigen",
            "Antigen-negative before the infusion",
            "Growth",
            "Remarks",
        ),
        [
            (
                antigen_title(h["antigen"]),
                [clone_title(h["clone"]), f"by {BASIS_WORDS[h['basis']]}"],
                _course(h, specimens),
                _negative(h, specimens),
                _before(h),
                _growth(h),
                dash(_SHARE.sub(lambda found: f"{percent(float(found[1]))}{found[2]}", h["flags"])),
            )
            for h in sorted(history, key=lambda h: (h["antigen"], h["clone"]))
        ],
        empty="no clone was followed over specimens",
        grouped=True,
    )  # fmt: skip


def _seen(h: dict, name: str, specimens: dict[str, str]) -> str:
    """Return `on D-12 in marrow P03-Dm012: 55 cells, 15 % (11 % to 20 %)`."""
    sample, share = h[f"{name}_sample"], h[f"{name}_fraction"]
    what = SPECIMEN_WORDS[specimens.get(sample, "")] if sample in specimens else "specimen"
    said = f"on {day_text(h[f'{name}_day'])} in {what} {sample}: {count_text(h[f'{name}_cells'])}"
    said += " cell" if h[f"{name}_cells"] == 1 else " cells"
    if share is None:
        return said
    low, high = (h.get(f"{name}_fraction_{end}") for end in ("low", "high"))
    return f"{said}, {interval_text(share, low, high, 'fraction')}"


def _course(h: dict, specimens: dict[str, str]) -> list[str]:
    said = [
        f"First seen {_seen(h, 'first_seen', specimens)}",
        CLONE_BEFORE[h["clone_before_infusion"]],
    ]
    if h["latest_day"] is not None and h["latest_sample"] != h["first_seen_sample"]:
        said.append(f"Latest {_seen(h, 'latest', specimens)}")
    known = h["first_seen_known_from_day"]
    if known is not None and known > h["first_seen_day"]:
        said.append(f"Known from {day_text(known)} on, not before")
    return said


def _negative(h: dict, specimens: dict[str, str]) -> list[str]:
    antigen = antigen_title(h["antigen"])
    looked = [_excluded(part) for part in parts(h["not_seen_before"], ";")]
    if h["first_negative_day"] is None:
        return [f"{antigen} not called LOST in any specimen", *looked]
    said = [f"{antigen} LOST: first {_seen(h, 'first_negative', specimens)}"]
    known = h["first_negative_known_from_day"]
    if known is not None and known > h["first_negative_day"]:
        said.append(f"Known from {day_text(known)} on, not before")
    if h["latest_day"] is not None and h["latest_sample"] != h["first_negative_sample"]:
        said.append(
            f"{day_text(h['latest_day'])} {h['latest_sample']}: "
            f"{count_text(h['latest_negative_cells'])} of its {count_text(h['latest_cells'])} cells"
        )
    return said + looked


def _excluded(text: str) -> str:
    """Write the limit of an earlier specimen as a percentage."""
    return _LIMIT.sub(lambda found: f"{found[1]} {percent(float(found[2]))}", text)


def _before(h: dict) -> dict[str, str]:
    """Return whether cells without the antigen were there before the infusion, with the limit."""
    word = {"YES": "PRE_EXISTING", "NOT_SEEN": "NOT_DETECTED_BEFORE", "UNKNOWN": "NOT_ASSESSABLE"}
    said = chip("history", word[h["negative_before_infusion"]])
    if h["negative_before_infusion"] != "NOT_SEEN":
        return said
    limit = h["limit_before_infusion"]
    less = "limit not stated" if limit is None else f"less than {percent(limit)} may be missed"
    return said | {"text": f"{said['text']}; {less}"}


def _growth(h: dict) -> str:
    if h["fold_per_30_days"] is None:
        return NOTHING
    low, high = h["fold_per_30_days_low"], h["fold_per_30_days_high"]
    return f"{number(h['fold_per_30_days'])}-fold in 30 days ({number(low)} to {number(high)})"
