"""Pages of each stream: cytometry, sequencing, single cells, in the words of their readers."""

from aftercar.contracts.singlecell import LINEAGE_SWITCH_HIDDEN
from aftercar.report.antigen_plots import like_each_other
from aftercar.report.numbers import (
    MINUS,
    count_text,
    day_text,
    fraction_text,
    number,
    percent,
    percentages,
    unique,
    with_interval,
)
from aftercar.report.tabulate import dash, table
from aftercar.report.words import (
    MEASURE_TITLES,
    SPECIMEN_WORDS,
    chip,
    clone_title,
    measure_title,
    origin_title,
)

SCOPE_WORDS = {"all_t": "all T cells", "car_negative_t": "CAR-negative T cells"}


def specimen_title(row: dict) -> str:
    """Return `D88 blood P02-d88-pb`."""
    return f"{day_text(row['day'])} {SPECIMEN_WORDS[row['specimen']]} {row['sample_id']}"


def ratio_table(ratios: list[dict]) -> dict:
    """Return the CD7 and CD5 ratios with the counts they come from."""
    return table(
        "CD7 and CD5 on T cells. There is no published standard for these ratios: the "
        "definition is this "
        "project's. A CD7 CAR can hide CD7 on its own cells: read the row of CAR-negative T cells.",
        (
            "Specimen",
            "Ratio",
            "Among",
            "#Counts",
            "Ratio (95 %)",
            f"CD7+5+ / 7+5{MINUS} / 7{MINUS}5+ / 7{MINUS}5{MINUS}",
            "Status",
            "Remarks",
        ),
        [
            (
                specimen_title(r),
                r["ratio_name"],
                SCOPE_WORDS[r["scope"]],
                _counts(r, "numerator_count", "denominator_count"),
                "no value"
                if r["ratio"] is None
                else with_interval(r["ratio"], r["ratio_low"], r["ratio_high"], "ratio"),
                _counts(r, "cd7pos_cd5pos", "cd7pos_cd5neg", "cd7neg_cd5pos", "cd7neg_cd5neg"),
                chip("measurement", r["status"]),
                dash(r["flags"]),
            )
            for r in sorted(
                ratios, key=lambda r: (r["ratio_name"], r["scope"], r["day"] is None, r["day"] or 0)
            )
        ],
        empty="CD7 and CD5 ratios: not tested",
    )


def _counts(row: dict, *columns: str) -> str:
    """Return counts side by side; where none was counted, that is said once."""
    counts = [row[column] for column in columns]
    if all(count is None for count in counts):
        return "not counted"
    return " / ".join(count_text(count) for count in counts)


def variant_table(variants: list[dict], *, tested: bool) -> dict:
    """Return variants by tier, losses of function first; what a filter set aside is counted.

    Known polymorphisms have a table of their own.
    """
    shown = [v for v in variants if v["filter"] == "PASS" or v["tier"] in ("T1", "T2")]
    hidden = len(variants) - len(shown)
    note = (
        f"{hidden} further candidates did not pass the filters; they are in the table of variants."
        if hidden
        else ""
    )
    return table(
        "Variants. T1 truncating or canonical splice, T2 start loss, exon or in-frame loss, "
        "T3 epitope region or "
        "known hotspot, T4 elsewhere. VAF with 95 % interval.",
        (
            "Specimen",
            "Variant",
            "Effect",
            "Tier",
            "Origin",
            "VAF",
            "#Fragments",
            "Known from",
            "Status",
            "Filter",
            "Remarks",
        ),
        [
            (
                specimen_title(v),
                f"{v['gene']} {v['hgvs_c']} {v['hgvs_p']}".strip(),
                _effect(v),
                v["tier"].replace("NONE", "no tier"),
                origin_title(v["origin"], v["flags"]),
                fraction_text(v, "vaf"),
                f"{count_text(v['alt_fragments'])} of {count_text(v['depth'])}",
                day_text(v["known_from_day"]),
                chip("measurement", v["status"]),
                v["filter"],
                dash(percentages(v["flags"])),
            )
            for v in sorted(shown, key=_by_effect)
            if v["tier"] != "POLYMORPHISM"
        ],
        empty="no variant with an effect is listed; the table above says of each gene what would "
        "have shown"
        if tested
        else "variants: not tested",
        note=note,
    )


