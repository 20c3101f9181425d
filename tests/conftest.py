import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import settings

# As in the workflow: threads of several test processes must not fight over the cores. Set before
# any test imports numpy.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

# Heavy libraries are imported inside functions, so the first example is slow: no deadline.
settings.register_profile("pipeline", deadline=None, derandomize=True)
settings.load_profile("pipeline")

ROOT = Path(__file__).parents[1]
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # every address but files resolves to nothing
    "--host-resolver-rules=MAP * ~NOTFOUND",
]

# Files that run whole workflows come first, so that no process is left with one of them at the end.
LONGEST_FIRST = ("e2e", "cluster", "faults", "real", "dag", "accuracy")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the folders with the longest tests first; the order within a file stays."""
    rank = {folder: place for place, folder in enumerate(LONGEST_FIRST)}
    tests = ROOT / "tests"
    items.sort(key=lambda item: rank.get(item.path.relative_to(tests).parts[0], len(rank)))


def skip_or_fail(reason: str) -> None:
    """Skip on a laptop; fail where everything must be present (CI=true)."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}; with CI=true this is a failure")
    pytest.skip(reason)


def own_namespace(*kinds: str) -> list[str]:
    """The beginning of a command that has its own mounts or processes, as only root may have."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("only root has mounts and processes of its own (unshare, Linux)")
    command = ["unshare", *kinds]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode != 0:
        skip_or_fail("root may not have mounts or processes of its own here")
    return command


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public files with known figures that lies beside the repository."""
    folder = ROOT.parent / "shared/data"
    if not folder.is_dir():
        skip_or_fail("../shared/data is absent: tests on public files are not run")
    return folder


@pytest.fixture(scope="session")
def finished(tmp_path_factory, worker_id):
    """The demo after a complete run; test processes that run side by side share one."""
    from tests.e2e.workflow_run import snakemake, working_copy

    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    workdir, done = shared / "finished/demo", shared / "finished.done"
    with open(shared / "finished.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            status, said = snakemake(working_copy(workdir))
            assert status == 0, said
            done.touch()
    return workdir


@pytest.fixture(scope="session")
def browser():
    """One headless Chromium, without any network, for all tests of a process."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        skip_or_fail("Chromium is absent: pages are not opened")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture
def axe_tab(browser):
    """A page in which axe-core runs although the page itself forbids scripts."""
    from tests.browser.axe_core import axe_source

    try:
        source = axe_source()
    except FileNotFoundError:
        skip_or_fail("axe-core is absent (make test fetches it with npm): pages are not checked")
    context = browser.new_context(bypass_csp=True, viewport={"width": 1280, "height": 1000})
    context.add_init_script(source)
    yield context.new_page()
    context.close()
