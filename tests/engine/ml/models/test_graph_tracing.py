"""Tests of tracing graphs while other threads use networks."""

from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor, nn

from engine.ml.models.build import build_model
from engine.ml.models.graph_tracing import ThreadTracer


class _CallsOtherNetwork(nn.Module):
    """A network that calls `other` in another thread while it is traced itself."""

    def __init__(self, other: nn.Module, images: Tensor) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self._call_other = lambda: other(images)
        self.outputs: list[Future[Tensor]] = []

    def forward(self, x: Tensor) -> Tensor:
        with ThreadPoolExecutor(1) as thread:
            self.outputs.append(thread.submit(self._call_other))
        return self.linear(x)  # type: ignore[no-any-return]


def test_inference_works_in_one_thread_while_another_traces() -> None:
    other = build_model("se_resnet", 2, 32, 0.0).eval()
    images = torch.randn(2, 3, 32, 32)
    network = _CallsOtherNetwork(other, images)
    ThreadTracer().trace(network)
    assert torch.equal(network.outputs[0].result(), other(images))


def test_training_works_in_one_thread_while_another_traces() -> None:
    other = build_model("se_resnet", 2, 32, 0.0).train()
    network = _CallsOtherNetwork(other, torch.randn(2, 3, 32, 32))
    ThreadTracer().trace(network)
    network.outputs[0].result().sum().backward()
    assert all(parameter.grad is not None for parameter in other.parameters())
