"""Tests of events and their JSON lines."""

import json

import pytest
from pydantic import ValidationError

from engine.core.events import (
    Best,
    EpochDone,
    Event,
    Progress,
    RunDone,
    RunStarted,
    TrainScores,
    ValScores,
    Warned,
    from_line,
    to_line,
)

EVENTS: list[Event] = [
    RunStarted(
        run="r", classes=("ant", "bée"), num_train=4, num_val=2, device="cpu", precision="float32", parameters=9,
        trainable=3, epochs=2,
    ),
    Progress(stage="train", done=1, total=4, images_per_second=2.5, epoch=1, loss=0.5),
    EpochDone(
        epoch=1, epochs=2, train=TrainScores(loss=1, accuracy=0.5, plain_accuracy=0.75),
        val=ValScores(loss=2, accuracy=1), lr=0.1, seconds=3, best=True,
    ),
    Warned(message="torn\nline", path="a b/ü.jpg"),
    RunDone(model="m", best=Best(epoch=1, accuracy=1, loss=2), seconds=9, stopped=False),
    RunDone(model="m", seconds=9, stopped=True),
]  # fmt: skip


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.event)
def test_an_event_survives_serialization(event: Event) -> None:
    line = to_line(event)
    assert "\n" not in line
    assert json.loads(line)["event"] == event.event
    assert from_line(line) == event


@pytest.mark.parametrize("line", ["", "{", "null", '{"event": "party"}', '{"event": "warning"}'])
def test_a_line_that_is_not_an_event_is_rejected(line: str) -> None:
    with pytest.raises(ValidationError):
        from_line(line)


def test_events_reject_nan() -> None:
    with pytest.raises(ValidationError):
        ValScores(loss=float("nan"), accuracy=0.5)


def test_events_are_immutable() -> None:
    with pytest.raises(ValidationError):
        EVENTS[3].message = "other"  # type: ignore[misc,union-attr]
