"""Tests of engine.core.garbage_collection."""

import gc

import pytest

from engine.core.garbage_collection import collector_paused


def test_the_collector_is_paused_during_the_block_and_runs_after_an_error() -> None:
    during = []

    def fail() -> None:
        with collector_paused():
            during.append(gc.isenabled())
            raise ValueError("in the block")

    with pytest.raises(ValueError, match="in the block"):
        fail()
    assert (during, gc.isenabled()) == ([False], True)


def test_a_collector_that_was_disabled_stays_disabled() -> None:
    gc.disable()
    try:
        with collector_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
