"""Tests of exports with 8-bit integers."""

from pathlib import Path

import onnx
import pytest

from engine.core.errors import EngineError
from engine.ml.export import verification
from engine.results.export_verification import read_verification
from engine.runs.run_folder import Run
from tests.engine.ml.export.exporting import INT8, export_to
from tests.images import write_classes


@pytest.mark.slow
def test_an_int8_export_that_loses_too_much_accuracy_is_refused(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "MAX_ACCURACY_LOSS", -1.0)
    with pytest.raises(EngineError, match="Export it as floats"):
        export_to(run, tmp_path / "a.onnx", INT8)
    assert not (tmp_path / "a.onnx").exists()
    assert read_verification(tmp_path / "a.disagrees.onnx").int8


@pytest.mark.slow
def test_an_int8_export_is_calibrated_on_training_and_verified_on_validation_images(run: Run, tmp_path: Path) -> None:
    record = export_to(run, tmp_path / "a.onnx", INT8)
    assert record.int8
    assert record.speedup is not None
    assert record.num_images == len(run.dataset.of_split("val"))
    assert record.notes == ("Calibrated on 36 training images.",)
    assert (record.model_accuracy or 0) - (record.accuracy or 0) <= 0.02
    kinds = {node.op_type for node in onnx.load(tmp_path / "a.onnx").graph.node}
    assert "QuantizeLinear" in kinds


@pytest.mark.slow
def test_without_a_split_half_of_the_images_calibrate_and_half_verify_int8(run: Run, tmp_path: Path) -> None:
    other = write_classes(tmp_path / "other", {"red": 6, "green": 6}, seed=9)
    record = export_to(run, tmp_path / "a.onnx", INT8, other)
    assert record.num_images == 6
    assert "6 validation images that were not used for verification" in record.notes[0]
