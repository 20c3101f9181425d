"""A synthetic patient about whom there is more to say than fits on a first page."""

import pandas as pd
from tests.unit.report.made_up import content_of
from tests.unit.report.made_up_rows import quality
from tests.unit.report.made_up_typical import typical

from aftercar.contracts.signatures import next_line
from aftercar.contracts.specimen import QUALITY
from aftercar.report.figures import patient_figures
from aftercar.report.pages import render_patient
from aftercar.report.sign_off import with_sign_off

LONG_NAME = "W" * 64
DRIVER = (
    "CD19_LOF_VARIANT (CD19) with UNCERTAIN_VARIANT (same information, one driver): "
    "lof_variant_vaf (CD19)=0.0195 [0.0148, 0.0256] fraction p.M91Gfs*40 c.271_277del "
    "chr16:28932526AGATGGGT>A, BM S01-d128-bm-dna, day 128; mutant_cell_fraction (CD19)=0.0363 "
    "[0.0208, 0.0525] fraction CD19 c.271_277del, BM S01-d128-bm-scrna, day 128; "
    "antigen_lost_cell_fraction (CD19)=0.2 [0.1, 0.3] fraction, BM S01-d128-bm-scrna, day 128"
)
LACKS = {
    "missing_tests": "residual disease in marrow by a test free of the antigen, limit 1e-4 or "
    "lower (specimen FAILED); B-cell aplasia by one confirmed rule (one specimen, not confirmed); "
    "virus copies in blood (virus_copies was not measured)",
    "stale_tests": "CD19_LOH (loh (CD19)=0 yes=1, BM S01-d-6-bm, day -6, STALE: 186 days old, 45 "
    "allowed); CAR-T level in blood (STALE: 92 days old, 35 allowed)",
}
TITLES = {
    "CD19_LOF_VARIANT": "loss-of-function variant in the gene of the antigen",
    "UNCERTAIN_VARIANT": "variant of uncertain effect in the gene of the antigen",
    "CD19_LOH": "loss of heterozygosity over the gene of the antigen",
}


def crowded():
    """A patient with signs, conflicts and lacks in every mechanism, and many failed specimens."""
    tables, rows, views, cells = typical()
    risk = tables["risk"].copy()
    here = (risk["landmark"] == "D180") & (risk["category"] != "NOT_APPLICABLE")
    risk.loc[here, ["category", "evidence_grade"]] = ["SIGNAL", "B"]
    risk.loc[here, "drivers"] = " | ".join([DRIVER] * 5)
    risk.loc[here, "conflicts"] = " | ".join(
        f"CD19_LOF_VARIANT: found before the infusion by test {n}; whether such clones predict "
        "relapse is contested (EV050 against EV052, EV053)"
        for n in range(4)
    )
    for name, text in LACKS.items():
        risk.loc[here, name] = text
    names = [f"S01-d1{n}-marrow-of-the-iliac-crest" for n in range(6)]
    rows["samples"] += [
        rows["samples"][0] | {"sample_id": name, "day": f"10{n}"} for n, name in enumerate(names)
    ]
    message = "not an FCS file: found a spreadsheet. Export list-mode data and send it again"
    failed = QUALITY.frame(
        [
            quality("S01", name, 100 + n, "readable", "FAIL", message, value=None, unit="")
            for n, name in enumerate(names)
        ]
    )
    joined = pd.concat([tables["quality"], failed], ignore_index=True)
    rows["infusions"] += [
        rows["infusions"][0] | {"infusion_no": str(n), "day": f"{60 * n}"} for n in (2, 3)
    ]
    rows["events"] += [
        {"day": str(day), "end_day": str(day + 4), "event": event, "grade": "2"}
        for day, event in ((30, "gvhd"), (40, "steroid"), (50, "infection"), (60, "ruxolitinib"))
    ]
    summary = tables["summary"].assign(patient_id=LONG_NAME)
    inputs = tables["inputs"].assign(sha256="ab" * 32)
    changed = {"risk": risk, "quality": joined, "summary": summary, "inputs": inputs}
    return tables | changed, rows, views, cells


def crowded_page():
    """The page of this patient, changed since it was signed, with the longest names."""
    names = {"cohort": "cohort " * 14, "laboratory": "Laboratory of " * 8, "rule_titles": TITLES}
    review = {"compiled_on": "2026-11-23", "review_by": "2027-11-23"}
    names["evidence_notes"] = {"review": review, "issued_on": "2028-01-01"}
    before = content_of(crowded)[0]
    content, views, cells = content_of(crowded, **names)
    line = next_line(
        [], before, reviewer="R. V. " * 13, signed_at="2026-03-01T10:00:00Z", snapshot="x"
    )
    content = with_sign_off(content, [line], [before])
    return render_patient(content, patient_figures(content, views, cells, {}, None))
