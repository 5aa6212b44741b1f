"""Tests of runs with a failing disk, too little memory or a failing device: work is kept and the error is plain."""

import errno
import os
import re
from collections.abc import Generator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from engine import jobs
from engine.config.settings import RunConfig
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.core.events import EpochDone, Event, RunStarted, Warned
from engine.data.dataset import Dataset, scan
from engine.data.splits import split
from engine.ml.models.model_file import load_model
from engine.runs.run_folder import Run
from tests import fault_table
from tests.failing_disk import FailingDisk, use_disk
from tests.fault_table import final_state, inject_faults
from tests.images import write_classes

TINY = fault_table.TINY.changed("training", precision="float32")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    root = write_classes(tmp_path_factory.mktemp("data"), {"red": 8, "blue": 8})
    return split(scan(root), 0.25, 0)


@pytest.fixture(scope="module")
def uninterrupted(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], tuple[object, ...]]:
    """Return the disk requests of a run without faults, and its result."""
    path = tmp_path_factory.mktemp("uninterrupted") / "run"
    with use_disk(FailingDisk()) as disk:
        run = run_to_end(jobs.train(dataset, TINY, path))
    return disk.requests, final_state(run)


def _train_on(
    disk: FailingDisk, dataset: Dataset, path: Path, config: RunConfig = TINY
) -> tuple[list[str], str | None]:
    """Train and return the warnings, and the error message if the run failed."""
    events: list[Event] = []
    with use_disk(disk):
        try:
            run_to_end(jobs.train(dataset, config, path), events.append)
        except EngineError as error:
            return _warnings(events), error.message
    return _warnings(events), None


def _warnings(events: list[Event]) -> list[str]:
    return [event.message for event in events if isinstance(event, Warned)]


@pytest.mark.slow
@pytest.mark.parametrize("lasts", [False, True], ids=["once", "from_then_on"])
def test_after_any_failed_disk_request_the_model_opens_and_the_result_is_that_of_a_run_without_faults(
    tmp_path: Path, lasts: bool
) -> None:
    results = list(inject_faults(tmp_path, lasts))
    assert len(results) > 40
    for outcome in results:
        assert outcome.failure or outcome.was_over, f"a failed {outcome.what} was not reported"
        messages = [*outcome.warnings, *([outcome.failure] if outcome.failure else [])]
        assert all(re.fullmatch(r"[A-Z][^\n]*\.", message) for message in messages)
        assert outcome.is_identical, f"after a failed {outcome.what}"


def test_a_disk_that_is_full_for_a_while_does_not_change_the_result(
    dataset: Dataset, tmp_path: Path, uninterrupted: tuple[list[str], tuple[object, ...]]
) -> None:
    requests, expected = uninterrupted
    first = requests.index("rename results.json") - 6
    warnings, error = _train_on(FailingDisk(first, first + 4), dataset, tmp_path / "run")
    assert error is None
    assert sum("The best model cannot be saved: No space left on device." in warning for warning in warnings) == 1
    assert final_state(Run(tmp_path / "run")) == expected


