"""Tests of the training loop, on tiny images and with the real engine."""

import json
from collections.abc import Generator
from pathlib import Path

import pytest
import torch

from engine import jobs
from engine.config.schedule import rate_multiplier
from engine.config.settings import RunConfig
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.core.events import DatasetSplit, EpochDone, Event, Progress, RunDone, RunStarted, Warned
from engine.data.dataset import Dataset, scan
from engine.data.splits import split
from engine.ml.evaluation.run_inference import Predictions
from engine.ml.models.model_file import load_model
from engine.ml.report.history_plot import draw_history
from engine.ml.training.loop import fit
from engine.ml.training.phases import Phase
from engine.ml.training.state import TrainState
from engine.results.evaluation import read_evaluation
from engine.results.model_metadata import read_metadata
from engine.runs.run_folder import Run, create_run
from tests.engine.ml.training.training_runs import TINY, epochs_of, fit_run, make_dataset
from tests.images import truncate_file, write_classes

Weights = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return make_dataset(tmp_path_factory.mktemp("images") / "data")


@pytest.fixture(scope="module")
def finished(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, list[Event]]:
    """Train two epochs with event log and plot, once for the tests that only look at the result."""
    events: list[Event] = []
    path = tmp_path_factory.mktemp("finished") / "run"
    return run_to_end(jobs.train(dataset, TINY, path), events.append), events


def _without_time(epochs: list[EpochDone]) -> list[EpochDone]:
    return [epoch.model_copy(update={"seconds": 0.0}) for epoch in epochs]


def test_events_come_in_order_and_the_run_folder_is_complete(finished: tuple[Run, list[Event]]) -> None:
    run, events = finished
    logged = [event for event in events if not isinstance(event, Progress)]
    kinds = [type(event) for event in logged if not isinstance(event, Warned)]
    assert kinds == [DatasetSplit, RunStarted, EpochDone, EpochDone, RunDone]
    assert list(run.events()) == logged[1:]
    assert {path.name for path in run.path.iterdir()} == {
        ".lock",
        "config.json",
        "split.json",
        "events.jsonl",
        "model.safetensors",
        "reference.json",
        "results.json",
        "history.png",
        "log.txt",
    }
    started = next(event for event in logged if isinstance(event, RunStarted))
    assert (started.classes, started.num_train, started.num_val) == (("blue", "green", "red"), 27, 9)


def test_three_colours_are_told_apart_after_two_epochs(finished: tuple[Run, list[Event]]) -> None:
    assert max(epoch.val.accuracy for epoch in epochs_of(finished[1])) >= 0.85


def test_an_epoch_reports_the_learning_rate_of_the_head_at_its_last_step(finished: tuple[Run, list[Event]]) -> None:
    steps_per_epoch, warmup = 4, 2  # 27 images in batches of up to 8, and a warm-up of half an epoch
    expected = [5e-3 * rate_multiplier(step, 2 * steps_per_epoch, warmup) for step in (3, 7)]
    rates = [epoch.lr for epoch in epochs_of(finished[1])]
    assert rates == pytest.approx(expected)
    assert rates[1] < rates[0] / 2


def test_losses_equal_those_of_a_recorded_run(finished: tuple[Run, list[Event]]) -> None:
    """A refactoring must not change these numbers; a change that is meant to do so records new ones."""
    recorded = json.loads((Path(__file__).parent / "recorded_run.json").read_text("utf-8"))
    losses = [[epoch.train.loss, epoch.val.loss, epoch.val.accuracy] for epoch in epochs_of(finished[1])]
    # Other CPUs add up in another order, so only the first digits are compared
    for row, expected in zip(losses, recorded):
        assert row == pytest.approx(expected, rel=2e-2)
    assert len(losses) == len(recorded)


def test_the_same_seed_gives_bit_identical_losses(dataset: Dataset, tmp_path: Path) -> None:
    config = TINY.changed("augment", mixup_alpha=0.4, cutmix_alpha=1.0, random_erasing=0.5)
    runs = [epochs_of(fit_run(dataset, config, tmp_path / name)[1]) for name in ("one", "two")]
    assert _without_time(runs[0]) == _without_time(runs[1])
    other_seed = config.changed("training", seed=1, epochs=1)
    assert epochs_of(fit_run(dataset, other_seed, tmp_path / "three")[1])[0].train.loss != runs[0][0].train.loss


