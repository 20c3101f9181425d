"""Ask pip-audit for known weaknesses of all pins; what was not answered is never called clean.

pip-audit itself says "No known vulnerabilities found" of a package that its service does not know.

`make audit` ends with status 0 where every pin was answered for and nothing is known, 1 where a
weakness is known, 3 where pins were not answered for. With --unreachable-ok, for CI without a way
to any service, 3 becomes 0 if not one pin could be asked about; it says NOT AUDITED all the same.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILES = (
    "requirements.txt", "requirements-dev.txt", "benchmarks/requirements.txt",
    "tests/audit/requirements.txt",
)  # fmt: skip
SERVICES = ("pypi", "osv")
CLEAN, WEAK, UNKNOWN = 0, 1, 3
TIMEOUT_S = 15


def first_pin(text: str) -> str:
    """Return the first package of a requirements file, with its hashes."""
    return re.split(r"\n(?=\S)", text)[0] + "\n"


def ask(service: str, files: list[Path]) -> list[dict]:
    """Return what pip-audit says of every pin, nothing where it could not ask."""
    given = [word for path in files for word in ("--requirement", str(path))]
    run = subprocess.run(
        [
            sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--format",
            "json", "--progress-spinner", "off", "--timeout", str(TIMEOUT_S),
            "--vulnerability-service", service, *given,
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    try:
        return json.loads(run.stdout)["dependencies"]
    except ValueError:
        return []


def answered(found: list[dict]) -> list[dict]:
    """Return the pins that the service knows."""
    return [pin for pin in found if "skip_reason" not in pin]


def judge(found: list[dict]) -> tuple[list[str], int]:
    """Return what to tell about all pins, and the exit status."""
    known = {(pin["name"], pin["version"]): pin["vulns"] for pin in answered(found)}
    unknown = sorted({pin["name"] for pin in found if "skip_reason" in pin})
    lines = [
        f"{name} {version}: {weakness['id']}, mended in "
        f"{', '.join(weakness['fix_versions']) or 'no version yet'}"
        for (name, version), weaknesses in sorted(known.items())
        for weakness in weaknesses
    ]
    if not known:
        return ["NOT AUDITED: no service of advisories could be asked about a single pin."], UNKNOWN
    weak = bool(lines)
    lines.append(f"{len(known)} pins were answered for; weaknesses known: {len(lines)}.")
    if unknown:
        lines.append(f"NOT AUDITED, unknown to the service: {', '.join(unknown)}.")
    return lines, WEAK if weak else UNKNOWN if unknown else CLEAN


def main(unreachable_ok: bool) -> int:
    """Ask the first service that knows one pin; print what was found; return the exit status."""
    found: list[dict] = []
    with tempfile.TemporaryDirectory() as folder:
        probe = Path(folder) / "probe.txt"
        probe.write_text(first_pin((ROOT / FILES[0]).read_text()))
        for service in SERVICES:
            if answered(ask(service, [probe])):
                found = ask(service, [ROOT / name for name in FILES])
                break
    lines, status = judge(found)
    print("\n".join(lines))
    return CLEAN if status == UNKNOWN and unreachable_ok and not answered(found) else status


if __name__ == "__main__":
    sys.exit(main("--unreachable-ok" in sys.argv[1:]))
