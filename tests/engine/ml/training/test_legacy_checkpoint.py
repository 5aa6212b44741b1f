"""Tests of resuming a run that version 0.1.0 left unfinished; `old_run/README.md` describes the run."""

import json
import shutil
from pathlib import Path

import pytest

from engine import jobs
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.core.events import Event, Progress, from_line
from engine.ml.models import se_resnet
from engine.runs.run_folder import Run
from tests.images import write_classes

OLD_RUN = Path(__file__).with_name("old_run")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(se_resnet, "WIDTHS", (8, 10, 10, 12))
    run = Run(Path(shutil.copytree(OLD_RUN, tmp_path / "run")))
    data = write_classes(tmp_path / "data", {"red": 8, "green": 8, "blue": 8})
    split = json.loads(run.split_path.read_text())
    run.split_path.write_text(json.dumps(split | {"root": str(data)}))
    return run


def _assert_as_expected(run: Run) -> None:
    expected = [from_line(line) for line in (OLD_RUN / "expected.jsonl").read_text().splitlines()]
    for epoch, old in zip(run.history.epochs, expected, strict=True):
        assert epoch.train.model_dump() == pytest.approx(old.train.model_dump(), rel=1e-4)  # type: ignore[union-attr]
        assert epoch.val.model_dump() == pytest.approx(old.val.model_dump(), rel=1e-4)  # type: ignore[union-attr]
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
    next(work)
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
