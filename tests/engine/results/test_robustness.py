"""Tests of the robustness card as data."""

from pathlib import Path

import pytest

from engine.core.errors import EngineError
from engine.results.robustness import Broken, CorruptionKind, RobustnessReport, Trial, read_robustness, write_robustness


def _trial(kind: CorruptionKind, level: float, accuracy: float, breaks: str = "") -> Trial:
    broken = Broken(path=breaks, label="ant", predicted="bee") if breaks else None
    return Trial(kind=kind, level=level, words="changed", accuracy=accuracy, num_images=10, broken=broken)


CARD = RobustnessReport(
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


def test_a_card_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_robustness(CARD, tmp_path / "robustness.json")
    assert read_robustness(tmp_path / "robustness.json") == CARD


def test_a_damaged_card_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "robustness.json").write_text("{")
    with pytest.raises(EngineError, match="Measure it again"):
        read_robustness(tmp_path / "robustness.json")


def test_the_image_that_breaks_first_is_that_of_the_mildest_level() -> None:
    first = CARD.first_failure("blur")
    assert first is not None
    assert first.broken is not None
    assert first.broken.path == "a.png"
    assert CARD.first_failure("noise") is None


def test_the_worst_trial_is_the_one_that_loses_most() -> None:
    assert CARD.worst == CARD.trials[2]
    assert CARD.model_copy(update={"trials": CARD.trials[:1]}).worst is None
