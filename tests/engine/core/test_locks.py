"""Tests of engine.core.locks."""

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from filelock import FileLock

from engine.core.errors import EngineError
from engine.core.locks import is_locked, locked

HOLDER = """
import sys
from pathlib import Path
from engine.core.locks import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_a_folder_is_locked_until_the_program_that_works_on_it_dies(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "locked\n"
    assert is_locked(tmp_path)
    with pytest.raises(EngineError, match="Another window"), locked(tmp_path, timeout=0):
        pass
    holder.kill()
    holder.communicate()
    assert not is_locked(tmp_path)
    with locked(tmp_path, timeout=0):
        assert is_locked(tmp_path)


def test_a_lock_waits_for_a_short_check_of_another_program(tmp_path: Path) -> None:
    checking = FileLock(tmp_path / ".lock", is_singleton=False, thread_local=False)
    checking.acquire()
    threading.Timer(0.1, checking.release).start()
    with locked(tmp_path):
        pass


def test_is_locked_writes_nothing_to_the_folder(tmp_path: Path) -> None:
    assert not is_locked(tmp_path / "none")
    before = os.listdir(tmp_path)
    assert not is_locked(tmp_path)
    assert os.listdir(tmp_path) == before


def test_a_read_only_folder_is_not_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".lock").touch()

    def refuse(_: FileLock) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(FileLock, "acquire", refuse)
    assert not is_locked(tmp_path)
    with pytest.raises(EngineError, match="cannot be written to: Read-only"), locked(tmp_path):
        pass
