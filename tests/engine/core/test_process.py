"""Tests of starting this program in another process."""

import sys
from pathlib import Path

import pytest

from engine.core.process import program_command, start_program


def test_the_command_is_the_module_from_sources_and_the_executable_when_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert program_command("scan", "x") == [sys.executable, "-m", "engine", "scan", "x"]
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert program_command("scan", "x") == [sys.executable, "scan", "x"]


def test_the_program_starts_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with open(tmp_path / "errors", "wb+") as errors:
        process = start_program("scan", str(tmp_path / "missing"), errors=errors)
        assert process.wait() == 1
        errors.seek(0)
        assert b"This folder does not exist." in errors.read()
