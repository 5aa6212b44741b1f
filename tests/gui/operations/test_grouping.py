"""Tests of groups of photos in the operations of the window."""

from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from engine import jobs
from engine.config.settings import RunConfig
from engine.data.dataset import Dataset
from gui.operations import Operations
from gui.state import AppState
from tests.images import draw_scene


@pytest.fixture
def operations(qtbot: QtBot, tmp_path: Path) -> Iterator[Operations]:
    """Operations on an open folder with two events of four shots in each class."""
    for number in range(16):
        path = tmp_path / "photos" / ("ant" if number < 8 else "bee") / f"patient{number // 4}_{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        draw_scene(number).resize((32, 32)).save(path)
    state = AppState()
    operations = Operations(state, state)
    operations.datasets.open(tmp_path / "photos")
    qtbot.waitUntil(lambda: bool(state.audit.photo_groups.groups) and not operations.running_jobs, timeout=60_000)
    yield operations
    operations.shut_down()
    qtbot.waitUntil(lambda: not operations.running_jobs, timeout=60_000)


def test_the_shown_split_keeps_groups_on_one_side(operations: Operations) -> None:
    state = operations.runs._state
    assert state.dataset is not None
    sides = {sample.path: sample.split for sample in state.dataset.samples}
    assert len(state.audit.photo_groups.groups) == 4
    assert all(len({sides[path] for path in group.paths}) == 1 for group in state.audit.photo_groups.groups)


def test_training_with_other_groups_than_those_shown_finds_them_first(
    operations: Operations, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []

    def record(name: str) -> Callable[[Dataset, RunConfig, Path], Generator[None, None, None]]:
        def start(dataset: Dataset, config: RunConfig, path: Path) -> Generator[None, None, None]:
            yield None
            started.append(f"{name} {config.data.group_by}")

        return start

    for name in ("train", "split_and_train"):
        monkeypatch.setattr(jobs, name, record(name))
    for group_by in ("auto", "none"):
        state = operations.runs._state
        state.set_config(state.config.changed("data", group_by=group_by))
        with qtbot.waitSignal(operations.runs.train().finished, timeout=60_000):
            pass
    assert started == ["train auto", "split_and_train none"]
