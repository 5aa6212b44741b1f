"""Class activation maps by gradients (HiResCAM), for every backbone family.

Grad-CAM (Selvaraju et al., 2017) computes heat = relu(sum_c mean(d score / d A_c) A_c), where A_c is channel c of the
last activations that have spatial positions. HiResCAM (Draelos and Carin, 2020, equation 5) weights each position by
its own gradient instead of the mean: heat = relu(sum_c d score / d A_c * A_c). Both are equal for the layer before
global average pooling; only HiResCAM is faithful for finer layers, see docs/decisions/0005.

Backbone families differ in the memory layout of activations: (1, C, H, W) in convolutional networks, (1, H, W, C) in
Swin, and (1, 1 + H * W, C) in ViT, where the first token is the class token.
"""

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn

from engine.ml.models.build import Classifier
from engine.ml.models.lazy_torchvision import is_vision_transformer
from engine.ml.models.se_resnet import SEResNet

Layout: TypeAlias = Literal["channels_first", "channels_last", "tokens"]

MIN_SIDE = 7
"""Smallest side of the activations, where the network has such: a 4 x 4 map shows almost nothing."""
SE_RESNET_MIN_SIDE = 12
"""The same for our SE-ResNet, whose last positions each see the whole of a small image."""


@dataclass(frozen=True, slots=True)
class TargetLayer:
    """The module whose output (for ViT: input) the map is computed from, and the memory layout of that tensor."""

    module: nn.Module
    layout: Layout


@dataclass(frozen=True, slots=True)
class CamResult:
    """Heat map of one image with the outputs of the same forward pass."""

    heat: Tensor
    """Shape (S, S), float32, 0..1: evidence for the class at each pixel, 1 at the strongest."""
    logits: Tensor
    """Shape (K,), float32."""
    embedding: Tensor
    """Shape (D,), float32."""
    label: int
    """Index of the class that the heat map explains."""


def find_target_layer(model: Classifier, batch: Tensor) -> TargetLayer:
    """Return the last layer whose activations are fine enough for a heat map.

    Only modules that run in sequence are considered, because a branch inside a block carries part of the information.
    For ViT it is the input of the last block, behind which only the class token is used. The side of the activations
    is at least `MIN_SIDE` (`SE_RESNET_MIN_SIDE` for our SE-ResNet), or a quarter of the image side if that is less.

    Args:
        model: Classifier in eval mode.
        batch: Normalised image, float32, shape (1, 3, S, S); it is run through the model once.
    """
    if is_vision_transformer(model.backbone):
        return TargetLayer(list(model.backbone.get_submodule("encoder.layers").children())[-1], "tokens")
    sides: list[tuple[int, TargetLayer]] = []
    is_own_thread = _thread_check()

    def record(module: nn.Module, _inputs: Any, output: Any) -> None:
        if is_own_thread() and isinstance(output, Tensor) and (layout := _layout(output)) is not None:
            sides.append((output.shape[2], TargetLayer(module, layout)))

    hooks = [module.register_forward_hook(record) for module in _sequential_modules(model.backbone)]
    try:
        with torch.no_grad():
            model(batch)
    finally:
        for hook in hooks:
            hook.remove()
    # For small images a fixed minimum would select the first layer, which detects only edges
    min_side = SE_RESNET_MIN_SIDE if isinstance(model.backbone, SEResNet) else MIN_SIDE
    min_side = min(min_side, batch.shape[2] // 4, max(side for side, _ in sides))
    return [layer for side, layer in sides if side >= min_side][-1]


def compute_cam(model: Classifier, layer: TargetLayer, batch: Tensor, label: int | None = None) -> CamResult:
    """Return the HiResCAM heat map of one image.

    The score is the logit of the class minus the mean of all logits, which removes evidence common to all classes.

    Args:
        model: Classifier in eval mode, float32.
        layer: Layer found by `find_target_layer`.
        batch: Normalised image, float32, shape (1, 3, S, S).
        label: Index of the class to explain; None: the predicted class.
    """
    with torch.enable_grad(), _capture_activations(layer) as captured:
        embedding = model.embed(batch)
        logits = model.head(embedding)[0]
        class_index = int(logits.argmax()) if label is None else label
        (gradient,) = torch.autograd.grad(logits[class_index] - logits.mean(), captured)
    activations, gradients = (_channels_first(tensor.detach(), layer.layout) for tensor in (captured[0], gradient))
    heat = (gradients * activations).sum(0)
    size = (batch.shape[2], batch.shape[3])
    resized = nn.functional.interpolate(heat[None, None], size, mode="bilinear", align_corners=False)[0, 0]
    return CamResult(_scale(resized).cpu(), logits.detach().cpu(), embedding[0].detach().cpu(), class_index)


def _scale(heat: Tensor) -> Tensor:
    """Set negative evidence to 0 and scale to 0..1; if all evidence is negative, shift the minimum to 0 first."""
    if (heat.max() <= 0).item():
        heat = heat - heat.min()
    heat = heat.clamp_min(0)
    return heat / heat.max().clamp_min(torch.finfo(heat.dtype).tiny)


@contextmanager
def _capture_activations(layer: TargetLayer) -> Iterator[list[Tensor]]:
    """Append the activations of `layer` to the yielded list and start the autograd graph at them."""
    captured: list[Tensor] = []
    is_own_thread = _thread_check()

    def capture(tensor: Tensor) -> Tensor:
        if not is_own_thread():
            return tensor
        # Some networks modify activations in place, which torch forbids for a leaf of the graph; so a copy is passed
        # on. Both the values and the gradients that are read afterwards are those of the modified copy.
        captured.append(tensor.detach().requires_grad_().clone())
        return captured[0]

    if layer.layout == "tokens":
        hook = layer.module.register_forward_pre_hook(lambda _module, inputs: (capture(inputs[0]), *inputs[1:]))
    else:
        hook = layer.module.register_forward_hook(lambda _module, _inputs, output: capture(output))
    try:
        yield captured
    finally:
        hook.remove()


def _thread_check() -> Callable[[], bool]:
    """Return a function that is True in this thread only.

    A hook is called for every forward pass, also for those of other threads that use the same network meanwhile.
    """
    owner = threading.get_ident()
    return lambda: threading.get_ident() == owner


def _sequential_modules(network: nn.Module) -> Iterator[nn.Module]:
    for child in network.children():
        if isinstance(child, nn.Sequential | nn.ModuleList):
            yield from _sequential_modules(child)
        # Pooling to a fixed size can enlarge activations: VGG repeats a single position 7 x 7 times
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
    """Return the activations of one image in shape (C, H, W)."""
    if layout == "channels_first":
        return tensor[0]
    if layout == "channels_last":
        return tensor[0].permute(2, 0, 1)
    patches = tensor[0, 1:]
    side = math.isqrt(len(patches))
    return patches.T.reshape(-1, side, side)
