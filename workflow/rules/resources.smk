"""Memory and time that jobs ask for: they grow with the input and with each attempt. No rules."""

import os
from stat import S_ISDIR

SNAKEMAKE_MB = 200  # what Snakemake itself takes within a job of a cluster


def megabytes(path):
    """Size of a file, or of all files of a folder; 0 where it does not exist yet.

    A plan asks this twice for each input of each job: one call of the system, not three.
    """
    try:
        found = os.stat(path)
    except OSError:
        return 0
    if not S_ISDIR(found.st_mode):
        return found.st_size / 1e6
    files = (file for file in Path(path).rglob("*") if file.is_file())
    return sum(file.stat().st_size for file in files) / 1e6


def memory(least, per_mb, *, together=True):
    """Resource function: memory in MB for all inputs together, or for the largest alone."""

    def mem_mb(wildcards, input, attempt):
        sizes = [megabytes(path) for path in input] or [0]
        size = sum(sizes) if together else max(sizes)
        return int((SNAKEMAKE_MB + least + per_mb * size) * attempt)

    return mem_mb


def minutes(least, per_gb):
    """Resource function: time for the inputs, for slow disks rather than for fast ones."""

    def runtime(wildcards, input, attempt):
        size = sum(map(megabytes, input))
        return int((least + per_gb * size / 1000) * attempt)

    return runtime
