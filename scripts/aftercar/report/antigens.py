"""What the antigen test on single cells says, in sentences and tables."""

from collections.abc import Set
from itertools import groupby

from aftercar.contracts.singlecell import HIDDEN_NEGATIVE, LEUKEMIC, SHARED_LOSS_HIDDEN
from aftercar.report.antigen_plots import like_each_other
from aftercar.report.domains import specimen_title
from aftercar.report.numbers import (
    count_text,
    fraction_text,
    number,
    percent,
    unique,
    with_interval,
)
from aftercar.report.tabulate import dash, table
from aftercar.report.words import chip

# Genes whose protein has another name.
PROTEINS = {"MS4A1": "CD20"}
SUSPECTS = (*LEUKEMIC, "b_unresolved")
DESIGN_WORDS = {
    "labelled_lost": "known by label, genotype or cluster: called LOST",
    "labelled_reduced": "known by label, genotype or cluster: called REDUCED or LOST",
    "unlabelled_screen": "hidden among the other cells: the screen shows it",
    "sampling": "five of its cells are among the cells at all",
}
WORST_FIRST = ("LOST", "REDUCED", "NOT_EVALUABLE", "RETAINED")
CALLED = ("labelled_lost", "labelled_reduced", "unlabelled_screen")


def antigen_title(antigen: str) -> str:
    """Return `MS4A1 (CD20)` where gene and protein have different names."""
    return f"{antigen} ({PROTEINS[antigen]})" if antigen in PROTEINS else antigen


def antigens_of_interest(
    losses: list[dict], targets: set[str], of_patient: Set[str] = frozenset()
) -> list[str]:
    """Return the antigens of a specimen that leukemic cells, or B cells that may be, should carry.

    The antigens that the infused cells aim at are always among them, so that a silence is said. Of
    a specimen without such cells, as of one that could not be read, those asked of the patient's
    other specimens (`of_patient`); where nothing could be read and none is known, all of them.
    """
    given = {row["antigen"] for row in losses}
    wanted = _expected(losses)
    aimed_at = {a for a in given if targets & {a, PROTEINS.get(a, a)}}
    if not wanted:
        wanted = given & of_patient
        if not (wanted | aimed_at) and not any(row["cells"] for row in losses):
            wanted = given
    return sorted(wanted | aimed_at)


def _expected(losses: list[dict]) -> set[str]:
    return {
        row["antigen"]
        for row in losses
        if row["identity"] in SUSPECTS and row["status"] != "NOT_APPLICABLE"
    }


def drawn_comparisons(losses: list[dict], antigens: list[str]) -> list[dict]:
    """Return the rows of one specimen in the order of drawing: by antigen, leukemic ones first."""
    rows = [
        row for row in losses if row["antigen"] in antigens and row["status"] != "NOT_APPLICABLE"
    ]
    return sorted(
        rows,
        key=lambda row: (
            row["antigen"],
            row["identity"] not in LEUKEMIC,
            row["identity"] not in SUSPECTS,
            row["population"],
        ),
    )


def answer_table(
    losses: list[dict], power: list[dict], targets: set[str], evidence: list[dict]
) -> dict:
    """Return what is said per specimen and antigen, with the clone that would not have shown.

    `evidence` are rows of EVIDENCE: they hold the share of cells of all lost sub-populations.
    """
    rows = []
    shares = {
        (row["sample_id"], row["target"]): row
        for row in evidence
        if row["measure"] == "antigen_lost_cell_fraction" and row["value"]
    }
    for (sample, _), found in groupby(_in_order(losses), key=_specimen):
        mine = list(found)
        for antigen in antigens_of_interest(mine, targets, _expected(losses)):
            of_antigen = [row for row in mine if row["antigen"] == antigen]
            known = [r for r in power if r["sample_id"] == sample and r["antigen"] == antigen]
            rows.append(
                (
                    specimen_title(mine[0]),
                    antigen_title(antigen),
                    _sign_of(of_antigen),
                    _sentences(antigen_title(antigen), of_antigen)
                    + _lost_in_all(shares.get((sample, PROTEINS.get(antigen, antigen)))),
                    limit_sentences(antigen_title(antigen), of_antigen, known),
                )
            )
    return table(
        "Has the leukemia lost an antigen? Said of sub-populations, never of a single cell; a "
        "clone below the limits of the last column would not have shown.",
        ("Specimen", "Antigen", "Finding", "In words", "What would not have been seen"),
        rows,
        empty="antigens of leukemic cells: not tested",
        grouped=True,
    )


def _specimen(row: dict) -> tuple[str, object]:
    return row["sample_id"], row["day"]


def _in_order(rows: list[dict]) -> list[dict]:
    return sorted(rows, key=lambda r: (r["day"] is None, r["day"] or 0, r["sample_id"]))


def _carriers(rows: list[dict]) -> tuple[list[dict], str]:
    """Return the rows that speak of the leukemia, and what their cells are called."""
    tested = [row for row in rows if row["status"] != "NOT_APPLICABLE"]
    leukemic = [row for row in tested if row["identity"] in LEUKEMIC]
    if leukemic:
        return leukemic, "leukemic"
    return [row for row in tested if row["identity"] in SUSPECTS], "unresolved B-cell"


