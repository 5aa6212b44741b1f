"""Tests of exports of the networks that people ask for, on photos at a small size."""

from pathlib import Path

import pytest

from benchmarks.exports import BACKBONES, briefly_trained, exported, few_images
from engine.config.backbones import find_backbone
from engine.results.export_verification import ExportOptions


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", BACKBONES)
def test_files_and_script_give_the_classes_of_the_program_on_100_photos(
    shared: Path, tmp_path: Path, name: str
) -> None:
    data = few_images(shared / "data" / "hymenoptera", tmp_path / "few")
    run = briefly_trained(data, tmp_path / "run", name, 96, shared / "weights" / "mobilenet_v2.pth")
    for options in (ExportOptions(format="onnx"), ExportOptions(format="pt2")):
        certificate = exported(run, options)
        assert certificate.num_images == certificate.num_equal == 100
        assert certificate.max_difference < 1e-3
        assert certificate.model_accuracy is not None
        assert certificate.model_accuracy > 0.5  # half would be right where all were said to be of one class
        assert certificate.script_num_equal == (100 if options.format == "onnx" else None)
        assert certificate.passed


def test_each_of_these_networks_is_in_the_catalog() -> None:
    assert [find_backbone(name).name for name in BACKBONES] == list(BACKBONES)
