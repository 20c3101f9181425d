"""The accessibility checker axe-core: fetched once by npm, used only with the pinned content.

`python tests/browser/axe_core.py` fetches it; nothing of it is run or installed by npm.
"""

import base64
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = HERE / ".axe-core"
PIN = json.loads((HERE / "axe-core.json").read_text())
ARCHIVE = FOLDER / f"{PIN['name']}-{PIN['version']}.tgz"


def verified(content: bytes) -> bytes:
    """Return the archive if it has the pinned SHA-512, else raise ValueError."""
    found = "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()
    if found != PIN["integrity"]:
        raise ValueError(f"{ARCHIVE.name}: found {found}, expected {PIN['integrity']}; not used")
    return content


def axe_source() -> str:
    """Return the script of the pinned version; raise FileNotFoundError where it was not fetched."""
    with tarfile.open(fileobj=io.BytesIO(verified(ARCHIVE.read_bytes()))) as archive:
        script = archive.extractfile("package/axe.min.js")
        assert script is not None
        return script.read().decode()


def fetch() -> str:
    """Fetch the archive with npm unless it is there, check it, and return what to tell."""
    named = f"{PIN['name']}@{PIN['version']}"
    if ARCHIVE.exists():
        verified(ARCHIVE.read_bytes())
        return f"{named} is there"
    npm = shutil.which("npm")
    if npm is None:
        return "npm is absent: pages are not checked by axe-core"
    FOLDER.mkdir(exist_ok=True)
    run = subprocess.run(
        [npm, "pack", named, "--ignore-scripts", "--silent", "--pack-destination", str(FOLDER)],
        capture_output=True, text=True, check=False, cwd=FOLDER,
    )  # fmt: skip
    if run.returncode:
        return f"npm could not fetch {named}: pages are not checked by axe-core"
    try:
        verified(ARCHIVE.read_bytes())
    except ValueError as error:
        ARCHIVE.unlink()
        sys.exit(str(error))
    return f"{named} is there"


def axe_findings(page) -> list[str]:
    """Return what axe-core objects to, of any impact, with all that is folded opened."""
    page.evaluate("document.querySelectorAll('details').forEach((part) => (part.open = true))")
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{rule['impact']} {rule['id']}: {node['html'][:160]} {node['failureSummary'][:300]}"
        for rule in found["violations"]
        for node in rule["nodes"][:3]
    ]


if __name__ == "__main__":
    print(fetch())
