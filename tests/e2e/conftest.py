import fcntl

import pytest
from tests.e2e.workflow_run import snakemake, working_copy


@pytest.fixture(scope="session")
def finished(tmp_path_factory, worker_id):
    """The demo after a complete run; test processes that run side by side share one."""
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


@pytest.fixture
def workdir(tmp_path):
    """The demo, not yet run."""
    return working_copy(tmp_path / "demo")
