"""Tests of BatchNorm fusion."""

from concurrent.futures import ThreadPoolExecutor

import torch

from engine.ml.models.build import build_model
from engine.ml.models.fusion import fuse_batchnorm


def test_many_threads_can_fuse_networks_at_once() -> None:
    network = build_model("resnet18", 2, 32, 0.0).eval()
    images = torch.randn(2, 3, 32, 32)
    with ThreadPoolExecutor(8) as threads, torch.inference_mode():
        results = list(threads.map(lambda _: fuse_batchnorm(network), range(16)))
        assert all(torch.allclose(fused(images), network(images), atol=1e-4) for fused in results)
