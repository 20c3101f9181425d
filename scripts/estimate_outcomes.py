"""Estimate survival, relapse by kind and by what the rules said, and recovery in the cohort."""

from typing import TYPE_CHECKING

from aftercar.contracts.cohort import (
    FOLLOW_UP,
    INCIDENCE,
    OUTCOME_MODEL,
    RECOVERY_CURVES,
    STRATA,
    VISIT_RATES,
)
from aftercar.contracts.evidence import KINETICS, RECOVERY, RISK, SURVIVAL
from aftercar.evidence.outcome_model import outcome_model_rows
from aftercar.evidence.outcomes import course_of_rows, follow_up_rows, incidence_rows, survival_rows
from aftercar.evidence.recovery_curves import recovery_curve_rows
from aftercar.evidence.strata import strata_rows, visit_rate_rows
from aftercar.io.joblog import start_log
from aftercar.io.provenance import input_row, write_provenance
from aftercar.io.tables import read_rows, write_table

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

FROM_SHEETS = (SURVIVAL, INCIDENCE, FOLLOW_UP)

if __name__ == "__main__":
    log = start_log(snakemake.log[0])
    given, written = snakemake.params.courses, snakemake.output
    found = {patient: course_of_rows(**rows) for patient, rows in given.items()}
    courses = {patient: course for patient, course in found.items() if course is not None}
    left_out = [patient for patient, course in found.items() if course is None]
    log.info("%d patients; %d without infusion day or follow-up", len(courses), len(left_out))
    everybody, model = list(courses.values()), snakemake.params.model
    risk = read_rows(RISK, snakemake.input.risk)
    recovered = recovery_curve_rows(
        read_rows(RECOVERY, snakemake.input.recovery), read_rows(KINETICS, snakemake.input.kinetics)
    )
    used = [input_row("", "", name, table) for name, table in snakemake.input.items()]
    visits = {patient: rows["days"] for patient, rows in given.items()}
    for contract, rows, path in (
        (SURVIVAL, survival_rows(everybody), written.survival),
        (INCIDENCE, incidence_rows(everybody), written.incidence),
        (FOLLOW_UP, follow_up_rows(everybody), written.follow_up),
        (STRATA, strata_rows(courses, risk), written.strata),
        (RECOVERY_CURVES, recovered, written.recovery_curves),
        (VISIT_RATES, visit_rate_rows(visits, courses, risk), written.visit_rates),
        (OUTCOME_MODEL, outcome_model_rows(courses, risk, model), written.outcome_model),
    ):
        write_table(contract, contract.frame(rows), path)
        write_provenance(
            path,
            settings={"patients": len(courses), "left_out": left_out, "outcome_model": model},
            code=snakemake.params.code,
            inputs=[] if contract in FROM_SHEETS else used,
        )
