"""Tests of the subcommand sort and its option --undo."""

import json
import os
import shlex
from pathlib import Path

import pytest

from engine.cli.main import main
from engine.runs.run_folder import Run
from engine.sorting import sorter
from engine.sorting.file_transfer import TransferMode
from tests.images import write_classes


@pytest.mark.parametrize("mode", ["copy", "move", "link"])
def test_undo_restores_the_files_of_a_sorted_folder(
    tiny_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], mode: str
) -> None:
    photos = write_classes(tmp_path / "photos", {"red": 3, "blue": 3}, seed=4)
    before = {path: path.read_bytes() for path in photos.rglob("*.*")}
    assert main(["sort", str(tiny_run.model_path), str(photos), "--mode", mode, "--max-error", "1", "--json"]) == 0
    printed = capsys.readouterr()
    result = json.loads(printed.out)
    assert result["target"] == str(tmp_path / "photos sorted")
    assert sum(result["num_per_folder"].values()) == 6
    command = printed.err.rpartition("To undo it: classifold ")[2].splitlines()[0]
    assert os.name == "nt" or shlex.split(command) == ["sort", "--undo", result["target"]]
    assert main(["sort", "--undo", result["target"]]) == 0
    assert capsys.readouterr().out == "6 images were restored.\n"
    assert {path: path.read_bytes() for path in photos.rglob("*.*")} == before


def test_a_missing_folder_and_a_missing_undo_file_are_errors(
    tiny_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sort", str(tiny_run.model_path), str(tmp_path / "missing")]) == 1
    assert "does not exist" in capsys.readouterr().err
    assert main(["sort", "--undo", str(tmp_path)]) == 1
    assert "no undo file" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["model.safetensors"],
        ["--undo"],
        ["model.safetensors", "photos", "--undo", "sorted"],
        ["--undo", "sorted", "--mode", "move"],
        ["--undo", "sorted", "--out", "elsewhere"],
        ["model.safetensors", "photos", "--by", "move"],
    ],
)
def test_arguments_that_do_not_fit_together_are_wrong_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sort", *arguments]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_images_that_could_not_be_sorted_are_counted_and_give_exit_code_1(
    tiny_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = write_classes(tmp_path / "photos", {"red": 3, "blue": 3}, seed=4)
    real = sorter.transfer_file

    def transfer(source: Path, target: Path, mode: TransferMode) -> None:
        if source.name == "001.png":
            raise PermissionError(13, "Permission denied")
        real(source, target, mode)

    monkeypatch.setattr(sorter, "transfer_file", transfer)
    assert main(["sort", str(tiny_run.model_path), str(photos), "--max-error", "1"]) == 1
    printed = capsys.readouterr()
    assert printed.err.count("It cannot be copied: Permission denied.") == 2
    assert "2 images could not be sorted" in printed.err
    assert "       2  skipped" in printed.out
