"""Tests of the program's entry point: a subcommand, a folder, or the window alone."""

from pathlib import Path

import pytest

import gui.__main__ as entry
from engine.cli.main import main as run_command
from engine.cli.names import SUBCOMMANDS


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[object]:
    """Return the list of what the entry point starts: the arguments of a subcommand, or the folder of a window."""
    started: list[object] = []
    monkeypatch.setattr(entry, "_run_subcommand", lambda arguments: started.append(list(arguments)) or 0)
    monkeypatch.setattr(entry, "_open_window", lambda dataset=None, **_: started.append(dataset) or 0)
    monkeypatch.chdir(tmp_path)
    return started


@pytest.mark.parametrize("name", sorted(SUBCOMMANDS))
def test_a_subcommand_is_one_even_beside_a_folder_of_its_name(name: str, started: list[object]) -> None:
    Path(name).mkdir()
    assert entry.main([name, ".", "--out", "run"]) == 0
    assert started == [[name, ".", "--out", "run"]]


@pytest.mark.parametrize("folder", ["./train", "photos", "Train"])
def test_a_folder_opens_the_window_on_it(folder: str, started: list[object]) -> None:
    Path(folder).mkdir()
    assert entry.main([folder]) == 0
    assert started == [Path(folder)]


def test_no_argument_opens_the_window_alone(started: list[object]) -> None:
    assert entry.main([]) == 0
    assert started == [None]


def test_the_names_are_those_of_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["--help"]) == 0
    listed = capsys.readouterr().out.rpartition("{")[2].partition("}")[0]
    assert set(listed.replace("\n", "").replace("│", "").replace(" ", "").split(",")) == SUBCOMMANDS


@pytest.mark.parametrize(
    ("arguments", "run"), [(["demo", "--out", "a"], "a"), (["demo", "--out=a=b"], "a=b"), (["demo", "--help"], None)]
)
def test_the_window_after_the_demo_opens_the_run_that_was_requested(arguments: list[str], run: str | None) -> None:
    assert entry._with_run_path(arguments) == (arguments, run and Path(run))
