"""Tests of the subcommand export."""

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
