"""Tests of the training loop, on tiny images and with the real engine."""

import json
from pathlib import Path

import pytest
import torch

from engine import jobs
from engine.config.settings import RunConfig
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.core.events import EpochDone, Event, Progress, RunDone, RunStarted, Warned
from engine.data.dataset import Dataset, scan
from engine.data.splits import split
from engine.ml.models.model_file import load_model
from engine.results.evaluation import read_evaluation
from engine.results.model_metadata import read_metadata
from engine.runs.run_folder import Run
from tests.pictures import break_file, write_classes

TINY = (
    RunConfig()
    .changed("data", image_size=16)
    .changed("training", epochs=2, batch_size=8, device="cpu")
    .changed("optim", lr=5e-3)
)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return split(scan(write_classes(tmp_path / "data", {"red": 12, "green": 12, "blue": 12})), 0.25, 0)


def _train(dataset: Dataset, config: RunConfig, path: Path) -> tuple[Run, list[Event]]:
    events: list[Event] = []
    run = run_to_end(jobs.train(dataset, config, path), events.append)
    return run, events


def _epochs(events: list[Event]) -> list[EpochDone]:
    return [event for event in events if isinstance(event, EpochDone)]


def _without_time(epoch: EpochDone) -> EpochDone:
    return epoch.model_copy(update={"seconds": 0.0})


