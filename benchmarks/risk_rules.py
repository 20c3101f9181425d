"""What rules assess_patient and merge_tables do with the sheets of a cohort, without its files."""

import time

from tests.accuracy.risk_experiments import AGES, observed_cohort, populations_of
from tests.unit.evidence.patients import LANDMARKS, rulebook

from aftercar.contracts.evidence import EVIDENCE, KINETICS, PATIENTS, RECOVERY, RISK, RULE_RESULTS
from aftercar.evidence.assess import assess
from aftercar.evidence.collect import StreamTables, collect_evidence
from aftercar.evidence.merge import joined_table

SEED = 20240229
BATCH = 100  # patients whose rows are held as such before they become tables
CONTRACTS = {
    "evidence": EVIDENCE, "kinetics": KINETICS, "recovery": RECOVERY, "rules": RULE_RESULTS,
    "risk": RISK, "patients": PATIENTS,
}  # fmt: skip


def prepare() -> None:
    """Read the rules once, as each job does."""
    rulebook()


def run(_: None, patients: str) -> dict[str, int]:
    """Return milliseconds and numbers of rows for a cohort of as many patients."""
    cohort = observed_cohort(int(patients), SEED)
    populations = populations_of(cohort)
    judging = joining = 0.0
    parts: dict[str, list] = {name: [] for name in CONTRACTS}
    for first in range(0, len(cohort), BATCH):
        rows: dict[str, list] = {name: [] for name in CONTRACTS}
        start = time.perf_counter()
        for one in cohort[first : first + BATCH]:
            flow = populations.get(one.truth.patient_id)
            tables = StreamTables() if flow is None else StreamTables(populations=flow)
            evidence = collect_evidence(one.sheets, tables)
            found = assess(one.sheets, evidence, rulebook(), landmarks=LANDMARKS, **AGES)
            rows["evidence"] += evidence
            for name in ("kinetics", "recovery", "rules", "risk"):
                rows[name] += getattr(found, name)
            rows["patients"].append(found.summary)
        judged = time.perf_counter()
        for name, contract in CONTRACTS.items():
            parts[name].append(contract.frame(rows[name]))
        judging += judged - start
        joining += time.perf_counter() - judged
    start = time.perf_counter()
    joined = {name: joined_table(CONTRACTS[name], parts.pop(name)) for name in list(parts)}
    joining += time.perf_counter() - start
    return {
        "judging_ms": round(1000 * judging),
        "joining_ms": round(1000 * joining),
        "evidence": len(joined["evidence"]),
        "rules": len(joined["rules"]),
        "risk": len(joined["risk"]),
        "rows": sum(map(len, joined.values())),
    }
