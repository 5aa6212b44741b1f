"""Tests of inference on a batch that does not fit into memory."""

import pytest
import torch

from engine.ml.models.inference import split_on_oom


@pytest.mark.parametrize("failure", [torch.OutOfMemoryError("out of memory"), MemoryError()])
def test_a_batch_that_does_not_fit_into_memory_is_halved_until_it_fits(failure: Exception) -> None:
    sizes: list[int] = []

    def network(batch: torch.Tensor) -> torch.Tensor:
        sizes.append(len(batch))
        if len(batch) > 2:
            raise failure
        return 2 * batch

    batch = torch.arange(7.0)
    assert torch.equal(split_on_oom(network, batch), 2 * batch)
    assert max(sizes) == 7


def test_an_image_that_does_not_fit_into_memory_is_an_error() -> None:
    def network(_: torch.Tensor) -> torch.Tensor:
        raise MemoryError

    with pytest.raises(MemoryError):
        split_on_oom(network, torch.zeros(4))
