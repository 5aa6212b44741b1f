"""Tests of resuming a run that version 0.1.0 left unfinished; `old_run/README.md` describes the run."""

import hashlib
import io
import json
import shutil
from pathlib import Path

import pytest
import torch

from engine import jobs
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.core.events import Event, Progress, RunStarted, from_line
from engine.ml.models import se_resnet
from engine.ml.training.checkpoint import open_checkpoint
from engine.ml.training.legacy_checkpoint import read_legacy_checkpoint
from engine.runs.run_folder import Run
from tests.images import write_classes

OLD_RUN = Path(__file__).with_name("old_run")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(se_resnet, "WIDTHS", (8, 10, 10, 12))
    run = Run(Path(shutil.copytree(OLD_RUN, tmp_path / "run")))
    data = write_classes(tmp_path / "data", {"red": 8, "green": 8, "blue": 8})
    split = json.loads(run.split_path.read_text("utf-8"))
    run.split_path.write_text(json.dumps(split | {"root": str(data)}))
    return run


def _assert_as_expected(run: Run) -> None:
    expected = [from_line(line) for line in (OLD_RUN / "expected.jsonl").read_text("utf-8").splitlines()]
    for epoch, old in zip(run.history.epochs, expected, strict=True):
        assert epoch.train.model_dump() == pytest.approx(old.train.model_dump(), rel=1e-4)  # type: ignore[union-attr]
        assert epoch.val.accuracy == pytest.approx(old.val.accuracy, rel=1e-4)  # type: ignore[union-attr]
        assert epoch.val.loss == pytest.approx(old.val.loss, rel=1e-4)  # type: ignore[union-attr]
        assert epoch.lr == old.lr  # type: ignore[union-attr]


def test_an_unfinished_run_of_version_0_1_ends_as_it_did_in_that_version(run: Run) -> None:
    events: list[Event] = []
    run_to_end(jobs.resume(run.path), events.append)
    first = next(event for event in events if isinstance(event, Progress) and event.stage == "train")
    assert first.epoch == 2, "it started from the beginning"
    assert run.is_finished
    assert not run.legacy_checkpoint_path.exists()
    _assert_as_expected(run)


def test_the_first_new_checkpoint_replaces_the_old_one(run: Run) -> None:
    work = jobs.resume(run.path)
    next(event for event in work if isinstance(event, RunStarted))
    work.close()
    assert run.checkpoint_path.is_file()
    assert not run.legacy_checkpoint_path.exists()
    run_to_end(jobs.resume(run.path))
    _assert_as_expected(run)


@pytest.mark.parametrize("position", [10, -5])
def test_an_altered_old_checkpoint_is_rejected(run: Run, position: int) -> None:
    content = bytearray(run.legacy_checkpoint_path.read_bytes())
    content[position] ^= 1
    run.legacy_checkpoint_path.write_bytes(content)
    with pytest.raises(EngineError, match="checkpoint of this run is damaged"):
        run_to_end(jobs.resume(run.path))


def _rewrite(path: Path, **changes: object) -> None:
    """Change values of an old checkpoint and renew its hash."""
    state = torch.load(io.BytesIO(path.read_bytes()[:-32]), weights_only=True)
    buffer = io.BytesIO()
    torch.save(state | changes, buffer)
    path.write_bytes(buffer.getvalue() + hashlib.sha256(buffer.getvalue()).digest())


def test_the_random_state_of_a_gpu_in_an_old_checkpoint_is_read(run: Run) -> None:
    assert "cuda_random" not in read_legacy_checkpoint(run.legacy_checkpoint_path)[1]
    _rewrite(run.legacy_checkpoint_path, device_random=torch.tensor([1, 2], dtype=torch.uint8))
    assert read_legacy_checkpoint(run.legacy_checkpoint_path)[1]["cuda_random"].tolist() == [1, 2]


@pytest.mark.parametrize("sums", [[0.0, 0.0, 0.0], torch.zeros(3).to_sparse()], ids=["list", "sparse"])
def test_an_old_checkpoint_with_other_values_than_dense_tensors_is_damaged(run: Run, sums: object) -> None:
    _rewrite(run.legacy_checkpoint_path, sums=sums)
    with pytest.raises(EngineError, match="checkpoint of this run is damaged"):
        open_checkpoint(run.legacy_checkpoint_path)


def test_an_old_checkpoint_of_the_largest_size_is_read(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    size = run.legacy_checkpoint_path.stat().st_size
    monkeypatch.setattr("engine.ml.training.legacy_checkpoint.MAX_CHECKPOINT_BYTES", size)
    checkpoint = open_checkpoint(run.legacy_checkpoint_path)
    assert (checkpoint.path, checkpoint.kind) == (run.legacy_checkpoint_path, "full")
