"""Tests of the choice of evaluation images and of matching classes by name."""

import shutil
from pathlib import Path

import pytest
from PIL import Image

from engine import jobs
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.core.events import Event, Warned
from engine.data.dataset import scan
from engine.data.label_overrides import append_decision
from engine.data.splits import split
from engine.ml.evaluation.evaluation_samples import EvaluationSamples, choose_evaluation_samples
from engine.ml.models.learnt_digests import LEARNT_NAME
from engine.ml.models.model_file import load_model, save_model
from engine.runs.run_folder import Run
from tests.images import draw_image, write_classes
from tests.scratch_config import scratch_config


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("samples")
    data = split(scan(write_classes(folder / "data", {"blue": 6, "red": 6})), 0.5, 0)
    config = scratch_config().changed("data", image_size=16).changed("training", epochs=1, batch_size=8, device="cpu")
    return run_to_end(jobs.train(data, config, folder / "run"))


@pytest.fixture
def run(trained: Run, tmp_path: Path) -> Run:
    """Return a copy of the trained run that a test may change; its images are in `data` beside it."""
    shutil.copytree(trained.dataset.root, tmp_path / "data")
    return Run(Path(shutil.copytree(trained.path, tmp_path / "run")))


def _choose(model: Path, data: Path) -> tuple[EvaluationSamples, list[str]]:
    events: list[Event] = []
    chosen = run_to_end(choose_evaluation_samples(model, data), events.append)
    return chosen, [event.message for event in events if isinstance(event, Warned)]


def _paths(chosen: EvaluationSamples) -> list[str]:
    return [sample.path for sample in chosen.samples]


def _val(run: Run) -> list[str]:
    return [sample.path for sample in run.dataset.of_split("val")]


def test_the_folder_of_the_run_gives_the_validation_images_of_the_run(trained: Run) -> None:
    chosen, warnings = _choose(trained.model_path, trained.dataset.root)
    assert _paths(chosen) == _val(trained)
    assert warnings == ["6 of 12\N{NO-BREAK SPACE}images are left out: the model learnt from them."]


def test_training_images_are_left_out_of_a_copy_of_the_folder_by_a_copy_of_the_model_alone(
    run: Run, tmp_path: Path
) -> None:
    model = shutil.copy(run.model_path, tmp_path / "other.safetensors")
    chosen, _ = _choose(Path(model), tmp_path / "data")
    assert _paths(chosen) == _val(run)
    assert chosen.num_left_out == 6


def test_renamed_training_images_are_left_out(run: Run, tmp_path: Path) -> None:
    for number, path in enumerate(sorted((tmp_path / "data").rglob("*.png"))):
        path.rename(path.with_name(f"photo {number}.png"))
    assert _choose(run.model_path, tmp_path / "data")[0].num_left_out == 6


def test_resaved_training_images_are_left_out(run: Run, tmp_path: Path) -> None:
    for path in sorted((tmp_path / "data").rglob("*.png")):
        Image.open(path).save(path.with_suffix(".jpg"), quality=95)
        path.unlink()
    chosen, warnings = _choose(run.model_path, tmp_path / "data")
    assert chosen.num_left_out == 6
    assert "(6 as re-saved copies)" in warnings[0]


def test_new_images_in_the_folder_of_the_run_are_counted(run: Run, tmp_path: Path) -> None:
    draw_image((40, 60, 200), 999).save(tmp_path / "data" / "blue" / "new.png")
    assert _paths(_choose(run.model_path, tmp_path / "data")[0]) == sorted(["blue/new.png", *_val(run)])


def test_corrections_in_the_folder_of_the_run_are_followed(run: Run, tmp_path: Path) -> None:
    blue, red = (next(path for path in _val(run) if path.startswith(name)) for name in ("blue", "red"))
    append_decision(tmp_path / "data", blue, "relabel", "red")
    append_decision(tmp_path / "data", red, "exclude")
    chosen, warnings = _choose(run.model_path, tmp_path / "data")
    assert {sample.path: sample.label for sample in chosen.samples}[blue] == 1
    assert red not in _paths(chosen)
    assert any(
        "1\N{NO-BREAK SPACE}image excluded and 1\N{NO-BREAK SPACE}image relabelled" in message for message in warnings
    )


