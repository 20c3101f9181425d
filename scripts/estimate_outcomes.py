"""Estimate survival and the incidence of each kind of relapse in the cohort."""

from typing import TYPE_CHECKING

from aftercar.contracts.cohort import FOLLOW_UP, INCIDENCE
from aftercar.contracts.evidence import SURVIVAL
from aftercar.evidence.outcomes import course_of, follow_up_rows, incidence_rows, survival_rows
from aftercar.evidence.timeline import event_of, infusion_of
from aftercar.io.joblog import start_log
from aftercar.io.provenance import write_provenance
from aftercar.io.tables import write_table

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    log = start_log(snakemake.log[0])
    found = {
        patient: course_of(
            [infusion_of(row) for row in rows["infusions"]],
            [event_of(row) for row in rows["events"]],
            rows["days"],
        )
        for patient, rows in snakemake.params.courses.items()
    }
    courses = [course for course in found.values() if course is not None]
    left_out = [patient for patient, course in found.items() if course is None]
    log.info("%d patients; %d without infusion day or follow-up", len(courses), len(left_out))
    for contract, rows, path in (
        (SURVIVAL, survival_rows(courses), snakemake.output.survival),
        (INCIDENCE, incidence_rows(courses), snakemake.output.incidence),
        (FOLLOW_UP, follow_up_rows(courses), snakemake.output.follow_up),
    ):
        write_table(contract, contract.frame(rows), path)
        write_provenance(
            path,
            settings={"patients": len(courses), "left_out": left_out},
            code=snakemake.params.code,
            inputs=[],
        )
