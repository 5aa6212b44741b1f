"""Tests of what disks that refuse, missing memory and lost devices do to a run: its work is kept, a sentence said."""

import errno
import os
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from engine import jobs
from engine.config.settings import RunConfig
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.core.events import EpochDone, Event, Warned
from engine.data.dataset import Dataset, scan
from engine.data.splits import split
from engine.ml.models.model_file import load_model
from engine.runs.run_folder import Run
from tests.fault_table import TINY, ending, outcomes
from tests.faults import Disk, faulty
from tests.pictures import write_classes


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    root = write_classes(tmp_path_factory.mktemp("data"), {"red": 8, "blue": 8})
    return split(scan(root), 0.25, 0)


@pytest.fixture(scope="module")
def alone(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], tuple[object, ...]]:
    """Return what a run asks of the disk, and how it ends when nothing is refused."""
    path = tmp_path_factory.mktemp("alone") / "run"
    with faulty(Disk()) as disk:
        run = run_to_end(jobs.train(dataset, TINY, path))
    return disk.asked, ending(run)


def _train_on(disk: Disk, dataset: Dataset, path: Path, config: RunConfig = TINY) -> tuple[list[str], str | None]:
    """Train and return the warnings and the sentence of the failure, if it failed."""
    events: list[Event] = []
    with faulty(disk):
        try:
            run_to_end(jobs.train(dataset, config, path), events.append)
        except EngineError as error:
            return _warnings(events), error.message
    return _warnings(events), None


def _warnings(events: list[Event]) -> list[str]:
    return [event.message for event in events if isinstance(event, Warned)]


@pytest.mark.slow
@pytest.mark.parametrize("lasts", [False, True], ids=["once", "from_then_on"])
def test_whatever_the_disk_refuses_the_model_opens_and_the_run_ends_as_if_nothing_had_been(
    tmp_path: Path, lasts: bool
) -> None:
    found = list(outcomes(tmp_path, lasts))
    assert len(found) > 40
    for outcome in found:
        assert outcome.failure or outcome.was_over, f"a refused {outcome.what} was not told"
        told = [*outcome.warnings, *([outcome.failure] if outcome.failure else [])]
        assert all(re.fullmatch(r"[A-Z][^\n]*\.", words) for words in told)
        assert outcome.is_identical, f"after a refused {outcome.what}"


def test_a_disk_that_is_full_for_a_while_costs_a_run_nothing(
    dataset: Dataset, tmp_path: Path, alone: tuple[list[str], tuple[object, ...]]
) -> None:
    asked, expected = alone
    first = asked.index("rename results.json") - 6
    warnings, sentence = _train_on(Disk(first, first + 4), dataset, tmp_path / "run")
    assert sentence is None
    assert sum("The best model cannot be saved: No space left on device." in words for words in warnings) == 1
    assert ending(Run(tmp_path / "run")) == expected


