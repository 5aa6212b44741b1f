"""Tests of graphs that are made while other threads use networks."""

from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor, nn

from engine.ml.models.build import build_model
from engine.ml.models.graph_tracing import ThreadTracer, fused


class _Meanwhile(nn.Module):
    """Has another thread use `other` while this network is traced."""

    def __init__(self, other: nn.Module, images: Tensor) -> None:
        super().__init__()
        self.own = nn.Linear(2, 2)
        self._ask = lambda: other(images)
        self.answers: list[Future[Tensor]] = []

    def forward(self, x: Tensor) -> Tensor:
        with ThreadPoolExecutor(1) as thread:
            self.answers.append(thread.submit(self._ask))
        return self.own(x)  # type: ignore[no-any-return]


def test_a_network_answers_in_one_thread_while_another_is_traced() -> None:
    other = build_model("se_resnet", 2, 32, 0.0).eval()
    images = torch.randn(2, 3, 32, 32)
    network = _Meanwhile(other, images)
    ThreadTracer().trace(network)
    assert torch.equal(network.answers[0].result(), other(images))


def test_a_network_learns_in_one_thread_while_another_is_traced() -> None:
    other = build_model("se_resnet", 2, 32, 0.0).train()
    network = _Meanwhile(other, torch.randn(2, 3, 32, 32))
    ThreadTracer().trace(network)
    network.answers[0].result().sum().backward()
    assert all(parameter.grad is not None for parameter in other.parameters())


def test_many_threads_fuse_networks_at_once() -> None:
    network = build_model("resnet18", 2, 32, 0.0).eval()
    images = torch.randn(2, 3, 32, 32)
    with ThreadPoolExecutor(8) as threads, torch.inference_mode():
        made = list(threads.map(lambda _: fused(network), range(16)))
        assert all(torch.allclose(one(images), network(images), atol=1e-4) for one in made)
