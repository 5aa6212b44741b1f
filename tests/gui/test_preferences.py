"""Tests of the preferences of the window, also with two windows at once."""

import subprocess
import sys
from pathlib import Path

from PySide6.QtCore import QSettings

from gui.preferences import Preferences

WRITER = """
import sys
from pathlib import Path
from gui.preferences import Preferences
preferences = Preferences()
for number in range(20):
    preferences.set_scheme("dark")
    preferences.add_recent_folder(Path(sys.argv[1]))
"""


def test_two_windows_writing_at_once_leave_a_valid_file(tmp_path: Path, home: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(folder)]) for folder in folders]
    assert [writer.wait() for writer in writers] == [0, 0]
    recent = Preferences().recent_folders
    assert recent
    assert set(recent) <= set(folders)
    assert Preferences().scheme == "dark"
    assert QSettings(str(home / "window.ini"), QSettings.Format.IniFormat).status() == QSettings.Status.NoError


def test_a_recent_folder_of_another_window_is_kept(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    preferences = Preferences()
    assert preferences.recent_folders == []
    subprocess.run([sys.executable, "-c", WRITER, str(tmp_path / "one")], check=True)
    preferences.add_recent_folder(tmp_path / "two")
    assert Preferences().recent_folders == [tmp_path / "two", tmp_path / "one"]


def test_a_damaged_file_gives_the_default_preferences(home: Path) -> None:
    home.mkdir()
    (home / "window.ini").write_bytes(b"\x00\xff[recent\nfolders=@Variant(\x00)\n" * 50)
    preferences = Preferences()
    assert preferences.recent_folders == []
    assert preferences.geometry is None
    assert preferences.scheme == "system"
