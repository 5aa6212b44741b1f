"""Tests of the robustness report."""

import json
from pathlib import Path
from typing import get_args

import pytest

from engine.core.errors import EngineError
from engine.results.robustness import (
    CORRUPTION_NAMES,
    Broken,
    CorruptionKind,
    RobustnessReport,
    Trial,
    read_robustness,
    write_robustness,
)


def _trial(kind: CorruptionKind, level: float, accuracy: float, broken_path: str = "") -> Trial:
    broken = Broken(path=broken_path, label="ant", predicted="bee") if broken_path else None
    return Trial(kind=kind, level=level, accuracy=accuracy, num_images=10, broken=broken)


REPORT = RobustnessReport(
    root="/photos",
    num_images=10,
    accuracy=0.9,
    trials=(
        _trial("blur", 1, 0.9),
        _trial("blur", 2, 0.8, "a.png"),
        _trial("blur", 4, 0.4, "b.png"),
        _trial("noise", 10, 0.9),
    ),
)


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_robustness(REPORT, tmp_path / "robustness.json")
    assert read_robustness(tmp_path / "robustness.json") == REPORT


def test_a_report_of_an_earlier_version_is_read_with_the_current_words(tmp_path: Path) -> None:
    document = json.loads(REPORT.model_dump_json())
    for trial in document["trials"]:
        trial["words"] = "blurred over 1 % of the side"
    (tmp_path / "robustness.json").write_text(json.dumps(document))
    report = read_robustness(tmp_path / "robustness.json")
    assert report == REPORT
    assert report.trials[3].words == "noise σ = 10"


def test_a_damaged_report_raises_an_error(tmp_path: Path) -> None:
    (tmp_path / "robustness.json").write_text("{")
    with pytest.raises(EngineError, match="Measure robustness again"):
        read_robustness(tmp_path / "robustness.json")


def test_the_first_failure_is_at_the_mildest_level_with_a_broken_image() -> None:
    first = REPORT.first_failure("blur")
    assert first is not None
    assert first.broken is not None
    assert first.broken.path == "a.png"
    assert REPORT.first_failure("noise") is None


def test_the_worst_trial_has_the_lowest_accuracy() -> None:
    assert REPORT.worst == REPORT.trials[2]
    assert REPORT.model_copy(update={"trials": REPORT.trials[:1]}).worst is None


@pytest.mark.parametrize("kind", get_args(CorruptionKind))
def test_every_kind_of_corruption_has_a_name_and_a_level_in_words(kind: CorruptionKind) -> None:
    assert CORRUPTION_NAMES[kind]
    assert "12" in _trial(kind, 12, 0.5).words
