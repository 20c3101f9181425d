"""A SLURM of our own on loopback, for tests: munged, slurmctld and four slurmd, stopped by pid."""

import contextlib
import getpass
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

TEMPLATE = Path(__file__).parent / "slurm.conf"
NODES = ("node1", "node2", "node3", "node4")
NODE = "NodeName={} NodeHostname=localhost NodeAddr=127.0.0.1 Port={} CPUs=2 RealMemory=8000"
PROGRAMS = ("munged", "slurmctld", "slurmd", "sinfo", "sbatch")


def absent_programs() -> list[str]:
    """Names of the programs that this machine lacks."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


def free_port() -> int:
    """A port of the loopback address that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class PrivateSlurm:
    """Starts in a folder, gives the environment that commands need, stops what it started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.daemons: dict[str, subprocess.Popen] = {}
        self.environment = os.environ | {
            "SLURM_CONF": str(folder / "slurm.conf"),
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        }

    def start(self) -> None:
        spools = [f"spool/{name}" for name in ("controller", *NODES)]
        for name in ("run", "log", "munge", "bin", *spools):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        words = {
            "FOLDER": str(self.folder),
            "USER": getpass.getuser(),
            "CONTROLLER_PORT": str(free_port()),
            "NODES": "\n".join(NODE.format(node, free_port()) for node in NODES),
        }
        text = TEMPLATE.read_text()
        for word, value in words.items():
            text = text.replace(f"@{word}@", value)
        (self.folder / "slurm.conf").write_text(text)
        self._keep_configuration_in_nested_srun()
        self._start_munge()
        self._daemon("slurmctld", "slurmctld", "-D", "-i", "-f", str(self.folder / "slurm.conf"))
        for node in NODES:
            self._daemon(node, "slurmd", "-D", "-N", node, "-f", str(self.folder / "slurm.conf"))
        self._wait_for_nodes()

    def stop(self) -> None:
        self._end(list(self._job_processes()))
        for daemon in reversed(self.daemons.values()):
            daemon.terminate()
        for daemon in self.daemons.values():
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

    def kill_node(self, node: str) -> None:
        """Let a node die: its daemon, the keepers of its jobs, and all that these started."""
        self.daemons[node].kill()
        dying = list(self._job_processes(node))
        keepers = [p.parent() for p in dying]
        self._end([p for p in keepers if p is not None and p.name().startswith("slurmstepd")])
        self._end(dying)
        self.daemons[node].wait()

    def _job_processes(self, node: str = "") -> Iterator[psutil.Process]:
        """Yield the processes of jobs of this SLURM, of one node or of all."""
        for process in psutil.process_iter():
            try:
                told = process.environ()
            except psutil.Error:
                continue
            ours = told.get("SLURM_CONF") == self.environment["SLURM_CONF"]
            if ours and "SLURM_JOB_ID" in told and node in ("", told.get("SLURMD_NODENAME")):
                yield process

    @staticmethod
    def _end(processes: list[psutil.Process]) -> None:
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def run(self, *command: str, **options) -> subprocess.CompletedProcess:
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, **options
        )

    def _daemon(self, name: str, *command: str) -> None:
        with open(self.folder / "log" / f"{name}.out", "w") as log:
            self.daemons[name] = subprocess.Popen(
                command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def _start_munge(self) -> None:
        key = self.folder / "munge/munge.key"
        key.write_bytes(secrets.token_bytes(128))
        (self.folder / "munge").chmod(0o700)
        key.chmod(0o400)
        run = self.folder / "run"
        run.chmod(0o755)
        self._daemon(
            "munged", "munged", "--foreground", "--force", f"--key-file={key}",
            f"--socket={run}/munge.sock", f"--pid-file={run}/munged.pid",
            f"--log-file={self.folder}/log/munged.log", f"--seed-file={self.folder}/munge/seed",
        )  # fmt: skip
        deadline = time.monotonic() + 10
        while not (run / "munge.sock").exists():
            if time.monotonic() > deadline:
                raise RuntimeError("munged did not start: " + self._logs())
            time.sleep(0.1)

    def _keep_configuration_in_nested_srun(self) -> None:
        """The job step strips SLURM_CONF from the environment of the srun that it starts."""
        srun = self.folder / "bin/srun"
        srun.write_text(
            f'#!/bin/sh\nSLURM_CONF={self.folder}/slurm.conf exec {shutil.which("srun")} "$@"\n'
        )
        srun.chmod(0o755)

    def _wait_for_nodes(self) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self.run("sinfo", "-h", "-N", "-o", "%T").stdout.split() == ["idle"] * len(NODES):
                return
            time.sleep(0.2)
        raise RuntimeError("the nodes did not become idle: " + self._logs())

    def _logs(self) -> str:
        files = sorted((self.folder / "log").glob("*"))
        return "\n".join(f"{path.name}: {path.read_text()[-500:]}" for path in files)
