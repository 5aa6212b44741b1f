"""Fixtures of the tests of training."""

from pathlib import Path

import pytest

from engine.runs.history import History


@pytest.fixture(autouse=True)
def no_history_plot(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip the plot at the end of a run, which takes longer than a small training, except in slow tests."""
    if request.node.get_closest_marker("slow") is None:
        monkeypatch.setattr("engine.ml.report.history_plot.draw_history", _do_nothing)


def _do_nothing(history: History, path: Path) -> None:
    pass
