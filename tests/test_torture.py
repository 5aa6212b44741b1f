"""A few rounds of the kill test `tests.torture`."""

import os
from pathlib import Path

import pytest

from tests.torture import torture


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs fork")
def test_a_training_killed_at_random_moments_resumes_to_an_identical_result(tmp_path: Path) -> None:
    outcome = torture(4, seed=1, folder=tmp_path)
    assert not outcome.failures
    assert outcome.num_kills >= 1
