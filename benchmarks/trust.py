"""Running time of audit, review, learning curve, heat map, robustness and report: `python -m benchmarks.trust`."""

import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import TypeVar

import tyro

from benchmarks.calibration import FLOWERS, open_or_train
from benchmarks.output import print_header, print_row
from engine import jobs
from engine.core.event_stream import run_to_end
from engine.core.events import Event
from engine.data.dataset import scan

PER_CLASS = 400

Result = TypeVar("Result")


def main(shared: Path = Path("../shared")) -> None:
    """Measure each job on 2,000 flowers of 128 pixels.

    Args:
        shared: Folder with data/flowers_small and weights/mobilenet_v2.pth.
    """
    data, weights = shared.resolve() / "data" / "flowers_small", shared.resolve() / "weights" / "mobilenet_v2.pth"
    print_header("what", "seconds")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "flowers"
        for name in FLOWERS:
            (folder / name).mkdir(parents=True)
            for path in sorted((data / name).iterdir())[:PER_CLASS]:
                (folder / name / path.name).symlink_to(path)
        dataset = scan(folder)
        audit = timed("audit, first time", jobs.check(dataset))
        timed("audit, again", jobs.check(dataset))
        run = open_or_train(folder, Path(temporary) / "run", weights, 128)
        run_to_end(jobs.review(dataset, run.model_path, audit))  # fills the cache of embeddings
        timed("label errors, embeddings cached", jobs.review(dataset, run.model_path, audit))
        corrected = jobs.evaluate_corrections(dataset, run.model_path, audit)
        timed("accuracy with corrections, embeddings cached", corrected)
        timed("learning curve, embeddings cached", jobs.learning_curve(run.path))
        image = folder / dataset.samples[0].path
        run_to_end(jobs.explain(run.model_path, image))  # loads the model
        timed("heat map and nearest images of one image, model loaded", jobs.explain(run.model_path, image))
        timed("robustness report, 100 images with 21 corruptions", jobs.robustness(run))
        report = jobs.report(run, Path(temporary) / "report.html")
        timed("report, learning curve and robustness present", report)


def timed(name: str, job: Generator[Event, None, Result]) -> Result:
    """Run a job to its end, print its time in seconds and return its result."""
    start = time.perf_counter()
    result = run_to_end(job)
    seconds = time.perf_counter() - start
    print_row(name, f"{seconds:.1f}" if seconds >= 0.1 else "under 0.1")
    return result


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
