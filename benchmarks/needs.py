"""What a part of `make bench` needs beside the pinned packages; asked before anything is timed."""

import re
import shutil
import subprocess

from tests.accuracy import peer_callers
from tests.accuracy.variant_specimens import PUBLIC

# as their names on the page say
CALLERS = {
    name: re.search(rf"{name} (\S+)", shown).group(1)  # type: ignore[union-attr]
    for name, shown in (("freebayes", peer_callers.FREEBAYES), ("bcftools", peer_callers.BCFTOOLS))
}
READS = ("variants", "cell_variants")


def missing(parts: list[str]) -> dict[str, list[str]]:
    """Return, for each part that cannot run here, what is absent or of another version."""
    found: dict[str, list[str]] = {part: [] for part in parts}
    for part in set(parts) & set(READS):
        if not PUBLIC.is_dir():
            found[part].append(f"the public CD19 reference: found no folder {PUBLIC}")
        if shutil.which("samtools") is None:
            found[part].append("samtools: found none")
    if "variants" in parts:
        for name, expected in CALLERS.items():
            version = version_of(name)
            if version != expected:
                found["variants"].append(f"{name}: found {version or 'none'}, expected {expected}")
    return {part: lines for part, lines in found.items() if lines}


def version_of(program: str) -> str | None:
    """Return the version that a program states, None where it is absent."""
    if shutil.which(program) is None:
        return None
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    number = re.search(r"\d+(\.\d+)+", said.stdout)
    return number.group() if number else "a version that it does not state"


def message(absent: dict[str, list[str]], parts: list[str]) -> str:
    """Return what to tell the user, and how the other parts can be measured alone."""
    lines = [f"  {part}: {line}" for part, found in absent.items() for line in found]
    others = " ".join(part for part in parts if part not in absent)
    lines = ["Nothing was measured. These parts cannot run here:", *lines]
    return "\n".join(
        [*lines, *([f'To measure the others: make bench BENCH="{others}"'] if others else [])]
    )
