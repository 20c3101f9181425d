"""Say whether two losses of one gene are in the same single cells of a patient or in different."""

from typing import TYPE_CHECKING

from aftercar.contracts.sequencing import BIALLELIC, GENOTYPES, VARIANTS
from aftercar.io.joblog import start_log
from aftercar.io.tables import concatenate_tables, read_table, write_table
from aftercar.sequencing.cell_pairs import pair_rows

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    log = start_log(snakemake.log[0])
    found = snakemake.input
    rows = pair_rows(
        snakemake.params.samples,
        read_table(GENOTYPES, found.genotypes),
        concatenate_tables(VARIANTS, found.get("variants") or []),
        concatenate_tables(BIALLELIC, found.get("molecules") or []),
    )
    log.info("%d pairs of variants", len(rows))
    write_table(BIALLELIC, BIALLELIC.frame(rows), snakemake.output[0])