def _not_excluded(rows: list[dict]) -> list[dict]:
    """Return the B cells beside leukemic ones that may be leukemic and are not RETAINED."""
    return [
        row
        for row in rows
        if row["identity"] == "b_unresolved" and row["status"] not in ("RETAINED", "NOT_APPLICABLE")
    ]


def _sign_of(rows: list[dict]) -> dict[str, str]:
    """Return the sign of an antigen in one specimen: the worst of its sub-populations.

    It is that of a clear answer only if no cell that may be leukemic is left open.
    """
    carriers, kind = _carriers(rows)
    beside = _not_excluded(rows) if kind == "leukemic" else []
    statuses = {row["status"] for row in carriers}
    if not carriers:
        return chip("antigen", "NOT_EVALUABLE") | {"text": "Not tested on leukemic cells"}
    for status in ("LOST", "REDUCED"):
        if status in statuses:
            where = "a sub-population" if kind == "leukemic" else "B cells, leukemic or not"
            return chip("antigen", status) | {"text": f"{status} in {where}"}
    for status in ("LOST", "REDUCED"):
        if any(row["status"] == status for row in beside):
            return chip("antigen", status) | {"text": f"{status} in B cells, leukemic or not"}
    if statuses == {"NOT_EVALUABLE"}:
        return chip("antigen", "NOT_EVALUABLE")
    status, words = "RETAINED", "Retained"
    if "NOT_EVALUABLE" in statuses:
        status = "NOT_EVALUABLE"
        share = percent(_open_share(carriers))
        words = f"Not evaluable in {share} of {kind} cells, retained in the others"
    if kind != "leukemic":
        words += "; not known which cells are leukemic"
    elif _shared_loss_hidden(carriers):
        words += ", compared with each other only"
    if _mixture_seen(carriers):
        words += "; may hide negative cells"
    if beside:
        words += "; not evaluable in further B cells that may be leukemic"
    if words == "Retained":
        return chip("antigen", "RETAINED")
    return {"status": status, "text": words, "kind": "cannot"}


def _open_share(carriers: list[dict]) -> float:
    """Return the share of cells of sub-populations that could not be judged."""
    unknown = sum(row["cells"] for row in carriers if row["status"] == "NOT_EVALUABLE")
    return unknown / max(sum(row["cells"] for row in carriers), 1)


def _shared_loss_hidden(rows: list[dict]) -> bool:
    return any(like_each_other(row) for row in rows)


def _mixture_seen(rows: list[dict]) -> list[str]:
    """Return what the screen says of cells of unlike level, if it saw any."""
    said = unique(flag for row in rows for flag in row["flags"].split("; "))
    return [flag for flag in said if flag.startswith(HIDDEN_NEGATIVE)]


def _sentences(antigen: str, rows: list[dict]) -> list[str]:
    """Say of how many sub-populations each status holds, with their share of leukemic cells."""
    carriers, kind = _carriers(rows)
    if not carriers:
        why = unique(
            row["flags"] for row in rows if row["status"] != "NOT_APPLICABLE" and row["flags"]
        )
        there = any(row["cells"] for row in rows)
        if there:
            return [f"{antigen}: no leukemic cell was identified that should carry it: not tested"]
        return [f"{antigen}: not evaluable" + (f": {'; '.join(why[:2])}" if why else "")]
    of_all = _sub_populations(kind, len(carriers))
    said = [_sentence(antigen, status, carriers, of_all) for status in WORST_FIRST]
    if beside := _not_excluded(rows) if kind == "leukemic" else []:
        of_all = _sub_populations("further B-cell", len(beside)) + " that may be leukemic"
        said += [_sentence(antigen, status, beside, of_all) for status in WORST_FIRST]
    said = [words for words in said if words]
    if _shared_loss_hidden(carriers):
        said.append(SHARED_LOSS_HIDDEN[:1].upper() + SHARED_LOSS_HIDDEN[1:])
    return said + [words[:1].upper() + words[1:] for words in _mixture_seen(carriers)]


def _sentence(antigen: str, status: str, rows: list[dict], of_all: str) -> str:
    """Say of how many sub-populations a status holds, or nothing where of none."""
    mine = [row for row in rows if row["status"] == status]
    if not mine:
        return ""
    words, why = status, []
    if status == "NOT_EVALUABLE":
        words = "not evaluable"
        why = unique(row["flags"].split("; ")[0] for row in mine if row["flags"])
    reason = f": {why[0]}" if why else ""
    return f"{antigen}: {words} in {len(mine)} of {of_all}{_shares(mine)}{reason}"


def _lost_in_all(row: dict | None) -> list[str]:
    """Return the share of all cells in lost or reduced sub-populations, of those judged."""
    if row is None:
        return []
    share = with_interval(row["value"], row["low"], row["high"], "fraction")
    return [f"LOST or REDUCED in all: {share} of the leukemic cells that could be judged"]