def test_a_best_model_that_cannot_be_written_to_its_folder_is_saved_elsewhere(
    dataset: Dataset, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = jobs.train(dataset, TINY, tmp_path / "run")
    _pull_start(work)
    _fail_renames_into(tmp_path / "run", monkeypatch)
    folder = home / "rescued" / "run"
    with pytest.raises(EngineError, match=re.escape(f"Read-only file system. The best model was saved to {folder}")):
        run_to_end(work)
    assert load_model(folder / "model.safetensors")[1].best is not None
    assert load_model(tmp_path / "run" / "model.safetensors")[1].best is None


def test_a_pending_best_model_is_saved_elsewhere_when_the_user_stops(
    dataset: Dataset, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = jobs.train(dataset, TINY.changed("training", epochs=9), tmp_path / "run")
    _pull_start(work)
    _fail_renames_into(tmp_path / "run", monkeypatch)
    best = None
    for event in work:
        if isinstance(event, EpochDone):
            best = event
            break
    assert best is not None
    with pytest.raises(EngineError, match="The best model was saved to"):
        work.close()
    metadata = load_model(home / "rescued" / "run" / "model.safetensors")[1]
    assert metadata.best is not None
    assert metadata.calibration is not None, "the weights are those that were validated"


def test_a_best_model_that_was_never_written_is_trained_again_after_resuming(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = TINY.changed("training", epochs=1)
    expected = final_state(run_to_end(jobs.train(dataset, config, tmp_path / "uninterrupted")))
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
    assert final_state(run_to_end(jobs.resume(tmp_path / "run"))) == expected


def test_a_checkpoint_that_cannot_be_saved_at_a_stop_is_an_error(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = jobs.train(dataset, TINY, tmp_path / "run")
    while not isinstance(next(work), EpochDone):
        pass
    _fail_renames_into(tmp_path / "run", monkeypatch)
    with pytest.raises(EngineError, match="The checkpoint could not be saved: Read-only file system"):
        work.close()


def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_the_saved_files(
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
    assert Run(tmp_path / "run").history.done is not None, "a diverged run must not be offered for resuming"


def test_a_far_too_high_learning_rate_is_an_error_and_the_model_still_opens(dataset: Dataset, tmp_path: Path) -> None:
    config = TINY.changed("optim", name="sgd", lr=10, clip_norm=0).changed("training", epochs=30)
    with pytest.raises(EngineError, match="lower learning rate"):
        run_to_end(jobs.train(dataset, config, tmp_path / "run"))
    load_model(tmp_path / "run" / "model.safetensors")


def test_a_run_whose_images_vanish_fails_and_resumes_once_they_are_back(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "data", {"red": 8, "blue": 8})
    images = split(scan(root), 0.25, 0)
    config = TINY.changed("augment", mixup_alpha=0.4)  # clean training images are read again in each epoch
    expected = final_state(run_to_end(jobs.train(images, config, tmp_path / "uninterrupted")))
    work = jobs.train(images, config, tmp_path / "run")
    while not isinstance(next(work), EpochDone):
        pass
    root.rename(tmp_path / "away")
    with pytest.raises(EngineError, match="Connect its drive"):
        run_to_end(work)
    (tmp_path / "away").rename(root)
    assert final_state(run_to_end(jobs.resume(tmp_path / "run"))) == expected


def test_an_image_deleted_during_a_run_gives_one_warning_and_the_run_continues(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "data", {"red": 8, "blue": 8})
    images = split(scan(root), 0.25, 0)
    events: list[Event] = []
    config = TINY.changed("augment", mixup_alpha=0.4)
    for event in jobs.train(images, config, tmp_path / "run"):
        if not events:
            (root / images.of_split("train")[0].path).unlink()
        events.append(event)
    left_out = [message for message in _warnings(events) if message.startswith("Left out")]
    assert left_out == ["Left out: This file does not exist."]
    assert Run(tmp_path / "run").is_finished


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "not enough memory"),
        (MemoryError(), "not enough memory"),
        (torch.AcceleratorError("CUDA error: unspecified launch failure"), "graphics card failed"),
    ],
)
def test_a_failing_device_is_an_error_and_the_run_can_be_resumed(
    dataset: Dataset,
    tmp_path: Path,
    uninterrupted: tuple[list[str], tuple[object, ...]],
    monkeypatch: pytest.MonkeyPatch,
    failure: Exception,
    message: str,
) -> None:
    work = jobs.train(dataset, TINY, tmp_path / "run")
    while not isinstance(next(work), EpochDone):
        pass
    with monkeypatch.context() as patch:
        patch.setattr("engine.ml.training.step._optimizer_step", _raises(failure))
        with pytest.raises(EngineError, match=message):
            run_to_end(work)
    assert final_state(run_to_end(jobs.resume(tmp_path / "run"))) == uninterrupted[1]


def _pull_start(work: Generator[Event, None, object]) -> None:
    while not isinstance(next(work), RunStarted):
        pass


def _fail_renames_into(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