def test_a_folder_of_training_images_alone_raises_an_error(run: Run, tmp_path: Path) -> None:
    for path in _val(run):
        (tmp_path / "data" / path).unlink()
    with pytest.raises(EngineError, match="learnt from all 6\N{NO-BREAK SPACE}images here"):
        _choose(run.model_path, tmp_path / "data")


def test_a_model_of_an_older_version_uses_the_split_of_its_run(run: Run, tmp_path: Path) -> None:
    _forget(run.model_path)
    chosen, _ = _choose(run.model_path, tmp_path / "data")
    assert _paths(chosen) == _val(run)


def test_an_older_run_whose_images_moved_knows_them_by_path(run: Run, tmp_path: Path) -> None:
    _forget(run.model_path)
    stored = run.split_path.read_text("utf-8").replace(str(run.dataset.root), "/nowhere")
    run.split_path.write_text(stored, "utf-8")
    chosen, warnings = _choose(run.model_path, tmp_path / "data")
    assert _paths(chosen) == _val(run)
    assert any("older version" in message for message in warnings)


def test_an_older_model_alone_says_that_training_images_may_be_counted(run: Run, tmp_path: Path) -> None:
    _forget(run.model_path)
    model = Path(shutil.copy(run.model_path, tmp_path / "alone.safetensors"))
    chosen, warnings = _choose(model, tmp_path / "data")
    assert len(chosen.samples) == 12
    assert any("may be counted" in message for message in warnings)


def _forget(model_path: Path) -> None:
    """Remove the digests from a model file, as older versions wrote it."""
    assert LEARNT_NAME.encode() in model_path.read_bytes()
    save_model(model_path, *load_model(model_path))


def test_classes_of_another_folder_are_matched_by_name(run: Run, tmp_path: Path) -> None:
    root = write_classes(tmp_path / "other", {"a class before": 2, "red": 3}, seed=1)
    chosen, warnings = _choose(run.model_path, root)
    assert chosen.root == root
    assert [sample.label for sample in chosen.samples] == [1, 1, 1]
    assert warnings == ["Class 'a class before' is left out (2\N{NO-BREAK SPACE}images): the model does not have it."]


def test_many_classes_that_the_model_does_not_have_are_named_in_one_sentence(run: Run, tmp_path: Path) -> None:
    root = write_classes(tmp_path / "other", {**{f"class {n:02}": 1 for n in range(30)}, "red": 1}, seed=1)
    assert _choose(run.model_path, root)[1] == [
        "Classes 'class 00', 'class 01', 'class 02', 'class 03', 'class 04' and 25 more are left out "
        "(30\N{NO-BREAK SPACE}images): the model does not have them."
    ]


def test_classes_of_val_that_train_lacks_are_counted_or_named(run: Run, tmp_path: Path) -> None:
    write_classes(tmp_path / "other" / "train", {"red": 3}, seed=1)
    write_classes(tmp_path / "other" / "val", {"blue": 2, "green": 4, "red": 1}, seed=2)
    chosen, warnings = _choose(run.model_path, tmp_path / "other")
    assert [sample.label for sample in chosen.samples] == [0, 0, 1]
    assert warnings == ["Class 'green' is left out (4\N{NO-BREAK SPACE}images): the model does not have it."]


def test_test_images_are_not_counted_and_that_is_said(run: Run, tmp_path: Path) -> None:
    write_classes(tmp_path / "other" / "train", {"blue": 2, "red": 3}, seed=1)
    write_classes(tmp_path / "other" / "test", {"blue": 2, "red": 1}, seed=2)
    chosen, warnings = _choose(run.model_path, tmp_path / "other")
    assert len(chosen.samples) == 5
    assert ["3\N{NO-BREAK SPACE}images in test/" in message for message in warnings] == [True]


def test_a_folder_without_a_class_of_the_model_raises_an_error(run: Run, tmp_path: Path) -> None:
    root = write_classes(tmp_path / "other", {"green": 2, "yellow": 2})
    with pytest.raises(EngineError, match=r"a class of the model \(blue and red\)"):
        _choose(run.model_path, root)
