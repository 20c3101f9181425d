import pytest
from tests.e2e.workflow_run import working_copy


@pytest.fixture
def workdir(tmp_path):
    """The demo, not yet run."""
    return working_copy(tmp_path / "demo")
