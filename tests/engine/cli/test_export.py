"""Tests of the subcommand export."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.cli.main import main
from engine.results.export_verification import ExportVerification, read_verification
from engine.runs.run_folder import Run


def test_export_prints_only_the_verification_record_on_stdout(
    tiny_run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "model.onnx"
    assert main(["export", str(tiny_run.model_path), "--format", "onnx", "--out", str(out), "--json"]) == 0
    printed = capfd.readouterr()
    assert ExportVerification.model_validate_json(printed.out) == read_verification(out)
    assert str(out) in printed.err


def test_a_wrong_file_suffix_and_an_unknown_format_are_errors(
    tiny_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(tiny_run.model_path), "--format", "pt2", "--out", str(tmp_path / "model.onnx")]) == 1
    assert "must end in .pt2" in capsys.readouterr().err
    assert main(["export", str(tiny_run.model_path), "--format", "tflite", "--out", "x"]) == 2


INTERRUPTED = """
import os, signal, sys
from engine.core import process
start_program = process.start_program
def start_and_interrupt(*arguments, errors):
    started = start_program(*arguments, errors=errors)
    os.killpg(0, signal.SIGINT)
    return started
process.start_program = start_and_interrupt
from engine.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(os.name != "posix", reason="the terminal's process group is that of POSIX")
def test_ctrl_c_during_an_export_stops_it_with_exit_code_130(tiny_run: Run, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    arguments = ["export", str(tiny_run.model_path), "--out", str(tmp_path / "out" / "a.onnx")]
    command = [sys.executable, "-c", INTERRUPTED, *arguments]
    done = subprocess.run(command, start_new_session=True, capture_output=True, text=True, check=False)
    assert (done.returncode, "Stopped." in done.stderr) == (130, True), done.stderr
    assert list((tmp_path / "out").iterdir()) == []
