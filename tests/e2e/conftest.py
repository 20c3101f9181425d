import pytest
from tests.e2e.workflow_run import snakemake, working_copy


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The demo after a complete run."""
    workdir = working_copy(tmp_path_factory.mktemp("finished") / "demo")
    status, said = snakemake(workdir)
    assert status == 0, said
    return workdir


@pytest.fixture
def workdir(tmp_path):
    """The demo, not yet run."""
    return working_copy(tmp_path / "demo")