def test_a_best_model_that_its_folder_does_not_take_is_saved_elsewhere(
    dataset: Dataset, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = jobs.train(dataset, TINY, tmp_path / "run")
    next(work)
    _refuse_renames_into(tmp_path / "run", monkeypatch)
    place = home / "rescued" / "run"
    with pytest.raises(EngineError, match=re.escape(f"Read-only file system. The best model was saved to {place}")):
        run_to_end(work)
    assert load_model(place / "model.safetensors")[1].best is not None
    assert load_model(tmp_path / "run" / "model.safetensors")[1].best is None


def test_a_best_model_that_waits_for_the_disk_when_the_user_stops_is_saved_elsewhere(
    dataset: Dataset, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = jobs.train(dataset, TINY.changed("training", epochs=9), tmp_path / "run")
    next(work)
    _refuse_renames_into(tmp_path / "run", monkeypatch)
    best = None
    for event in work:
        if isinstance(event, EpochDone):
            best = event
            break
    assert best is not None
    with pytest.raises(EngineError, match="The best model was saved to"):
        work.close()
    card = load_model(home / "rescued" / "run" / "model.safetensors")[1]
    assert card.best is not None
    assert card.calibration is not None, "it is not the weights of the moment under the figures of the best"


def test_a_best_model_that_the_disk_never_took_is_made_again_by_who_goes_on(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = TINY.changed("training", epochs=1)
    expected = ending(run_to_end(jobs.train(dataset, config, tmp_path / "alone")))
    work = jobs.train(dataset, config, tmp_path / "run")
    next(work)
    with monkeypatch.context() as patch:
        real = os.replace

        def replace(source: Path, target: Path) -> None:
            if Path(target) == tmp_path / "run" / "model.safetensors":
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))
            real(source, target)

        patch.setattr(os, "replace", replace)
        with pytest.raises(EngineError, match="was saved to"):
            run_to_end(work)
    assert ending(run_to_end(jobs.resume(tmp_path / "run"))) == expected


def test_where_a_stopped_run_was_and_cannot_be_saved_is_told(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = jobs.train(dataset, TINY, tmp_path / "run")
    while not isinstance(next(work), EpochDone):
        pass
    _refuse_renames_into(tmp_path / "run", monkeypatch)
    with pytest.raises(EngineError, match="The checkpoint could not be saved: Read-only file system"):
        work.close()


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_what_was_saved(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = jobs.train(dataset, TINY.changed("training", epochs=5), tmp_path / "run")
    while not isinstance(next(work), EpochDone):
        pass
    checkpoint = Run(tmp_path / "run").checkpoint_path
    monkeypatch.setattr("engine.ml.training.step._training_loss", lambda logits, *_: (logits * float("nan")).sum())
    with pytest.raises(EngineError, match="lower learning rate"):
        run_to_end(work)
    assert all(
        parameter.isfinite().all() for parameter in load_model(tmp_path / "run/model.safetensors")[0].parameters()
    )
    assert all(tensor.isfinite().all() for tensor in load_file(checkpoint).values())
    assert Run(tmp_path / "run").history.done is not None, "it would be offered to go on, and end the same way"


def test_a_rate_that_is_far_too_high_ends_in_a_sentence_with_a_model_that_opens(
    dataset: Dataset, tmp_path: Path
) -> None:
    config = TINY.changed("optim", name="sgd", lr=10, clip_norm=0).changed("training", epochs=30)
    with pytest.raises(EngineError, match="lower learning rate"):
        run_to_end(jobs.train(dataset, config, tmp_path / "run"))
    load_model(tmp_path / "run" / "model.safetensors")


def test_images_that_vanish_during_a_run_end_it_for_now_and_it_goes_on_when_they_are_back(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "data", {"red": 8, "blue": 8})
    images = split(scan(root), 0.25, 0)
    config = TINY.changed("augment", mixup_alpha=0.4)  # measures on plain images, which are read anew each time
    expected = ending(run_to_end(jobs.train(images, config, tmp_path / "alone")))
    work = jobs.train(images, config, tmp_path / "run")
    while not isinstance(next(work), EpochDone):
        pass
    root.rename(tmp_path / "away")
    with pytest.raises(EngineError, match="Connect its drive"):
        run_to_end(work)
    (tmp_path / "away").rename(root)
    assert ending(run_to_end(jobs.resume(tmp_path / "run"))) == expected


def test_an_image_deleted_during_a_run_is_named_once_and_the_run_goes_on(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "data", {"red": 8, "blue": 8})
    images = split(scan(root), 0.25, 0)
    events: list[Event] = []
    config = TINY.changed("augment", mixup_alpha=0.4)
    for event in jobs.train(images, config, tmp_path / "run"):
        if not events:
            (root / images.of_split("train")[0].path).unlink()
        events.append(event)
    assert _warnings(events) == ["Left out: This file no longer exists."]
    assert Run(tmp_path / "run").is_finished


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "not enough memory"),
        (MemoryError(), "not enough memory"),
        (torch.AcceleratorError("CUDA error: unspecified launch failure"), "graphics card failed"),
    ],
)
def test_a_device_that_fails_is_a_sentence_and_the_run_can_go_on(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception, sentence: str
) -> None:
    expected = ending(run_to_end(jobs.train(dataset, TINY, tmp_path / "alone")))
    work = jobs.train(dataset, TINY, tmp_path / "run")
    while not isinstance(next(work), EpochDone):
        pass
    with monkeypatch.context() as patch:
        patch.setattr("engine.ml.training.step._optimizer_step", _raises(failure))
        with pytest.raises(EngineError, match=sentence):
            run_to_end(work)
    assert ending(run_to_end(jobs.resume(tmp_path / "run"))) == expected


def _refuse_renames_into(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.replace

    def replace(source: Path, target: Path) -> None:
        if Path(target).parent == folder:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)


def _raises(failure: Exception) -> object:
    def fail(*_: object) -> None:
        raise failure

    return fail
