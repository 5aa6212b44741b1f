"""A tiny trained run that tests of the command line and of sorting share."""

import pytest

from engine import jobs
from engine.core.event_stream import run_to_end
from engine.data.dataset import scan
from engine.data.splits import split
from engine.runs.run_folder import Run
from tests.images import write_classes
from tests.scratch_config import scratch_config

CONFIG = (
    scratch_config()
    .changed("data", image_size=16)
    .changed("training", epochs=1, batch_size=8, device="cpu")
    .changed("optim", lr=5e-3)
)


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("tiny run")
    root = write_classes(folder / "data", {"red": 12, "blue": 12})
    return run_to_end(jobs.train(split(scan(root), 0.25, 0), CONFIG, folder / "run"))
