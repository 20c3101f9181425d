"""Start a tool in its own process and time it there."""

import json
import os
import statistics
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OURS = ROOT / ".venv/bin/python"
PEERS = ROOT / "benchmarks/.venv/bin/python"
ONE_THREAD = {
    f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMBA", "POLARS_MAX")
}


@dataclass(frozen=True)
class Tool:
    """A tool by the name that the page shows: its module, its Python and its options.

    It runs on one thread, or with `all_cores` on as many as it starts by itself.
    """

    name: str
    module: str
    python: Path = OURS
    options: dict = field(default_factory=dict)
    all_cores: bool = False


class Running:
    """A started tool."""

    def __init__(self, tool: Tool, process: subprocess.Popen) -> None:
        """Keep both ends of the conversation."""
        self.tool = tool
        self.process = process

    def run(self, path: Path) -> dict:
        """Return seconds, memory and counts of one run on a file."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"{self.tool.name} stopped on {path.name}; its message stands above")
        return json.loads(answer)


@contextmanager
def started(tool: Tool) -> Iterator[Running]:
    """Start a tool; it ends with the block."""
    threads = {} if tool.all_cores else ONE_THREAD
    process = subprocess.Popen(
        [tool.python, "-m", "benchmarks.worker", tool.module, json.dumps(tool.options)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        env=os.environ | threads | {"PYTHONPATH": f"{ROOT}:{ROOT / 'scripts'}"},
    )  # fmt: skip
    with process:
        yield Running(tool, process)
        assert process.stdin is not None
        process.stdin.close()


def median_seconds(tools: list[Tool], path: Path, repeats: int) -> tuple[dict, dict]:
    """Return median seconds and counts of each tool, by name; all tools take turns.

    The first turn warms caches and compiled code and is not counted.
    """
    with ExitStack() as stack:
        running = [stack.enter_context(started(tool)) for tool in tools]
        rounds = [[one.run(path) for one in running] for _ in range(repeats + 1)][1:]
    seconds, counts = {}, {}
    for n, tool in enumerate(tools):
        seconds[tool.name] = statistics.median(turn[n]["seconds"] for turn in rounds)
        counts[tool.name] = rounds[0][n]["counts"]
    return seconds, counts


def peak_above(tool: Tool, small: Path, large: Path) -> dict:
    """Return the answer of a fresh process for `large`, after `small` had everything loaded."""
    with started(tool) as running:
        running.run(small)
        return running.run(large)
