"""`python -m benchmarks.trust`: what audit, review, learning curve, heat map, robustness and report cost."""

import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import tyro

from benchmarks.__main__ import say
from benchmarks.calibration import FLOWERS, open_or_train
from engine import jobs
from engine.core.event_stream import run_to_end
from engine.data.dataset import scan
from engine.runs.run_folder import Run

PER_CLASS = 400


def main(shared: Path = Path("../shared")) -> None:
    """Measure each on 2,000 flowers of 128 pixels.

    Args:
        shared: Folder with data/flowers_small and weights/mobilenet_v2.pth.
    """
    data, weights = shared.resolve() / "data" / "flowers_small", shared.resolve() / "weights" / "mobilenet_v2.pth"
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "flowers"
        for name in FLOWERS:
            (folder / name).mkdir(parents=True)
            for path in sorted((data / name).iterdir())[:PER_CLASS]:
                (folder / name / path.name).symlink_to(path)
        dataset = scan(folder)
        say(f"{len(dataset.samples)} images")
        audit = timed("audit, the first time", jobs.check(dataset))
        timed("audit, again", jobs.check(dataset))
        run: Run = open_or_train(folder, Path(temporary) / "run", weights, 128)
        run_to_end(jobs.review(dataset, run.model_path, audit))  # so that all embeddings are kept
        timed("doubted labels", jobs.review(dataset, run.model_path, audit))
        timed("new score after corrections", jobs.evaluate_corrections(dataset, run.model_path, audit))
        timed("learning curve", jobs.learning_curve(run.path))
        image = folder / dataset.samples[0].path
        run_to_end(jobs.explain(run.model_path, image))  # so that the model is open
        timed("heat map and nearest images of one image", jobs.explain(run.model_path, image))
        timed("robustness card, 100 images in 21 forms", jobs.robustness(run))
        timed("report, with curve and card there", jobs.report(run, Path(temporary) / "report.html"))


def timed(name: str, work: Generator[Any, None, Any]) -> Any:
    """Finish work, say how many seconds it took and return its result."""
    began = time.perf_counter()
    result = run_to_end(work)
    say(f"{name}: {time.perf_counter() - began:.1f} s")
    return result


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