def _by_effect(row: dict) -> tuple:
    """Sort losses of function first, then by gene, tier and day; no tier comes last."""
    return (
        row["tier"] not in ("T1", "T2"),
        row["gene"],
        row["tier"] == "NONE",
        row["tier"],
        row["day"] is None,
        row["day"] or 0,
        row["pos"],
    )


def polymorphism_table(variants: list[dict]) -> dict:
    """Return the known polymorphisms, a row for each with all its specimens."""
    alike: dict[tuple, list[dict]] = {}
    known = [v for v in variants if v["tier"] == "POLYMORPHISM" and v["filter"] == "PASS"]
    for v in sorted(known, key=_by_effect):
        alike.setdefault((v["gene"], v["pos"], v["ref"], v["alt"]), []).append(v)
    return table(
        "Known polymorphisms. They are no loss of function; heterozygous ones tell whether both "
        "copies of the gene are there.",
        ("Variant", "Origin", "Specimens, VAF, fragments", "Remarks"),
        [
            (
                f"{rows[0]['gene']} {rows[0]['hgvs_c']} {rows[0]['hgvs_p']}".strip(),
                unique(origin_title(v["origin"], v["flags"]) for v in rows),
                [
                    f"{specimen_title(v)}: {fraction_text(v, 'vaf')}, "
                    f"{count_text(v['alt_fragments'])} of {count_text(v['depth'])}"
                    for v in rows
                ],
                unique(dash(percentages(v["flags"])) for v in rows),
            )
            for rows in alike.values()
        ],
        empty="no known polymorphism was found",
    )


def history_table(history: list[dict], variants: list[dict]) -> dict:
    """Return since when each variant is there; a negative always stands with its limit."""
    remarks = {_called(v, v["sample_id"]): v["flags"] for v in variants}
    return table(
        "Since when. The first specimen that shows a variant, also where it was only looked for, "
        "and the last one before that does not, with the fraction of the leukemia that it would "
        "have shown.",
        ("Variant", "Origin", "Called on", "First seen", "Last without it", "Verdict", "Remarks"),
        [
            (
                f"{h['gene']} {h['hgvs_c']} {h['hgvs_p']}".strip(),
                origin_title(h["origin"], remarks.get(_called(h, h["called_sample"]), "")),
                f"{day_text(h['called_day'])} {h['called_sample']}",
                f"{day_text(h['first_seen_day'])} {h['first_seen_sample']}, "
                + percent(h["first_seen_fraction"]),
                "none"
                if h["last_negative_day"] is None
                else f"{day_text(h['last_negative_day'])} {h['last_negative_sample']}: "
                f"no {percent(h['last_negative_limit'])} or more",
                chip("history", h["verdict"]),
                dash(percentages(h["flags"])),
            )
            for h in history
        ],
        empty="no variant was called",
    )


def _called(row: dict, sample: str) -> tuple:
    return sample, *(row[name] for name in ("gene", "chrom", "pos", "ref", "alt"))


def _effect(row: dict) -> str:
    said = [row["consequence"].replace("_", " ")]
    if row["loses_transmembrane"] == "yes":
        said.append("loses the transmembrane part")
    if row["nmd_candidate"] == "yes":
        said.append("candidate for nonsense-mediated decay")
    return ", ".join(said)


def splicing_table(splicing: list[dict]) -> dict:
    """Return splicing events; DNA reads cannot show them, so no rows means not tested."""
    return table(
        "Splicing from RNA reads. A share alone is no finding: these events occur in healthy "
        "marrow too.",
        (
            "Specimen",
            "Gene",
            "Event",
            "Predicted protein",
            "#Fragments",
            "Share of transcripts",
            "Change from earlier specimen",
            "Difference from healthy",
            "Status",
            "Remarks",
        ),
        [
            (
                specimen_title(r),
                r["gene"],
                _splice_title(r),
                dash(r["consequence"]),
                f"{count_text(r['event_fragments'])} against {_number(r['canonical_fragments'])}",
                fraction_text(r, "event_fraction"),
                _difference(r, "earlier", r["earlier_sample"]),
                _difference(r, "control", r["control_samples"].replace(";", ", ")),
                chip("measurement", r["status"]),
                dash(percentages(r["flags"])),
            )
            for r in splicing
        ],
        empty="splicing: not tested (it needs RNA reads)",
    )


