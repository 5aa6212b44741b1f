"""Tests of the choice of evaluation images and of matching classes by name."""

from pathlib import Path

import pytest

from engine import jobs
from engine.config.settings import RunConfig
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.data.dataset import scan
from engine.data.splits import split
from engine.ml.evaluation.evaluation_samples import choose_evaluation_samples
from engine.runs.run_folder import Run
from tests.images import write_classes


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("samples")
    data = split(scan(write_classes(folder / "data", {"blue": 6, "red": 6})), 0.5, 0)
    config = RunConfig().changed("data", image_size=16).changed("training", epochs=1, batch_size=8, device="cpu")
    return run_to_end(jobs.train(data, config, folder / "run"))


def test_the_folder_of_the_run_uses_the_validation_split_of_the_run(run: Run) -> None:
    dataset = run.dataset
    _, samples, warnings = choose_evaluation_samples(run.model_path, dataset.root)
    assert tuple(samples) == tuple(dataset.of_split("val"))
    assert warnings == []


def test_classes_of_another_folder_are_matched_by_name(run: Run, tmp_path: Path) -> None:
    root = write_classes(tmp_path / "other", {"a class before": 2, "red": 3})
    dataset, samples, warnings = choose_evaluation_samples(run.model_path, root)
    assert dataset.root == root
    assert [sample.label for sample in samples] == [1, 1, 1]
    assert ["a class before" in warning.message for warning in warnings] == [True]


def test_a_folder_without_a_class_of_the_model_raises_an_error(run: Run, tmp_path: Path) -> None:
    root = write_classes(tmp_path / "other", {"green": 2, "yellow": 2})
    with pytest.raises(EngineError, match=r"a class of the model \(blue, red\)"):
        choose_evaluation_samples(run.model_path, root)