def test_the_best_epoch_is_saved_with_its_results(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    num_correct, weights = [3, 8, 5], []
    samples = dataset.of_split("val")

    def validate(state: TrainState, _: Phase) -> Generator[Event, None, Predictions]:
        yield from ()
        weights.append(state.setup.model.head.weight.detach().clone())
        labels = [s.label if i < num_correct[state.epoch] else (s.label + 1) % 3 for i, s in enumerate(samples)]
        return Predictions(samples, 5 * torch.eye(3)[labels])

    monkeypatch.setattr("engine.ml.training.run_phase.validate", validate)
    run, events = fit_run(dataset, TINY.changed("training", epochs=3), tmp_path / "run")
    assert [epoch.best for epoch in epochs_of(events)] == [True, True, False]
    metadata, results = read_metadata(run.model_path), read_evaluation(run.results_path)
    assert metadata.best is not None
    assert (metadata.best.epoch, metadata.best.accuracy) == (2, pytest.approx(8 / 9))
    assert results.accuracy == metadata.best.accuracy
    assert sum(map(sum, results.confusion)) == 9
    assert torch.equal(load_model(run.model_path)[0].head.weight, weights[1])


def _weights_before_and_after(dataset: Dataset, config: RunConfig, path: Path) -> tuple[Weights, Weights]:
    """Return the weights in the model file at the start of the run and at its end."""
    run = create_run(path, config, dataset)
    work = fit(config, dataset, run)
    while not isinstance(next(work), RunStarted):
        pass
    before = load_model(run.model_path)[0].state_dict()
    run_to_end(work)
    return before, load_model(run.model_path)[0].state_dict()


@pytest.mark.parametrize("backbone", ["se_resnet", "mobilenet_v3_small"])
def test_head_mode_changes_only_the_head(dataset: Dataset, tmp_path: Path, backbone: str) -> None:
    config = TINY.changed("training", mode="head", epochs=1).changed("data", image_size=32)
    config = config.changed("model", backbone=backbone)
    before, after = _weights_before_and_after(dataset, config, tmp_path / "run")
    assert {name for name in before if not torch.equal(before[name], after[name])} == {"head.weight", "head.bias"}


def test_quick_mode_changes_only_the_last_block_and_the_head(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # These colours are so easy that the head alone would be the best model
    monkeypatch.setattr("engine.ml.training.loop.fit_head", lambda *_: iter(()))
    before, after = _weights_before_and_after(dataset, TINY.changed("training", mode="quick"), tmp_path / "run")
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {name.split(".")[0] for name in changed} == {"backbone", "head"}
    assert all(name.startswith(("backbone.stages.3.", "head.")) for name in changed)
    assert not any("running" in name for name in changed)


def test_full_mode_changes_every_layer(dataset: Dataset, tmp_path: Path) -> None:
    before, after = _weights_before_and_after(dataset, TINY.changed("training", epochs=1), tmp_path / "run")
    assert all(not torch.equal(before[name], after[name]) for name in before)


@pytest.fixture(scope="module")
def reference_losses(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[float, float]]:
    """Return training and validation loss of the first epoch of a run for each optimizer, with the other defaults."""
    folder = tmp_path_factory.mktemp("reference")
    return {name: _losses(dataset, _one_epoch(name), folder / name)[1] for name in ("adamw", "sgd")}


def _one_epoch(optimizer: str) -> RunConfig:
    return TINY.changed("training", epochs=1).changed("optim", name=optimizer)


def _losses(dataset: Dataset, config: RunConfig, path: Path) -> tuple[Run, tuple[float, float]]:
    run, events = fit_run(dataset, config, path)
    (epoch,) = epochs_of(events)
    return run, (epoch.train.loss, epoch.val.loss)


@pytest.mark.parametrize(
    ("optimizer", "section", "values"),
    [
        ("adamw", "training", {"ema_decay": 0.9}),
        ("adamw", "training", {"label_smoothing": 0.0}),
        ("adamw", "training", {"precision": "bfloat16"}),
        ("adamw", "optim", {"name": "adam"}),
        ("adamw", "optim", {"weight_decay": 1.0}),
        ("sgd", "optim", {"momentum": 0.0}),
        ("sgd", "optim", {"clip_norm": 0.01}),
        ("adamw", "schedule", {"warmup_epochs": 0}),
        ("adamw", "schedule", {"warmup_epochs": 9}),
        ("adamw", "data", {"geometry": "pad"}),
        ("adamw", "data", {"geometry": "squash"}),
    ],
)
def test_each_option_changes_the_training_and_the_saved_model_reproduces_the_reported_loss(
    dataset: Dataset,
    tmp_path: Path,
    reference_losses: dict[str, tuple[float, float]],
    optimizer: str,
    section: str,
    values: dict[str, object],
) -> None:
    run, losses = _losses(dataset, _one_epoch(optimizer).changed(section, **values), tmp_path / "run")
    assert losses != pytest.approx(reference_losses[optimizer], rel=1e-5)
    evaluation = run_to_end(jobs.evaluate(run.model_path, dataset.root))
    # A CPU without bfloat16 arithmetic validates in bfloat16 but evaluates in float32
    assert evaluation.loss == pytest.approx(losses[1], rel=5e-2 if "precision" in values else 1e-4)


def test_the_model_of_quick_mode_reproduces_the_reported_loss(dataset: Dataset, tmp_path: Path) -> None:
    run, events = fit_run(dataset, TINY.changed("training", mode="quick", epochs=3), tmp_path / "run")
    best = max(epochs_of(events), key=lambda epoch: (epoch.val.accuracy, -epoch.val.loss))
    evaluation = run_to_end(jobs.evaluate(run.model_path, dataset.root))
    assert (evaluation.accuracy, evaluation.loss) == pytest.approx((best.val.accuracy, best.val.loss), rel=1e-4)


def test_with_mixup_the_clean_accuracy_is_measured_separately(
    dataset: Dataset, tmp_path: Path, finished: tuple[Run, list[Event]]
) -> None:
    assert all(epoch.train.plain_accuracy == epoch.train.accuracy for epoch in epochs_of(finished[1]))
    mixed = epochs_of(fit_run(dataset, TINY.changed("augment", mixup_alpha=1.0), tmp_path / "mixed")[1])
    assert any(epoch.train.plain_accuracy != epoch.train.accuracy for epoch in mixed)
    # Weighted by the target of the predicted class, so it is no multiple of 1/27
    assert mixed[0].train.accuracy * 27 != pytest.approx(round(mixed[0].train.accuracy * 27), abs=1e-6)
    # Measured on 9 clean training images, as many as there are validation images
    assert mixed[0].train.plain_accuracy * 9 == pytest.approx(round(mixed[0].train.plain_accuracy * 9), abs=1e-5)


def test_early_stopping_ends_the_run(dataset: Dataset, tmp_path: Path) -> None:
    config = TINY.changed("training", epochs=50, early_stopping=1).changed("optim", lr=1e-9)
    _, events = fit_run(dataset, config, tmp_path / "run")
    assert len(epochs_of(events)) < 50
    assert isinstance(events[-1], RunDone)


def test_unreadable_images_are_named_once_and_skipped(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "data")
    train, val = dataset.of_split("train")[0], dataset.of_split("val")[0]
    for sample in (train, val):
        truncate_file(dataset.root / sample.path)
    run, events = fit_run(dataset, TINY, tmp_path / "run")
    warned = [event.path for event in events if isinstance(event, Warned)]
    assert sorted(path or "" for path in warned) == sorted([train.path, val.path])
    results = read_evaluation(run.results_path)
    assert len(results.images) == 8
    assert [image.path for image in results.unreadable] == [val.path]


@pytest.mark.parametrize("split_name", ["train", "val"])
def test_a_split_without_readable_images_is_an_error(tmp_path: Path, split_name: str) -> None:
    dataset = make_dataset(tmp_path / "data")
    for sample in dataset.of_split(split_name):  # type: ignore[arg-type]
        (dataset.root / sample.path).write_bytes(b"")
    with pytest.raises(EngineError, match="could be read"):
        fit_run(dataset, TINY, tmp_path / "run")


def test_stopping_saves_the_best_model_the_plot_and_a_last_event(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.ml.report.history_plot.draw_history", draw_history)
    work = jobs.train(dataset, TINY.changed("training", epochs=50), tmp_path / "run")
    while not isinstance(next(work), EpochDone):
        pass
    next(work)
    work.close()
    run = Run(tmp_path / "run")
    last = list(run.events())[-1]
    assert isinstance(last, RunDone)
    assert last.stopped
    assert read_metadata(run.model_path).best == last.best
    assert run.figure_path.is_file()


def test_stopping_in_the_first_epoch_saves_the_unvalidated_model(dataset: Dataset, tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", TINY, dataset)
    work = fit(TINY, dataset, run)
    while not isinstance(next(work), RunStarted):
        pass
    untrained = load_model(run.model_path)[0].head.weight
    for event in work:
        if isinstance(event, Progress) and event.stage == "train":
            break
    work.close()
    assert read_metadata(run.model_path).best is None
    assert not torch.equal(load_model(run.model_path)[0].head.weight, untrained)


def test_a_diverging_loss_is_an_error_and_the_best_model_is_kept(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0
    real = torch.nn.functional.cross_entropy

    def diverge(*args: object, **options: object) -> torch.Tensor:
        nonlocal calls
        calls += 1
        loss: torch.Tensor = real(*args, **options)  # type: ignore[arg-type]
        return loss * float("nan") if calls > 20 else loss

    monkeypatch.setattr(torch.nn.functional, "cross_entropy", diverge)
    with pytest.raises(EngineError, match="lower learning rate"):
        fit_run(dataset, TINY.changed("training", epochs=20), tmp_path / "run")
    assert read_metadata(tmp_path / "run" / "model.safetensors").best is not None


def test_one_class_or_an_unknown_backbone_is_an_error(dataset: Dataset, tmp_path: Path) -> None:
    one_class = split(scan(write_classes(tmp_path / "one", {"red": 4})), 0.25, 0)
    with pytest.raises(EngineError, match="only one class"):
        run_to_end(jobs.train(one_class, TINY, tmp_path / "a"))
    with pytest.raises(EngineError, match="resnet18"):
        run_to_end(jobs.train(dataset, TINY.changed("model", backbone="resnet81"), tmp_path / "b"))
