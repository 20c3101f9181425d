"""One way to log from a script run by Snakemake."""

import logging
import os
import sys
import traceback
from pathlib import Path


def start_log(path: str | Path) -> logging.Logger:
    """Send log records, warnings and uncaught tracebacks to the log file of the job.

    The message of a foreign exception can repeat a file's name or text, and with it a patient's
    name: it is withheld unless the environment variable AFTERCAR_FULL_TRACEBACK is set.
    """
    sys.stderr = open(path, "w", buffering=1)
    logging.basicConfig(
        stream=sys.stderr, level="INFO", format="%(asctime)s %(levelname)s %(message)s"
    )
    logging.captureWarnings(True)
    sys.excepthook = _write_fault
    return logging.getLogger("aftercar")


def _write_fault(kind: type[BaseException], error: BaseException, trace) -> None:
    told = _fault_text(kind, error, trace)
    try:
        sys.stderr.write(told)
        sys.stderr.flush()
    except OSError:  # the disk of the log is full: the terminal is left
        print(told, file=sys.__stderr__)


def _fault_text(kind: type[BaseException], error: BaseException, trace) -> str:
    if os.environ.get("AFTERCAR_FULL_TRACEBACK"):
        return "".join(traceback.format_exception(kind, error, trace))
    lines = []
    chain: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in chain:
        chain.append(following)
        hidden = following.__suppress_context__
        following = following.__cause__ or (None if hidden else following.__context__)
    for one in reversed(chain):
        lines.append("Traceback (most recent call last):\n")
        lines += traceback.format_tb(one.__traceback__)
        ours = type(one).__module__.startswith("aftercar.")
        said = str(one) if ours else "message withheld, set AFTERCAR_FULL_TRACEBACK=1 to see it"
        lines.append(f"{type(one).__name__}: {said}\n")
    return "".join(lines)
