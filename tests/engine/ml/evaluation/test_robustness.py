"""Tests of accuracy on corrupted images."""

from pathlib import Path

import pytest

from engine import jobs
from engine.core.event_stream import run_to_end
from engine.core.events import Progress
from engine.data.dataset import scan
from engine.data.splits import split
from engine.ml.evaluation.corruptions import CORRUPTIONS
from engine.results.headline import evaluation_headline
from engine.results.robustness import read_robustness
from engine.runs.run_folder import Run
from tests.images import write_classes
from tests.scratch_config import scratch_config


def test_the_report_holds_accuracy_and_first_error_of_each_corruption(tmp_path: Path) -> None:
    data = split(scan(write_classes(tmp_path / "data", {"red": 12, "blue": 12})), 0.5, 0)
    config = scratch_config().changed("data", image_size=16).changed("optim", lr=5e-3)
    config = config.changed("training", epochs=4, batch_size=8, device="cpu", precision="float32")
    run = run_to_end(jobs.train(data, config, tmp_path / "run"))
    events: list[object] = []
    report = run_to_end(jobs.robustness(run), events.append)
    assert read_robustness(Run(run.path).robustness_path) == report
    assert isinstance(events[-1], Progress)
    assert events[-1].done == events[-1].total == report.num_images * (1 + len(CORRUPTIONS))
    evaluation = run_to_end(jobs.evaluate(run.model_path, data.root))
    assert report.num_images == len(evaluation.images)
    assert list(report.caveats) == evaluation_headline(evaluation).caveats()
    assert "too few to judge the model" in report.caveats[0]
    assert report.accuracy == pytest.approx(evaluation.accuracy)
    right = {image.path for image in evaluation.images if not image.is_wrong}
    assert [(trial.kind, trial.level) for trial in report.trials] == [(c.kind, c.level) for c in CORRUPTIONS]
    for kind in report.kinds:
        broken = [trial.broken for trial in report.of_kind(kind) if trial.broken]
        assert all(one.path in right and one.predicted != one.label for one in broken)
        assert len({one.path for one in broken}) == len(broken)
    lost = [trial for trial in report.trials if trial.accuracy < report.accuracy]
    assert all(report.first_failure(trial.kind) is not None for trial in lost)
