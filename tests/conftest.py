import os
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


def skip_or_fail(reason: str) -> None:
    """Skip on a laptop; fail where everything must be present (CI=true)."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}; with CI=true this is a failure")
    pytest.skip(reason)


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