def _splice_title(row: dict) -> str:
    """Return what becomes of the exons; a junction without a name is said to be one."""
    if f"{row['event']}_fraction" in MEASURE_TITLES:
        return row["structure"] or measure_title(f"{row['event']}_fraction")
    return ": ".join(p for p in (row["event"].replace("_", " "), row["structure"]) if p)


def _difference(row: dict, name: str, samples: str) -> str:
    """Return a difference of fractions in percentage points, with interval, p and reference."""
    if row[f"{name}_difference"] is None:
        return "not compared"
    value, low, high = (100 * row[f"{name}_difference{end}"] for end in ("", "_low", "_high"))
    return (
        f"{value:+.3g} ({low:+.3g} to {high:+.3g}) percentage points, p {row[f'{name}_p']:.2g}; "
        f"against {samples}"
    )


def _affected(row: dict) -> str:
    low, high = row["affected_fraction_low"], row["affected_fraction_high"]
    if low is None:
        return "not known"
    kind = row["mechanism"].replace("_", " ")
    bounds = f"{percent(low)} to {percent(high)}" if low else f"at most {percent(high)}"
    return f"{bounds} ({kind})" if kind else bounds


def _loh_finding(row: dict) -> dict[str, str]:
    """Return the sign of a row of LOH: no loss stands with its limit, clear only with purity."""
    said = chip("loh", row["state"])
    if row["state"] != "NO_LOH" or row["affected_fraction_high"] is None:
        return said
    text = f"No loss in more than {percent(row['affected_fraction_high'])} of all cells"
    if row["purity"] is None or row["status"] != "QUANTIFIED":
        return said | {"text": f"{text}; share of leukemic cells not known"}
    return said | {"text": text, "kind": "clear"}


def loh_table(loh: list[dict]) -> dict:
    """Return loss of heterozygosity; without informative positions nothing is said."""
    return table(
        "Loss of heterozygosity",
        (
            "Specimen",
            "Gene",
            "#Informative SNPs",
            "#Fragments",
            "Major allele",
            "Cells with the loss",
            "Finding",
            "Status",
            "Remarks",
        ),
        [
            (
                specimen_title(r),
                r["gene"],
                count_text(r["informative_snps"]),
                count_text(r["fragments"]),
                fraction_text(r, "allele_fraction"),
                _affected(r),
                _loh_finding(r),
                chip("measurement", r["status"]),
                dash(percentages(r["flags"])),
            )
            for r in loh
        ],
        empty="loss of heterozygosity: not tested",
    )


def copies_table(biallelic: list[dict]) -> dict:
    """Return whether both copies of a gene are hit; hits of different cells are not added up."""
    basis = {"dna": "all hits in DNA", "molecules": "fragments", "cells": "single cells"}
    return table(
        "Copies of a gene that are hit. Variants of different subclones are alternatives: they "
        "are not two hits of one cell.",
        (
            "Specimen",
            "Gene",
            "Shown by",
            "Hits",
            "#With both / one / other",
            "Cells with both copies hit",
            "Finding",
            "Status",
            "Remarks",
        ),
        [
            (
                specimen_title(r),
                r["gene"],
                basis[r["basis"]],
                dash(r["hits"]),
                "not counted"
                if r["both"] is None
                else " / ".join(count_text(r[n]) for n in ("both", "first_only", "second_only")),
                "not known"
                if r["cells_fraction_high"] is None
                else f"{percent(r['cells_fraction_low'])} to {percent(r['cells_fraction_high'])}",
                chip("copies", r["state"]),
                chip("measurement", r["status"]),
                dash(percentages(r["flags"])),
            )
            for r in biallelic
        ],
        empty="copies of genes: not tested (it needs DNA reads)",
    )


