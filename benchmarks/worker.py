"""A process that runs one tool again and again: python -m benchmarks.worker <module> <options>.

The module has `prepare(**options)` and `run(prepared, path)`, which returns counts by gate. Each
line of standard input is a path; each is answered by a line of JSON with seconds, memory, counts.
"""

import importlib
import json
import os
import sys
import time
from pathlib import Path


def resident_mb(field: str) -> float:
    """Return VmRSS (now) or VmHWM (peak) of this process in 10^6 bytes (Linux).

    Not ru_maxrss: that also counts what the process was before it became this program.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith(field))
    return int(kilobytes) * 1024 / 1e6


def forget_peak() -> None:
    """Let the peak start anew from what is resident now (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def serve(module_name: str, options: dict) -> None:
    """Answer requests until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints is not an answer
    module = importlib.import_module(f"benchmarks.{module_name}")
    prepared = module.prepare(**options)
    for line in sys.stdin:
        before = resident_mb("VmRSS")
        forget_peak()
        start = time.perf_counter()
        counts = module.run(prepared, line.strip())
        seconds = time.perf_counter() - start
        peak = resident_mb("VmHWM")
        answer = {"seconds": seconds, "added_mb": peak - before, "peak_mb": peak, "counts": counts}
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    serve(sys.argv[1], json.loads(sys.argv[2]))
