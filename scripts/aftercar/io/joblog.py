"""One way to log from a script run by Snakemake."""

import logging
import sys
from pathlib import Path


def start_log(path: str | Path) -> logging.Logger:
    """Send log records, warnings and uncaught tracebacks to the log file of the job."""
    sys.stderr = open(path, "w", buffering=1)
    logging.basicConfig(
        stream=sys.stderr, level="INFO", format="%(asctime)s %(levelname)s %(message)s"
    )
    logging.captureWarnings(True)
    return logging.getLogger("aftercar")
