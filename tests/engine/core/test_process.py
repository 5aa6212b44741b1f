"""Tests of starting this program in another process."""

import os
import sys
from pathlib import Path

import pytest

from engine.core.process import program_command, start_program


def test_the_command_is_isolated_python_from_sources_and_the_executable_when_frozen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    interpreter, isolated, *_, first, second = program_command("scan", "x")
    assert (interpreter, isolated, first, second) == (sys.executable, "-I", "scan", "x")
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert program_command("scan", "x") == [sys.executable, "scan", "x"]


def test_the_program_starts_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with open(tmp_path / "errors", "wb+") as errors:
        process = start_program("scan", str(tmp_path / "missing"), errors=errors)
        assert process.wait() == 1
        errors.seek(0)
        assert b"This folder does not exist." in errors.read()


def test_a_process_keeps_the_import_folders_of_this_one_without_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", ".", str(tmp_path), "/none", *sys.path])
    code = program_command()[3]
    assert repr(str(tmp_path)) not in code
    kept = [folder for folder in sys.path if folder not in ("", ".", str(tmp_path))]
    assert all(repr(folder) in code for folder in kept if os.path.isabs(folder))


@pytest.mark.skipif(sys.platform == "win32", reason="process groups are those of POSIX")
def test_ctrl_c_in_the_terminal_does_not_reach_a_process_of_the_program(tmp_path: Path) -> None:
    with open(tmp_path / "errors", "wb+") as errors:
        process = start_program("serve", str(tmp_path / "missing"), errors=errors)
        group = os.getpgid(process.pid)
        process.kill()
        process.wait()
    assert group == process.pid != os.getpgid(0)
