"""A few rounds of `tests.torture`; many are run by hand."""

import os
from pathlib import Path

import pytest

from tests.torture import torture


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="this system has no fork")
def test_a_training_that_is_killed_at_random_moments_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    outcome = torture(4, seed=1, folder=tmp_path)
    assert not outcome.faults
    assert outcome.num_kills >= 1
