"""Fast inference: BatchNorm fused into convolutions, channels-last layout, the precision of the run."""

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor, nn

from engine.ml.models.build import Classifier
from engine.ml.models.fusion import fuse_batchnorm
from engine.ml.models.preprocessing import Preprocessing, normalise
from engine.ml.runtime.memory import free_memory, is_out_of_memory

Forward: TypeAlias = Callable[[Tensor], Tensor]


def make_image_forward(
    model: Classifier, preprocessing: Preprocessing, device: torch.device, dtype: torch.dtype
) -> Forward:
    """Return a function from uint8 images (N, 3, S, S) to float32 logits (N, K)."""
    embed = make_embedding_forward(model.backbone, preprocessing, device, dtype)
    return with_head(embed, model, device)


def make_embedding_forward(
    network: nn.Module, preprocessing: Preprocessing, device: torch.device, dtype: torch.dtype
) -> Forward:
    """Return a function from uint8 images (N, 3, S, S) to the output of `network` in `dtype`."""
    fused = fuse_for_inference(network, device, dtype)

    def forward(images: Tensor) -> Tensor:
        batch = normalise(images.to(device), preprocessing).to(dtype)
        return split_on_oom(fused, batch.contiguous(memory_format=torch.channels_last))

    return forward


def split_on_oom(network: Forward, batch: Tensor) -> Tensor:
    """Return `network(batch)`; if memory runs out, split the batch in halves and retry."""
    try:
        return network(batch)
    except (RuntimeError, MemoryError) as error:
        if len(batch) < 2 or not is_out_of_memory(error):
            raise
    # Outside the except block, because there the traceback keeps the memory of the failed call allocated
    free_memory()
    return torch.cat([split_on_oom(network, half) for half in batch.chunk(2)])


def with_head(embed: Forward, model: Classifier, device: torch.device) -> Forward:
    """Return `embed` followed by the current head of `model`."""
    head = make_head_forward(model)

    def forward(inputs: Tensor) -> Tensor:
        return head(embed(inputs.to(device)))

    return forward


def make_head_forward(model: Classifier) -> Forward:
    """Return a function from embeddings (N, D) to logits (N, K), using a copy of the current head.

    It computes in float32, because half precision would make similar logits equal.
    """
    weight, bias = (tensor.detach().float().clone() for tensor in (model.head.weight, model.head.bias))

    def forward(embeddings: Tensor) -> Tensor:
        return nn.functional.linear(embeddings.float(), weight.to(embeddings.device), bias.to(embeddings.device))

    return forward


def fuse_for_inference(network: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """Return a fused copy of `network` in eval mode on a device, in channels-last layout."""
    return fuse_batchnorm(network).to(device, dtype, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
