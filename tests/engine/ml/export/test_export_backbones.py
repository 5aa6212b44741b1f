"""Tests of exports of popular backbones, on photos at a small size."""

from pathlib import Path

import pytest

from benchmarks.exports import BACKBONES, copy_few_images, export_run, train_briefly
from engine.config.backbones import find_backbone
from engine.results.export_verification import ExportOptions


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", BACKBONES)
def test_file_and_script_predict_the_classes_of_the_program_on_100_photos(
    shared: Path, tmp_path: Path, name: str
) -> None:
    data = copy_few_images(shared / "data" / "hymenoptera", tmp_path / "few")
    run = train_briefly(data, tmp_path / "run", name, 96, shared / "weights" / "mobilenet_v2.pth")
    for options in (ExportOptions(format="onnx"), ExportOptions(format="pt2")):
        record = export_run(run, options)
        assert record.num_images == record.num_equal == 100
        assert record.max_difference < 1e-3
        assert record.model_accuracy is not None
        assert record.model_accuracy > 0.5  # predicting one class for all images would reach half
        assert record.script_num_equal == (100 if options.format == "onnx" else None)
        assert record.passed


def test_each_of_these_backbones_is_in_the_catalog() -> None:
    assert [find_backbone(name).name for name in BACKBONES] == list(BACKBONES)
