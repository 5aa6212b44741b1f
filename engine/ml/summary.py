"""Summarise a network layer by layer, without computing anything."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from engine.ml.models import Classifier, build_model
from engine.summary import Layer, Summary, conv_output_size

_Window = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)


def summarize(name: str, num_classes: int, image_size: int) -> Summary:
    """Return the layers of the network `name` for one image of `image_size` x `image_size` pixels.

    Raises EngineError where there is no such network or it cannot take such images.
    """
    # Tensors on "meta" have shapes and no content, so that the largest network is summarised in a moment
    model = build_model(name, num_classes, image_size, dropout=0.0).to("meta").eval()
    shapes: dict[str, tuple[int, ...]] = {}
    hooks = [
        module.register_forward_hook(_remember(path, shapes)) for path, module in model.named_modules() if _is_layer(module)
    ]
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        model(torch.empty(1, 3, image_size, image_size, device="meta"))
    for hook in hooks:
        hook.remove()
    flops = {path: sum(counts.values()) for path, counts in counter.get_flop_counts().items()}
    layers = tuple(_layer(model, path, shape, flops) for path, shape in shapes.items())
    total = sum(parameter.numel() for parameter in model.parameters())
    return Summary(name, image_size, layers, total, counter.get_total_flops() // 2)


def window_output(module: nn.Module, size: tuple[int, int]) -> tuple[int, int]:
    """Return height and width behind a convolution or pooling, by the formula of `conv_output_size`."""
    assert isinstance(module, _Window)
    kernel, stride, padding = (_pair(value) for value in (module.kernel_size, module.stride, module.padding))
    dilation = _pair(getattr(module, "dilation", 1))
    height, width = (
        conv_output_size(size[axis], kernel[axis], stride[axis], padding[axis], dilation[axis]) for axis in (0, 1)
    )
    return height, width


def _is_layer(module: nn.Module) -> bool:
    is_leaf = next(module.children(), None) is None
    return is_leaf or isinstance(module, nn.MultiheadAttention)


def _remember(path: str, shapes: dict[str, tuple[int, ...]]) -> Any:
    def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Any) -> None:
        first = output[0] if isinstance(output, tuple) else output
        shape = tuple(first.shape[1:])
        if isinstance(module, _Window) and not getattr(module, "ceil_mode", False):
            shape = (shape[0], *window_output(module, tuple(inputs[0].shape[2:])))  # type: ignore[arg-type]
        shapes[path] = shape

    return hook


def _layer(model: Classifier, path: str, shape: tuple[int, ...], flops: dict[str, int]) -> Layer:
    module = model.get_submodule(path)
    num_parameters = sum(parameter.numel() for parameter in module.parameters())
    name = path.removeprefix("backbone.")
    return Layer(name, type(module).__name__, shape, num_parameters, flops.get(f"Classifier.{path}", 0) // 2)


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))
