"""Tests of progress and messages in the terminal."""

from collections.abc import Iterator

import pytest

from engine.cli.console import Console, printable
from engine.core.events import Event, Progress
from engine.core.formatting import progress_details


def test_the_terminal_shows_the_speed_and_time_left_of_the_window(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = Progress(stage="train", done=8, total=24, epoch=2, images_per_second=5, seconds_left=200)

    def work() -> Iterator[Event]:
        yield progress

    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    Console().run(work())  # type: ignore[arg-type]
    shown = capsys.readouterr().err
    assert "Training, epoch 2" in shown
    assert len(progress_details(progress)) == 2
    assert all(text in shown for text in progress_details(progress))


def test_characters_that_control_a_terminal_are_escaped() -> None:
    assert printable("a\x1b[31m\u202eb") == "a\\u001b[31m\\u202eb"


def test_counts_are_printed_with_ordinary_spaces_and_file_names_as_they_are() -> None:
    assert printable("2\xa0images, 95\xa0%: photo\xa01\xa0.jpg") == "2 images, 95 %: photo\xa01\xa0.jpg"
