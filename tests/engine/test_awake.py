"""Tests of engine.awake."""

import os
import subprocess
import sys

import pytest
import wakepy

from engine.awake import kept_awake


def test_the_computer_is_kept_awake_while_the_block_runs_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAKEPY_FAKE_SUCCESS", "1")
    with kept_awake():
        assert [mode.active for mode in wakepy.global_modes()] == [True]
    assert wakepy.global_modes() == []


def test_whoever_switches_it_off_is_let_asleep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAKEPY_FAKE_SUCCESS", "1")
    with kept_awake(is_wanted=False):
        assert wakepy.global_modes() == []


def test_without_a_desktop_the_block_runs_and_nothing_is_printed() -> None:
    code = "from engine.awake import kept_awake\nwith kept_awake():\n    print('ran')"
    environment = os.environ | {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nobody/listens/here"}
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert (done.stdout, done.stderr) == ("ran\n", "")


@pytest.mark.parametrize("name", ["__enter__", "__exit__"])
def test_a_desktop_that_answers_oddly_ends_no_run(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("odd")

    monkeypatch.setattr(wakepy.Mode, name, fail)
    with kept_awake():
        pass
