"""Tests of the list of candidates."""

import pytest
from PySide6.QtWidgets import QLabel, QScrollArea
from pytestqt.qtbot import QtBot

from engine.core.events import CandidateDone, RaceDone, RunDone
from engine.runs.history import History
from gui.widgets.candidate_list import MAX_ROWS, CandidateList


@pytest.fixture
def candidates(frame: QScrollArea) -> CandidateList:
    candidates = CandidateList()
    frame.setWidget(candidates)
    candidates.hide()
    return candidates


def _candidate(name: str, accuracy: float, epoch: int = 1) -> CandidateDone:
    return CandidateDone(name=name, epoch=epoch, accuracy=accuracy, loss=0.1, seconds=4.2)


def _texts(candidates: CandidateList) -> list[tuple[str, ...]]:
    return [tuple(text.replace("\N{NO-BREAK SPACE}", " ") for text in row) for row in candidates.rows]


def test_a_run_without_candidates_shows_nothing(candidates: CandidateList) -> None:
    candidates.show_history(History())
    assert candidates.isHidden()


def test_the_best_so_far_is_marked(candidates: CandidateList) -> None:
    candidates.show_history(
        History.from_events([_candidate("A, linear head", 0.954), _candidate("A, last block", 0.9)])
    )
    assert not candidates.isHidden()
    assert _texts(candidates) == [
        ("A, linear head", "95.4 %", "4 s", "best so far"),
        ("A, last block", "90 %", "4 s", ""),
    ]
    assert candidates.reason.isHidden()
    assert "95.4\N{NO-BREAK SPACE}%" in [label.text() for label in candidates.findChildren(QLabel)]


def test_the_winner_and_the_reason_are_shown_at_the_end(candidates: CandidateList) -> None:
    events = [_candidate("A", 0.9), _candidate("B", 0.9), RaceDone(winner="B", reason="B has the lower loss.")]
    candidates.show_history(History.from_events(events))
    assert [row[-1] for row in candidates.rows] == ["", "kept"]
    assert candidates.reason.text() == "B has the lower loss."
    assert not candidates.reason.isHidden()


def test_a_run_that_was_stopped_before_the_choice_has_a_best_candidate(candidates: CandidateList) -> None:
    history = History.from_events([_candidate("A", 0.9), _candidate("B", 0.8)])
    candidates.show_history(history)
    history.add(RunDone(model="m", seconds=1, stopped=True))
    candidates.show_history(history)
    assert [row[-1] for row in candidates.rows] == ["best", ""]


def test_only_the_best_of_many_candidates_are_shown_in_their_order(candidates: CandidateList) -> None:
    many = [_candidate(str(number), number / 100) for number in range(20)]
    candidates.show_history(History.from_events([*many, RaceDone(winner="3", reason="Chosen.")]))
    assert [row[0] for row in candidates.rows] == ["3", "16", "17", "18", "19"]
    assert len(candidates.rows) == MAX_ROWS


def test_another_run_replaces_the_rows(candidates: CandidateList, qtbot: QtBot) -> None:
    candidates.show_history(History.from_events([_candidate("A", 0.9)]))
    candidates.show_history(History.from_events([_candidate("B", 0.8)]))
    assert [row[0] for row in candidates.rows] == ["B"]
    qtbot.waitUntil(lambda: "A" not in [label.text() for label in candidates.findChildren(QLabel)])
    candidates.show_history(History())
    assert candidates.isHidden()
