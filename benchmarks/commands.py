"""Time a command line, or several joined by pipes, and watch its memory."""

import subprocess
import time
from pathlib import Path

LOOK_AGAIN_S = 0.02


def measured(steps: list[list[str]], output: Path) -> dict[str, float]:
    """Return seconds and the sum of the peaks of resident memory in 10^6 bytes (Linux).

    The last step writes to `output`. Its messages are thrown away; a failure stops everything.
    """
    start = time.perf_counter()
    running: list[subprocess.Popen] = []
    with open(output, "wb") as file:
        for number, step in enumerate(steps):
            last = number == len(steps) - 1
            process = subprocess.Popen(
                step, stdin=running[-1].stdout if running else subprocess.DEVNULL,
                stdout=file if last else subprocess.PIPE, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            running.append(process)
        for process in running[:-1]:
            assert process.stdout is not None
            process.stdout.close()  # only the next step reads it
        peaks = [0.0] * len(running)
        while any(process.poll() is None for process in running):
            for number, process in enumerate(running):
                peaks[number] = max(peaks[number], _peak_mb(process.pid))
            time.sleep(LOOK_AGAIN_S)
    seconds = time.perf_counter() - start
    for step, process in zip(steps, running, strict=True):
        if process.returncode:
            raise SystemExit(f"{' '.join(step)} stopped with status {process.returncode}")
    return {"seconds": seconds, "peak_mb": sum(peaks)}


def _peak_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    found = [line.split()[1] for line in lines if line.startswith("VmHWM")]
    return int(found[0]) * 1024 / 1e6 if found else 0.0
