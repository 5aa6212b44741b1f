"""No reported figure is above what is true: labels are random, so every accuracy is 50 % within its interval.

A small network learns its training images by heart. A figure that counts one of them is too high.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from engine import jobs
from engine.audit.findings import Audit
from engine.core.event_stream import run_to_end
from engine.data.dataset import scan
from engine.ml.evaluation.evaluate import evaluate_test
from engine.results.comparison import compare
from engine.results.evaluation import Evaluation, read_evaluation
from engine.results.statistics import wilson_interval
from engine.runs.image_folder import move_images
from engine.runs.run_folder import Run
from tests.arrangements import (
    ARRANGEMENTS,
    CLASSES,
    CONFIG,
    NUM_IMAGES,
    Setting,
    add_new_images,
    correct_labels,
    draw,
    exclude_images,
    move_data,
    repeat_images,
    resave_as_png,
    train,
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    setting = Setting(tmp_path_factory.mktemp("honest"))
    draw(setting.data, range(NUM_IMAGES))
    train(setting.data, setting.run.path)
    return setting


@pytest.fixture
def setting(trained: Setting, tmp_path: Path) -> Setting:
    """A copy of the trained setting that a test may change."""
    copied = Setting(Path(shutil.copytree(trained.folder, tmp_path / "setting")))
    move_images(copied.run, copied.data)
    return copied


def _check(evaluation: Evaluation, least: int = 1) -> None:
    """Fail if an accuracy is above one half with its interval, or if too few images are left to say anything."""
    assert len(evaluation.images) >= least
    assert evaluation.interval[0] <= 0.5


def _evaluate(model: Path, data: Path) -> Evaluation:
    return run_to_end(jobs.evaluate(model, data))


def test_the_network_has_learnt_its_training_images_by_heart(setting: Setting) -> None:
    """Otherwise the other tests could not fail."""
    train = {sample.path: sample.label for sample in setting.run.dataset.of_split("train")}
    predictions: list[object] = []
    run_to_end(jobs.predict(setting.model, [setting.data / path for path in train]), predictions.append)
    named = {p.path: p.label for p in predictions if hasattr(p, "label")}  # type: ignore[attr-defined]
    num_right = sum(named[str(setting.data / path)] == CLASSES[label] for path, label in train.items())
    assert wilson_interval(num_right, len(train))[0] > 0.7


def test_training_and_window(setting: Setting) -> None:
    _check(read_evaluation(setting.run.results_path), least=15)
    assert setting.run.history.interval[0] <= 0.5


def test_evaluation_in_place(setting: Setting) -> None:
    stored = read_evaluation(setting.run.results_path)
    evaluation = _evaluate(setting.model, setting.data)
    assert {image.path for image in evaluation.images} == {image.path for image in stored.images}
    assert evaluation.accuracy == stored.accuracy


@pytest.mark.parametrize("arrange", ARRANGEMENTS, ids=lambda arrange: arrange.__name__)
def test_evaluation_after(arrange: Callable[[Setting], None], setting: Setting, symlinks: None) -> None:
    arrange(setting)
    _check(_evaluate(setting.model, setting.data), least=5)


@pytest.mark.parametrize(
    "arrange",
    [add_new_images, *(pytest.param(each, marks=pytest.mark.slow) for each in (correct_labels, exclude_images))],
    ids=lambda arrange: arrange.__name__,
)
def test_measurements_of_a_run_after(arrange: Callable[[Setting], None], setting: Setting) -> None:
    """Robustness, learning curve and accuracy of label corrections."""
    arrange(setting)
    robustness = run_to_end(jobs.robustness(setting.run))
    num_correct = round(robustness.accuracy * robustness.num_images)
    assert wilson_interval(num_correct, robustness.num_images)[0] <= 0.5
    curve = run_to_end(jobs.learning_curve(setting.run.path))
    assert all(point.low <= 0.5 for point in curve.points)
    gain = run_to_end(jobs.evaluate_corrections(scan(setting.data), setting.model, Audit()))
    for accuracy, number in (
        (gain.accuracy_given, gain.num_given),
        (gain.before, gain.num_images),
        (gain.after, gain.num_images),
    ):
        assert wilson_interval(round(accuracy * number), number)[0] <= 0.5


@pytest.mark.slow
def test_the_report_of_a_moved_run(setting: Setting) -> None:
    add_new_images(setting)
    page = run_to_end(jobs.report(setting.run, setting.folder / "report.html")).read_text("utf-8")
    evaluation = _evaluate(setting.model, setting.data)
    assert f"of {len(evaluation.images)}\N{NO-BREAK SPACE}validation images are classified correctly" in page


def test_retraining_with_another_seed(setting: Setting) -> None:
    again = setting.retrain("again", seed=1)
    _check(read_evaluation(again.results_path), least=15)
    assert _paths(again, "val") == _paths(setting.run, "val")


def test_retraining_on_a_grown_folder(setting: Setting) -> None:
    add_new_images(setting)
    again = setting.retrain("again")
    _check(read_evaluation(again.results_path), least=15)
    assert not _paths(again, "val") & _paths(setting.run, "train")


def test_retraining_twice_and_comparing(setting: Setting) -> None:
    first, again = setting.run, setting.retrain("again", seed=1)
    setting.run = again
    third = setting.retrain("third", seed=2, val_fraction=0.2)
    for data in (setting.data, Path(shutil.copytree(setting.data, setting.folder / "copy"))):
        _check(_evaluate(third.model_path, data), least=5)
    comparison = compare(read_evaluation(first.results_path), read_evaluation(third.results_path))
    assert comparison.num_images > 0
    assert not comparison.is_significant


@pytest.mark.slow
def test_retraining_on_moved_and_resaved_images(setting: Setting) -> None:
    resave_as_png(setting)
    move_data(setting)
    _check(read_evaluation(setting.retrain("again", seed=1).results_path), least=15)


def _make_leaky_splits(root: Path, split: str, numbers: range, copies: range) -> None:
    """Make train/ of `numbers` and another split of new images and of re-saved and exact copies of training images."""
    draw(root / "train", numbers)
    draw(root / split, range(5000, 5030))
    files = sorted((root / "train").rglob("*.jpg"))
    for number in copies:
        path = files[number]
        copy = root / split / path.parent.name / f"copy {path.name}"
        if number % 2:
            shutil.copy(path, copy)
        else:
            Image.open(path).save(copy.with_suffix(".png"))


def test_training_with_copies_in_its_own_val(tmp_path: Path) -> None:
    _make_leaky_splits(tmp_path / "data", "val", range(2000, 2040), range(24))
    run = train(tmp_path / "data", tmp_path / "run")
    evaluation = read_evaluation(run.results_path)
    _check(evaluation)
    assert len(evaluation.images) == 30
    _check(_evaluate(run.model_path, tmp_path / "data"))


def test_the_test_of_a_run_with_copies_in_test(tmp_path: Path) -> None:
    _make_leaky_splits(tmp_path / "data", "test", range(2000, 2050), range(24))
    run = train(tmp_path / "data", tmp_path / "run")
    evaluation = run_to_end(evaluate_test(run))
    _check(evaluation)
    assert len(evaluation.images) == 30


def test_copies_within_a_folder_whose_duplicates_are_not_grouped(tmp_path: Path) -> None:
    draw(tmp_path / "data", range(3000, 3040))
    setting = Setting(tmp_path)
    repeat_images(setting)
    config = CONFIG.changed("data", group_duplicates=False, val_fraction=0.5).changed("training", epochs=1)
    run = train(setting.data, tmp_path / "run", config)
    learnt, val = ({path.removeprefix("again ") for path in _names(run, split)} for split in ("train", "val"))
    assert val
    assert not learnt & val


def _names(run: Run, split: str) -> set[str]:
    return {path.rpartition("/")[2] for path in _paths(run, split)}


def _paths(run: Run, split: str) -> set[str]:
    document = json.loads(run.split_path.read_text("utf-8"))
    return {file["path"] for file in document["files"] if file["split"] == split}
