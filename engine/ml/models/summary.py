"""Model summary: output shapes, parameters and multiply-accumulates per layer, computed on the meta device."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from engine.config.backbones import find_backbone
from engine.ml.models.build import Classifier, build_model
from engine.results.model_summary import Layer, Summary, conv_output_size

_POOLINGS = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d)


@dataclass
class _Call:
    """A running module and the totals of the layers inside it."""

    path: str
    module: nn.Module
    flops_before: int
    inner_flops: int = 0
    inner_parameters: set[nn.Parameter] = field(default_factory=set)


def summarize(name: str, num_classes: int, image_size: int) -> Summary:
    """Return the layers of the network `name` for one image of `image_size` x `image_size` pixels.

    A layer is a module that has parameters, multiplies or pools; modules inside it are not counted again, so the layers
    add up to the totals.

    Raises:
        EngineError: If there is no such network or it does not accept this image size.
    """
    model = _build_on_meta(name, num_classes, image_size)
    layers: list[Layer] = []
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad(), _record_layers(model, counter, layers):
        model(torch.empty(1, 3, image_size, image_size, device="meta"))
    total = sum(parameter.numel() for parameter in model.parameters())
    return Summary(name, image_size, tuple(layers), total, counter.get_total_flops() // 2)


def window_output(module: nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d, height: int, width: int) -> tuple[int, int]:
    """Return the output height and width of a convolution or pooling, by the formula of `conv_output_size`."""
    kernel, stride, padding = _pair(module.kernel_size), _pair(module.stride), _pair(module.padding)
    dilation = _pair(getattr(module, "dilation", 1))
    ceil_mode = bool(getattr(module, "ceil_mode", False))
    rows, columns = (
        conv_output_size(size, kernel[axis], stride[axis], padding[axis], dilation[axis], ceil_mode)
        for axis, size in enumerate((height, width))
    )
    return rows, columns


def _build_on_meta(name: str, num_classes: int, image_size: int) -> Classifier:
    """Build a network on the meta device, which is fast because tensors have no content."""
    if find_backbone(name).family == "RegNet":  # it computes its widths with tensors, which need content
        return build_model(name, num_classes, image_size, dropout=0.0).to("meta").eval()
    with torch.device("meta"):
        return build_model(name, num_classes, image_size, dropout=0.0).eval()


@contextmanager
def _record_layers(model: Classifier, counter: FlopCounterMode, layers: list[Layer]) -> Iterator[None]:
    """Append a layer for each module that runs and adds something to the modules inside it."""
    calls: list[_Call] = []
    hooks = []
    for path, module in model.named_modules():
        hooks.append(module.register_forward_pre_hook(_begin(path, counter, calls)))
        hooks.append(module.register_forward_hook(_end(counter, calls, layers)))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _begin(path: str, counter: FlopCounterMode, calls: list[_Call]) -> Callable[[nn.Module, Any], None]:
    def hook(module: nn.Module, _inputs: Any) -> None:
        calls.append(_Call(path, module, counter.get_total_flops()))

    return hook


def _end(
    counter: FlopCounterMode, calls: list[_Call], layers: list[Layer]
) -> Callable[[nn.Module, tuple[Tensor, ...], Any], None]:
    def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Any) -> None:
        call = calls.pop()
        flops = counter.get_total_flops() - call.flops_before
        parameters = set(module.parameters())
        own_parameters = sum(parameter.numel() for parameter in parameters - call.inner_parameters)
        own_flops = flops - call.inner_flops
        if calls:
            calls[-1].inner_flops += flops
            calls[-1].inner_parameters |= parameters
        if own_parameters or own_flops or isinstance(module, _POOLINGS):
            shape = _output_shape(module, inputs, output)
            name = call.path.removeprefix("backbone.")
            layers.append(Layer(name, type(module).__name__, shape, own_parameters, own_flops // 2))

    return hook


def _output_shape(module: nn.Module, inputs: tuple[Tensor, ...], output: Any) -> tuple[int, ...]:
    first: Tensor = output[0] if isinstance(output, tuple) else output
    if isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
        return (first.shape[1], *window_output(module, inputs[0].shape[2], inputs[0].shape[3]))
    return tuple(first.shape[1:])


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))
