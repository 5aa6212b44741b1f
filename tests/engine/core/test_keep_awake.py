"""Tests of engine.core.keep_awake."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import wakepy

from engine import jobs
from engine.core.events import EpochDone, RunStarted
from engine.core.keep_awake import keep_awake
from engine.data.dataset import scan
from engine.data.splits import split
from tests.images import write_classes
from tests.scratch_config import scratch_config


def test_the_computer_is_kept_awake_only_during_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAKEPY_FAKE_SUCCESS", "1")
    with keep_awake():
        assert [mode.active for mode in wakepy.global_modes()] == [True]
    assert wakepy.global_modes() == []


def test_a_disabled_block_does_not_keep_the_computer_awake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAKEPY_FAKE_SUCCESS", "1")
    with keep_awake(is_enabled=False):
        assert wakepy.global_modes() == []


def test_without_a_desktop_the_block_runs_and_nothing_is_printed() -> None:
    code = "from engine.core.keep_awake import keep_awake\nwith keep_awake():\n    print('ran')"
    environment = os.environ | {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nobody/listens/here"}
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert (done.stdout, done.stderr) == ("ran\n", "")


@pytest.mark.parametrize("name", ["__enter__", "__exit__"])
def test_a_failing_desktop_does_not_end_a_run(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    original = getattr(wakepy.Mode, name)

    def fail(*arguments: object) -> None:
        if name == "__exit__":  # releases the mode for the next test
            original(*arguments)
        raise ValueError("broken desktop")

    monkeypatch.setattr(wakepy.Mode, name, fail)
    with keep_awake():
        pass


@pytest.mark.parametrize("is_enabled", [True, False])
def test_training_keeps_the_computer_awake_if_the_setting_is_on(
    is_enabled: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAKEPY_FAKE_SUCCESS", "1")
    dataset = split(scan(write_classes(tmp_path / "data", {"red": 4, "blue": 4})), 0.25, seed=0)
    config = scratch_config().changed("data", image_size=16)
    config = config.changed("training", epochs=1, device="cpu", keep_awake=is_enabled)
    events = jobs.train(dataset, config, tmp_path / "run")
    num_modes = {len(wakepy.global_modes()) for event in events if isinstance(event, RunStarted | EpochDone)}
    assert num_modes == {int(is_enabled)}
    assert wakepy.global_modes() == []
