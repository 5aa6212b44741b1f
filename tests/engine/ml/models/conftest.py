"""Fixtures of tests of models and weights."""

import pytest
import torch
from torchvision import models

from tests.engine.ml.models.pretrained_files import TINY


@pytest.fixture
def theirs():
    """Return a small network of torchvision."""
    torch.manual_seed(7)
    return models.get_model(TINY, weights=None)
