"""Tests of changing images and of measuring on them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from engine import jobs
from engine.config.settings import RunConfig
from engine.core.event_stream import run_to_end
from engine.core.events import Progress
from engine.data.dataset import Sample, scan
from engine.data.splits import split
from engine.ml.evaluation.robustness import CORRUPTIONS, corrupt_images, stratified
from engine.results.robustness import read_robustness
from engine.runs.run_folder import Run
from tests.pictures import write_classes


def _smooth(num: int = 2, side: int = 32) -> torch.Tensor:
    ramp = torch.linspace(30, 200, side)
    picture = ramp[None, :] * 0.5 + ramp[:, None] * 0.5
    return picture.expand(num, 3, side, side).round().to(torch.uint8)


@pytest.mark.parametrize("change", CORRUPTIONS, ids=str)
def test_every_change_keeps_the_form_and_changes_the_picture_always_alike(change) -> None:
    torch.manual_seed(0)
    images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    before = images.clone()
    changed = corrupt_images(images, change)
    assert changed.shape == images.shape
    assert changed.dtype == torch.uint8
    assert not torch.equal(changed, images)
    assert torch.equal(images, before)
    assert torch.equal(corrupt_images(images, change), changed)


def test_stronger_changes_change_more() -> None:
    # A quarter turn of this picture is its mirror image, nearer to it than 30 degrees with grey corners
    images = _smooth()
    for kind in ("noise", "darker", "brighter", "jpeg"):
        far = [
            float((corrupt_images(images, change).float() - images.float()).abs().mean())
            for change in CORRUPTIONS
            if change.kind == kind
        ]
        assert far == sorted(far)
        assert far[0] < far[-1]


def test_a_sample_holds_each_class_alike_and_spreads_over_its_images() -> None:
    samples = [
        Sample(f"{label}/{number:03}", label) for label, num in ((0, 200), (1, 40), (2, 4)) for number in range(num)
    ]
    chosen = stratified(samples, 24)
    assert [sum(sample.label == label for sample in chosen) for label in range(3)] == [10, 10, 4]
    places = [int(sample.path[-3:]) for sample in chosen if sample.label == 0]
    assert places == sorted(places)
    assert max(np.diff([0, *places, 200])) <= 64
    assert stratified(samples[:5], 24) == samples[:5]


def test_a_card_tells_accuracy_under_each_change_and_what_breaks(tmp_path: Path) -> None:
    data = split(scan(write_classes(tmp_path / "data", {"red": 12, "blue": 12})), 0.5, 0)
    config = RunConfig().changed("data", image_size=16).changed("optim", lr=5e-3)
    config = config.changed("training", epochs=4, batch_size=8, device="cpu", precision="float32")
    run = run_to_end(jobs.train(data, config, tmp_path / "run"))
    events: list[object] = []
    card = run_to_end(jobs.robustness(run), events.append)
    assert read_robustness(Run(run.path).robustness_path) == card
    assert isinstance(events[-1], Progress)
    assert events[-1].done == events[-1].total == card.num_images * (1 + len(CORRUPTIONS))
    evaluation = run_to_end(jobs.evaluate(run.model_path, data.root))
    assert card.num_images == len(evaluation.images)
    assert card.accuracy == pytest.approx(evaluation.accuracy)
    right = {image.path for image in evaluation.images if not image.is_wrong}
    assert [(trial.kind, trial.level) for trial in card.trials] == [(c.kind, c.level) for c in CORRUPTIONS]
    for kind in card.kinds:
        broken = [trial.broken for trial in card.of_kind(kind) if trial.broken]
        assert all(one.path in right and one.predicted != one.label for one in broken)
        assert len({one.path for one in broken}) == len(broken)
    lost = [trial for trial in card.trials if trial.accuracy < card.accuracy]
    assert all(card.first_failure(trial.kind) is not None for trial in lost)
