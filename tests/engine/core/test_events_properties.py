"""Property tests of events and their JSON lines."""

import contextlib
import json
from typing import Any

from hypothesis import given
from pydantic import ValidationError

from engine.core.events import from_line, to_line
from tests.engine.strategies import events, json_values, texts


@given(events)
def test_an_event_is_one_line_and_is_unchanged_after_reading(event: Any) -> None:
    line = to_line(event)
    assert "\n" not in line
    assert from_line(line) == event


@given(texts | json_values.map(json.dumps))
def test_any_other_line_raises_a_validation_error(line: str) -> None:
    with contextlib.suppress(ValidationError):
        from_line(line)
