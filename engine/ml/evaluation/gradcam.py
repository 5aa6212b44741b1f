"""Where a network looks: class activation maps by gradients, for every backbone family.

Grad-CAM (Selvaraju et al., 2017) is heat = relu(sum_c mean(d score / d A_c) A_c), with A the last activations that
still have a place in the picture. We weigh each place by its own gradient instead of their mean over all places,
heat = relu(sum_c d score / d A_c * A_c) (HiResCAM, Draelos and Carin, 2020, equation 5): before global average pooling
the two are the same, and only so can a finer layer be read, see docs/decisions/0005. What differs between families is
how activations lie in memory: (1, C, H, W) in convolutional networks, (1, H, W, C) in Swin, (1, 1 + H * W, C) in ViT,
whose first token is the class token.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn
from torchvision.models.vision_transformer import VisionTransformer

from engine.ml.models.build import Classifier
from engine.ml.models.se_resnet import SEResNet

Layout: TypeAlias = Literal["channels_first", "channels_last", "tokens"]

MIN_SIDE = 7
"""Coarser activations are passed over where there are finer ones: on 4 x 4 fields a map says next to nothing."""
SE_RESNET_MIN_SIDE = 12
"""Our SE-ResNet takes small pictures, all of which each of its last fields sees."""


@dataclass(frozen=True, slots=True)
class Layer:
    """The module whose output (for ViT: input) the map is made of, and how that lies in memory."""

    module: nn.Module
    layout: Layout


@dataclass(frozen=True, slots=True)
class CamResult:
    """One pass of one picture through a network."""

    heat: Tensor
    """Shape (S, S), float32, 0..1: what speaks for the class, the strongest place being 1."""
    logits: Tensor
    """Shape (K,), float32."""
    embedding: Tensor
    """Shape (D,), float32."""
    label: int
    """The class the heat is for."""


def find_layer(model: Classifier, batch: Tensor) -> Layer:
    """Return the last layer with a place for each part of the picture, found by running `batch` (1, 3, S, S) once.

    Only modules that follow one another in a row count, so that all the network knows goes through the chosen one: a
    branch inside a block would show a part. In a ViT, patches no longer matter behind the last block, for only the
    class token is read there; so it is the input of that block. The last layer with at least `MIN_SIDE` places a side
    is taken (`SE_RESNET_MIN_SIDE` in ours); of small images, a place for each four pixels is enough.
    """
    if isinstance(model.backbone, VisionTransformer):
        return Layer(list(model.backbone.encoder.layers.children())[-1], "tokens")
    sides: list[tuple[int, Layer]] = []

    def note(module: nn.Module, _inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor) and (layout := _layout(output)) is not None:
            sides.append((output.shape[2], Layer(module, layout)))

    hooks = [module.register_forward_hook(note) for module in _in_a_row(model.backbone)]
    try:
        with torch.no_grad():
            model(batch)
    finally:
        for hook in hooks:
            hook.remove()
    # The finest activations of small images are those of the first layer, which knows of edges alone
    wanted = SE_RESNET_MIN_SIDE if isinstance(model.backbone, SEResNet) else MIN_SIDE
    enough = min(wanted, batch.shape[2] // 4, max(side for side, _ in sides))
    return [layer for side, layer in sides if side >= enough][-1]


def compute_cam(model: Classifier, layer: Layer, batch: Tensor, label: int | None = None) -> CamResult:
    """Return the heat map of class `label`, or of the likeliest one, for a normalised batch (1, 3, S, S), float32.

    `model` is in eval mode and float32. The score is the class's logit less the mean of all: what speaks for every
    class alike speaks for none.
    """
    with torch.enable_grad(), _capture_activations(layer) as heard:
        embedding = model.embed(batch)
        logits = model.head(embedding)[0]
        chosen = int(logits.argmax()) if label is None else label
        (gradient,) = torch.autograd.grad(logits[chosen] - logits.mean(), heard)
    activation, slope = (_channels_first(tensor.detach(), layer.layout) for tensor in (heard[0], gradient))
    heat = (slope * activation).sum(0)
    size = (batch.shape[2], batch.shape[3])
    large = nn.functional.interpolate(heat[None, None], size, mode="bilinear", align_corners=False)[0, 0]
    return CamResult(_scaled(large).cpu(), logits.detach().cpu(), embedding[0].detach().cpu(), chosen)


def _scaled(heat: Tensor) -> Tensor:
    """Cut off what speaks against the class and scale to 0..1; where nothing speaks for it, show what does so least."""
    if (heat.max() <= 0).item():
        heat = heat - heat.min()
    heat = heat.clamp_min(0)
    return heat / heat.max().clamp_min(torch.finfo(heat.dtype).tiny)


@contextmanager
def _capture_activations(layer: Layer) -> Iterator[list[Tensor]]:
    """Collect the activations of `layer`, the graph of gradients beginning at them."""
    heard: list[Tensor] = []

    def begin(tensor: Tensor) -> Tensor:
        # A copy, for some networks change the activations in place, which torch forbids at the root of a graph. It is
        # the changed values, and gradients by them, that are read then.
        heard.append(tensor.detach().requires_grad_().clone())
        return heard[0]

    if layer.layout == "tokens":
        hook = layer.module.register_forward_pre_hook(lambda _module, inputs: (begin(inputs[0]), *inputs[1:]))
    else:
        hook = layer.module.register_forward_hook(lambda _module, _inputs, output: begin(output))
    try:
        yield heard
    finally:
        hook.remove()


def _in_a_row(network: nn.Module) -> Iterator[nn.Module]:
    for child in network.children():
        if isinstance(child, nn.Sequential | nn.ModuleList):
            yield from _in_a_row(child)
        # Pooling to a fixed size enlarges what is smaller: VGG makes 7 x 7 equal fields of one
        if not isinstance(child, nn.AdaptiveAvgPool2d):
            yield child


def _layout(output: Tensor) -> Layout | None:
    if output.ndim != 4:
        return None
    _, first, second, third = output.shape
    if second == third and first != second:
        return "channels_first"
    return "channels_last" if first == second else None


def _channels_first(tensor: Tensor, layout: Layout) -> Tensor:
    """Return activations of one picture, shape (C, H, W)."""
    if layout == "channels_first":
        return tensor[0]
    if layout == "channels_last":
        return tensor[0].permute(2, 0, 1)
    patches = tensor[0, 1:]
    side = math.isqrt(len(patches))
    return patches.T.reshape(-1, side, side)
