"""A tiny trained run and its exported files, which the tests of exports share."""

from pathlib import Path

import pytest

from engine import jobs
from engine.core.event_stream import run_to_end
from engine.data.dataset import scan
from engine.data.splits import split
from engine.runs.run_folder import Run
from tests.engine.ml.export.exporting import CONFIG, ONNX, PT2, export_to
from tests.images import write_classes


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("export")
    root = write_classes(folder / "data", {"red": 20, "green": 20, "blue's \"\n1": 20})
    return run_to_end(jobs.train(split(scan(root), 0.4, 0), CONFIG, folder / "run"))


@pytest.fixture(scope="session")
def exported(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the model as a.onnx and a.pt2."""
    folder = tmp_path_factory.mktemp("exported")
    for options in (ONNX, PT2):
        export_to(run, folder / f"a.{options.format}", options)
    return folder
