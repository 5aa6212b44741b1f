"""The fastest form of a network that only answers: convolutions and norms fused, in the precision of the run."""

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
    """Return the function from uint8 images (N, 3, S, S) to logits (N, K), float32."""
    embed = make_embedding_forward(model.backbone, preprocessing, device, dtype)
    return with_head(embed, model, device)


def make_embedding_forward(
    network: nn.Module, preprocessing: Preprocessing, device: torch.device, dtype: torch.dtype
) -> Forward:
    """Return the function from uint8 images (N, 3, S, S) to what `network` says of them, in `dtype`."""
    answering = fuse_for_inference(network, device, dtype)

    def forward(images: Tensor) -> Tensor:
        batch = normalise(images.to(device), preprocessing).to(dtype)
        return split_on_oom(answering, batch.contiguous(memory_format=torch.channels_last))

    return forward


def split_on_oom(network: Forward, batch: Tensor) -> Tensor:
    """Return what `network` says of a batch, taken in halves where memory does not hold all of it at once."""
    try:
        return network(batch)
    except (RuntimeError, MemoryError) as error:
        if len(batch) < 2 or not is_out_of_memory(error):
            raise
    # Behind the handler: within it the traceback holds the memory of what failed
    free_memory()
    return torch.cat([split_on_oom(network, half) for half in batch.chunk(2)])


def with_head(embed: Forward, model: Classifier, device: torch.device) -> Forward:
    """Return `embed` followed by the head as it is now."""
    head = make_head_forward(model)

    def forward(inputs: Tensor) -> Tensor:
        return head(embed(inputs.to(device)))

    return forward


def make_head_forward(model: Classifier) -> Forward:
    """Return the function from embeddings (N, D) to logits (N, K), the head as it is now.

    It works in float32, for half precision would blur close answers.
    """
    weight, bias = (tensor.detach().float().clone() for tensor in (model.head.weight, model.head.bias))

    def forward(embeddings: Tensor) -> Tensor:
        return nn.functional.linear(embeddings.float(), weight.to(embeddings.device), bias.to(embeddings.device))

    return forward


def fuse_for_inference(network: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """Return a copy in eval mode, each BatchNorm folded into the convolution before it."""
    return fuse_batchnorm(network).to(device, dtype, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