def antigen_table(antigen_loss: list[dict]) -> dict:
    """Return antigen loss by sub-population; never a statement on one cell."""
    return table(
        "Antigen on sub-populations of single cells, against reference cells of the same "
        "specimen. Lost and "
        "reduced are said of sub-populations, never of a single cell.",
        (
            "Specimen",
            "Sub-population",
            "Antigen",
            "#Cells",
            "Molecules found / expected",
            "Relative expression",
            "Status",
            "Share of leukemic cells",
            "Smallest share detectable",
            "Remarks",
        ),
        [
            (
                specimen_title(r),
                f"{r['population']} ({r['identity']}, by {r['identity_evidence']})".replace(
                    "_", " "
                ),
                f"{r['antigen']}, {r['basis']}",
                count_text(r["cells"]),
                f"{count_text(r['umis'])} / {_number(r['expected_umis'])}",
                _relative(r),
                {"status": "RETAINED", "text": "Like each other", "kind": "cannot"}
                if like_each_other(r)
                else chip("antigen", r["status"]),
                fraction_text(r, "fraction_of_leukemic"),
                _detectable(r),
                dash(percentages(r["flags"])),
            )
            for r in sorted(
                antigen_loss,
                key=lambda r: (
                    r["day"] is None,
                    r["day"] or 0,
                    r["sample_id"],
                    r["antigen"],
                    r["population"],
                ),
            )
            if r["status"] != "NOT_APPLICABLE"
        ],
        empty="antigen loss in single cells: not tested",
        grouped=True,
    )


def _detectable(row: dict) -> list[str]:
    """Return the smallest share that would have been called, for both words."""
    return [
        f"{'not known' if row[column] is None else percent(row[column])}: {word}"
        for column, word in (
            ("detectable_reduced_fraction", "REDUCED"),
            ("detectable_fraction", "LOST"),
        )
    ]


def _number(value: float | None) -> str:
    return "not known" if value is None else number(value)


def _relative(row: dict) -> str:
    if row["relative_expression"] is None:
        return "no value"
    return with_interval(
        row["relative_expression"],
        row["relative_expression_low"],
        row["relative_expression_high"],
        "ratio",
    )


def cell_population_table(populations: list[dict]) -> dict:
    """Return which cells a specimen held and what their identity rests on."""
    return table(
        "Cells by population",
        ("Specimen", "Population", "Identity", "Rests on", "#Cells", "Share", "Status", "Remarks"),
        [
            (
                specimen_title(r),
                r["population"].replace("_", " "),
                r["identity"].replace("_", " "),
                r["identity_evidence"].replace("_", " "),
                f"{count_text(r['cells'])} of {count_text(r['total_cells'])}",
                fraction_text(r),
                {"status": r["status"], "text": "No leukemic B cell seen", "kind": "cannot"}
                if LINEAGE_SWITCH_HIDDEN in r["flags"]
                else chip("measurement", r["status"]),
                dash(percentages(r["flags"])),
            )
            for r in populations
        ],
        empty="single cells: not tested",
        grouped=True,
    )


def clone_table(clones: list[dict]) -> dict:
    """Return clones marked by a variant, counted in cells."""
    return table(
        "Clones by genotype or clonotype of single cells. A cell without the variant's molecules "
        "is not wild type; one without a receptor may belong to the clone.",
        (
            "Specimen",
            "Clone",
            "#Cells of the clone",
            "#Covered of listed",
            "Share",
            "Smallest share detectable",
            "Known from",
            "Status",
            "Remarks",
        ),
        [
            (
                specimen_title(r),
                clone_title(f"{r['gene']} {r['clone'].removeprefix(r['gene']).strip()}".strip()),
                count_text(r["cells_mutant"]),
                f"{count_text(r['cells_covered'])} of {count_text(r['cells_listed'])}",
                fraction_text(r),
                "not known"
                if r["detectable_fraction"] is None
                else percent(r["detectable_fraction"]),
                day_text(r["known_from_day"]),
                chip("measurement", r["status"]),
                dash(percentages(r["flags"])),
            )
            for r in clones
        ],
        empty="genotypes and clonotypes of single cells: not tested",
    )