def test_a_run_tells_its_story_in_order_and_fills_its_folder(dataset: Dataset, tmp_path: Path) -> None:
    run, events = _train(dataset, TINY, tmp_path / "run")
    told = [event for event in events if not isinstance(event, Progress)]
    assert [type(event) for event in told] == [RunStarted, EpochDone, EpochDone, RunDone]
    assert list(run.events()) == told
    names = {path.name for path in run.path.iterdir()}
    assert names == {
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
    started = told[0]
    assert isinstance(started, RunStarted)
    assert (started.classes, started.num_train, started.num_val) == (("blue", "green", "red"), 27, 9)


def test_three_colours_are_learnt(dataset: Dataset, tmp_path: Path) -> None:
    _, events = _train(dataset, TINY.changed("training", epochs=6), tmp_path / "run")
    assert max(epoch.val.accuracy for epoch in _epochs(events)) >= 0.85


def test_the_same_seed_gives_the_same_numbers_to_the_last_digit(dataset: Dataset, tmp_path: Path) -> None:
    config = TINY.changed("augment", mixup_alpha=0.4, cutmix_alpha=1.0, random_erasing=0.5)
    runs = [_epochs(_train(dataset, config, tmp_path / name)[1]) for name in ("one", "two")]
    assert list(map(_without_time, runs[0])) == list(map(_without_time, runs[1]))
    other = _epochs(_train(dataset, config.changed("training", seed=1), tmp_path / "three")[1])
    assert other[0].train.loss != runs[0][0].train.loss


def test_the_best_epoch_is_the_one_that_is_kept(dataset: Dataset, tmp_path: Path) -> None:
    run, events = _train(dataset, TINY.changed("training", epochs=4), tmp_path / "run")
    best = max(_epochs(events), key=lambda epoch: (epoch.val.accuracy, -epoch.val.loss))
    card = read_metadata(run.model_path)
    assert card.best is not None
    assert card.best.epoch == best.epoch
    results = read_evaluation(run.results_path)
    assert results.accuracy == best.val.accuracy
    assert results.loss == best.val.loss
    assert sum(map(sum, results.confusion)) == 9


@pytest.mark.parametrize("backbone", ["se_resnet", "mobilenet_v3_small"])
def test_a_frozen_backbone_does_not_change_at_all(dataset: Dataset, tmp_path: Path, backbone: str) -> None:
    config = TINY.changed("training", mode="head").changed("model", backbone=backbone).changed("data", image_size=32)
    short, _ = _train(dataset, config.changed("training", epochs=1), tmp_path / "short")
    longer, _ = _train(dataset, config.changed("training", epochs=3).changed("optim", lr=0.1), tmp_path / "longer")
    one, two = (load_model(run.model_path)[0] for run in (short, longer))
    before, after = one.backbone.state_dict(), two.backbone.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not torch.equal(one.head.weight, two.head.weight)


def test_quick_mode_changes_the_last_block_and_the_head_alone(dataset: Dataset, tmp_path: Path) -> None:
    config = TINY.changed("training", mode="quick")
    short, _ = _train(dataset, config.changed("training", epochs=1), tmp_path / "short")
    longer, _ = _train(dataset, config.changed("training", epochs=4), tmp_path / "longer")
    one, two = (load_model(run.model_path)[0].state_dict() for run in (short, longer))
    changed = {name for name in one if not torch.equal(one[name], two[name])}
    assert changed
    assert all(name.startswith(("backbone.stages.3.", "head.")) for name in changed)
    assert not any("running" in name for name in changed)


def test_full_training_changes_the_first_layer_too(dataset: Dataset, tmp_path: Path) -> None:
    short, _ = _train(dataset, TINY.changed("training", epochs=1), tmp_path / "short")
    longer, _ = _train(dataset, TINY.changed("training", epochs=3), tmp_path / "longer")
    one, two = (load_model(run.model_path)[0].backbone.state_dict() for run in (short, longer))
    first = next(iter(one))
    assert not torch.equal(one[first], two[first])


def test_quick_mode_ends_with_a_model_that_scores_what_was_told(dataset: Dataset, tmp_path: Path) -> None:
    run, events = _train(dataset, TINY.changed("training", mode="quick", epochs=5), tmp_path / "run")
    measured = run_to_end(jobs.evaluate(run.model_path, dataset.root))
    assert measured.accuracy == max(epoch.val.accuracy for epoch in _epochs(events))


def test_under_mixing_the_plain_accuracy_is_measured_apart(dataset: Dataset, tmp_path: Path) -> None:
    plain = _epochs(_train(dataset, TINY, tmp_path / "plain")[1])
    assert all(epoch.train.plain_accuracy == epoch.train.accuracy for epoch in plain)
    mixed = _epochs(_train(dataset, TINY.changed("augment", mixup_alpha=1.0), tmp_path / "mixed")[1])
    assert any(epoch.train.plain_accuracy != epoch.train.accuracy for epoch in mixed)
    # Weighed by the shares of both labels, so it is no multiple of 1/27
    assert mixed[0].train.accuracy * 27 != pytest.approx(round(mixed[0].train.accuracy * 27), abs=1e-6)


@pytest.mark.parametrize(
    ("section", "values"),
    [
        ("training", {"ema_decay": 0.9}),
        ("training", {"label_smoothing": 0.0}),
        ("training", {"precision": "bfloat16"}),
        ("optim", {"name": "adam"}),
        ("optim", {"name": "sgd", "momentum": 0.0}),
        ("optim", {"name": "sgd", "clip_norm": 0.0}),
        ("schedule", {"warmup_epochs": 0}),
        ("schedule", {"warmup_epochs": 9}),
        ("data", {"geometry": "pad"}),
        ("data", {"geometry": "squash"}),
    ],
)
def test_every_option_trains_and_its_model_answers_as_reported(
    dataset: Dataset, tmp_path: Path, section: str, values: dict[str, object]
) -> None:
    run, events = _train(dataset, TINY.changed(section, **values), tmp_path / "run")
    measured = run_to_end(jobs.evaluate(run.model_path, dataset.root))
    assert measured.accuracy == max(epoch.val.accuracy for epoch in _epochs(events))


def test_early_stopping_ends_the_run(dataset: Dataset, tmp_path: Path) -> None:
    config = TINY.changed("training", epochs=50, early_stopping=2).changed("optim", lr=1e-9)
    _, events = _train(dataset, config, tmp_path / "run")
    assert len(_epochs(events)) < 50
    assert isinstance(events[-1], RunDone)


def test_unreadable_images_are_named_once_and_skipped(dataset: Dataset, tmp_path: Path) -> None:
    train, val = dataset.of_split("train")[0], dataset.of_split("val")[0]
    for sample in (train, val):
        break_file(dataset.root / sample.path)
    run, events = _train(dataset, TINY.changed("training", epochs=3), tmp_path / "run")
    warned = [event.path for event in events if isinstance(event, Warned)]
    assert sorted(path or "" for path in warned) == sorted([train.path, val.path])
    results = read_evaluation(run.results_path)
    assert len(results.images) == 8
    assert [image.path for image in results.unreadable] == [val.path]


@pytest.mark.parametrize("split_name", ["train", "val"])
def test_a_split_of_unreadable_images_alone_is_a_sentence(dataset: Dataset, tmp_path: Path, split_name: str) -> None:
    for sample in dataset.of_split(split_name):  # type: ignore[arg-type]
        (dataset.root / sample.path).write_bytes(b"")
    with pytest.raises(EngineError, match="could be read"):
        _train(dataset, TINY, tmp_path / "run")


def test_stopping_keeps_the_best_model_and_says_so(dataset: Dataset, tmp_path: Path) -> None:
    work = jobs.train(dataset, TINY.changed("training", epochs=50), tmp_path / "run")
    for event in work:
        if isinstance(event, EpochDone):
            break
    next(work)
    work.close()
    run = Run(tmp_path / "run")
    last = list(run.events())[-1]
    assert isinstance(last, RunDone)
    assert last.stopped
    assert read_metadata(run.model_path).best == last.best
    assert run.figure_path.is_file()


def test_stopping_in_the_first_epoch_keeps_what_was_learnt(dataset: Dataset, tmp_path: Path) -> None:
    work = jobs.train(dataset, TINY, tmp_path / "run")
    for event in work:
        if isinstance(event, Progress) and event.stage == "train":
            break
    work.close()
    assert read_metadata(tmp_path / "run" / "model.safetensors").best is None


def test_a_diverging_loss_ends_in_a_sentence_and_keeps_the_best(
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
        _train(dataset, TINY.changed("training", epochs=20), tmp_path / "run")
    assert read_metadata(tmp_path / "run" / "model.safetensors").best is not None


def test_one_class_or_an_unknown_backbone_is_a_sentence(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="only one class"):
        _train(split(scan(write_classes(tmp_path / "one", {"red": 4})), 0.25, 0), TINY, tmp_path / "a")
    with pytest.raises(EngineError, match="resnet18"):
        _train(dataset, TINY.changed("model", backbone="resnet81"), tmp_path / "b")


def test_a_run_recorded_before_gives_the_same_numbers_still(dataset: Dataset, tmp_path: Path) -> None:
    """Guards refactors: a change that should not alter numbers must not; one that should, says so by changing these."""
    _, events = _train(dataset, TINY, tmp_path / "run")
    recorded = json.loads((Path(__file__).parent / "recorded_run.json").read_text())
    told = [[epoch.train.loss, epoch.val.loss, epoch.val.accuracy] for epoch in _epochs(events)]
    # Other CPUs add up in another order, so the last digits are left free
    for row, expected in zip(told, recorded):
        assert row == pytest.approx(expected, rel=2e-2)
    assert len(told) == len(recorded)