def _sub_populations(kind: str, number_of: int) -> str:
    return f"{number_of} {kind} sub-population{'' if number_of == 1 else 's'}"


def _shares(rows: list[dict]) -> str:
    """Return the share of leukemic cells of one sub-population, of each lost one, or together."""
    known = [row for row in rows if row["fraction_of_leukemic"] is not None]
    if not known:
        return f" ({count_text(sum(row['cells'] for row in rows))} cells)"
    if len(known) == 1:
        return f" ({_share(known[0])} of leukemic cells)"
    whole = percent(min(sum(row["fraction_of_leukemic"] for row in known), 1.0))
    named = ""
    if known[0]["status"] in ("LOST", "REDUCED"):
        named = ": " + "; ".join(
            f"{row['population'].replace('_', ' ')}, {_share(row)}" for row in known
        )
    return f" (together {whole} of leukemic cells{named})"


def _share(row: dict) -> str:
    text = fraction_text(row, "fraction_of_leukemic")
    return text.replace(" (", ", ").removesuffix(")")


def limit_sentences(antigen: str, losses: list[dict], power: list[dict]) -> list[str]:
    """Say how large a clone without the antigen may be and not have shown.

    `power` are the rows of ANTIGEN_POWER of this specimen and antigen; without any, the limits of
    `losses` (ANTIGEN_LOSS) are told.
    """
    leukemic = _carriers(losses)[1] == "leukemic"
    whole = "leukemic cells" if leukemic else "B cells that may be leukemic"
    if not power:
        stated = [r["detectable_fraction"] for r in losses if r["detectable_fraction"] is not None]
        if not stated:
            return [f"No limit can be stated: a {antigen}-negative clone of any size may be missed"]
        return [
            f"A {antigen}-negative clone below {percent(max(stated))} of the {whole} would not "
            "have been called LOST"
        ]
    whole += " that should carry it" if leukemic else ""
    limits = {row["design"]: row["detectable_fraction"] for row in power}
    known = {row["design"] for row in power if row["power"] is not None}
    if not known & set(CALLED):
        why = unique(row["flags"] for row in power if row["flags"])
        unknown = f"Not known from what size a {antigen}-negative clone would have been seen"
        return [unknown + (f": {why[0]}" if why else "")]

    def missed(design: str, clone: str, verdict: str) -> str:
        if design not in known:
            return f"{clone}: not known from what size {verdict}"
        if limits[design] is None:
            return f"{clone} of any size would not reliably have been {verdict}"
        below = f"below {percent(limits[design])} of the {whole}"
        return f"{clone} {below} would not reliably have been {verdict}"

    hidden = "Hidden among the others, without label, genotype or cluster of its own, one"
    return [
        missed("labelled_reduced", f"A {antigen}-negative clone", "seen (REDUCED or LOST)"),
        missed("labelled_lost", "One", "called LOST"),
        missed("unlabelled_screen", hidden, "seen"),
    ]


def power_table(power: list[dict]) -> dict:
    """Return the probability that a clone would show, by its size, for each antigen and design."""
    sizes = sorted({row["clone_fraction"] for row in power})
    order = list(DESIGN_WORDS)
    rows = []
    for _, found in groupby(
        sorted(
            _in_order(power),
            key=lambda r: (
                r["day"] is None, r["day"] or 0, r["sample_id"], r["antigen"],
                order.index(r["design"]),
            ),
        ),
        key=lambda r: (r["sample_id"], r["antigen"], r["design"]),
    ):  # fmt: skip
        mine = list(found)
        at = {row["clone_fraction"]: row["power"] for row in mine}
        first = mine[0]
        rows.append(
            (
                specimen_title(first),
                antigen_title(first["antigen"]),
                DESIGN_WORDS[first["design"]],
                *("not known" if at.get(size) is None else _chance(at[size]) for size in sizes),
                _smallest(first, at),
                count_text(first["cells"]),
                "not known"
                if first["molecules_per_cell"] is None
                else number(first["molecules_per_cell"]),
                dash(first["flags"]),
            )
        )
    return table(
        "Probability that a clone without the antigen would have shown, by its share of the cells "
        "that should carry it",
        (
            "Specimen",
            "Antigen",
            "How it would show",
            *(f"#{percent(size)}" for size in sizes),
            "Smallest share, 95 %",
            "#Cells",
            "#Molecules per cell",
            "Remarks",
        ),
        rows,
        empty="what a clone would have shown: not computed",
        grouped=True,
    )


def _chance(power: float) -> str:
    """Return a probability in whole percent; only certainty is written as 0 or 100."""
    if 0 < power < 0.01:
        return "< 1 %"
    return "> 99 %" if 0.99 < power < 1 else f"{100 * power:.0f} %"


def _smallest(row: dict, at: dict) -> str:
    if row["detectable_fraction"] is not None:
        return percent(row["detectable_fraction"])
    return "not known" if all(power is None for power in at.values()) else "none would"
