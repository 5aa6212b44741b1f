"""EfficientNet-Lite0, the pretrained network that comes with the program.

Tan and Le, EfficientNet, 2019; the Lite variant (TensorFlow, 2020) has ReLU6 instead of Swish and no
squeeze-and-excitation, which makes it fast on every processor. The classification head gets mean and standard deviation
of the activations at every depth, not only the mean of the last layer: with few images per class a linear head on them
is more accurate (docs/performance.md, few images).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Stage:
    """Settings of a stage: `repeats` inverted residual blocks, of which the first has the stride."""

    repeats: int
    channels: int
    kernel: int
    stride: int
    expansion: int


STAGES = (
    Stage(1, 16, 3, 1, 1),
    Stage(2, 24, 3, 2, 6),
    Stage(2, 40, 5, 2, 6),
    Stage(3, 80, 3, 2, 6),
    Stage(3, 112, 5, 1, 6),
    Stage(4, 192, 5, 2, 6),
    Stage(1, 320, 3, 1, 6),
)
STEM_CHANNELS, HEAD_CHANNELS = 32, 1280
_MAPS = (*(stage.channels for stage in STAGES), HEAD_CHANNELS)
"""Channels of the activations that the embedding describes, by depth."""
NUM_FEATURES = 2 * sum(_MAPS)
"""Length of the embedding."""
_NUM_EARLY = 2 * sum(stage.channels for stage in STAGES[:-1])
"""Length of the part of the embedding that is computed before the last block."""
_MIN_VARIANCE = 1e-6
"""Added to the variance of a channel, because the gradient of the square root is infinite at 0."""
_EPSILON = 1e-3


class ConvNorm(nn.Sequential):
    """Convolution without bias and BatchNorm, padded like TensorFlow's SAME, then ReLU6 unless `is_linear`.

    With stride 2 TensorFlow pads one pixel less on the left and the top: (0, 1) for a kernel of 3, (1, 2) for 5.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1, is_linear: bool = False
    ) -> None:
        padding = kernel // 2
        modules: list[nn.Module] = []
        if stride == 2:
            modules.append(nn.ZeroPad2d((padding - 1, padding, padding - 1, padding)))
            padding = 0
        modules += [
            nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False),
            nn.BatchNorm2d(outputs, eps=_EPSILON),
        ]
        if not is_linear:
            modules.append(nn.ReLU6(inplace=True))
        super().__init__(*modules)


class InvertedResidual(nn.Module):
    """Expansion, depthwise convolution and linear projection (Sandler et al., MobileNetV2, 2018, figure 4)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.is_residual = stride == 1 and inputs == outputs
        self.layers = nn.Sequential(
            *([ConvNorm(inputs, hidden)] if expansion > 1 else []),
            ConvNorm(hidden, hidden, kernel, stride, groups=hidden),
            ConvNorm(hidden, outputs, is_linear=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return shape (N, outputs, H / stride, W / stride)."""
        y: Tensor = self.layers(x)
        return x + y if self.is_residual else y


def describe(activations: Tensor) -> Tensor:
    """Return mean and standard deviation of each channel, two parts of the L2 norm C ** 0.25.

    With this norm the late layers, which have more channels, count more in a linear head than with equal norms, and
    less than with equally large values; it is the best for the mean of four datasets (docs/performance.md, few images).

    Args:
        activations: Shape (N, C, H, W).

    Returns:
        Shape (N, 2 C), float32, as the squares of float16 activations could overflow.
    """
    activations = activations.float()
    mean = activations.mean((2, 3))
    # torch.var takes ten to fifty times as long on tensors in channels_last
    variance = (activations.square().mean((2, 3)) - mean.square()).clamp(min=0)
    parts = [nn.functional.normalize(part) for part in (mean, (variance + _MIN_VARIANCE).sqrt())]
    norm: float = activations.shape[1] ** 0.25
    return norm * torch.cat(parts, 1)


class LastBlock(nn.Module):
    """The last stage and the final convolution; adds their part to the embedding.

    The activations and the part of the embedding from the stages before are one tensor, so that the network can be
    split before this block (blocks.py).
    """

    def __init__(self, stage: nn.Sequential) -> None:
        super().__init__()
        self.stage = stage
        self.conv = ConvNorm(STAGES[-1].channels, HEAD_CHANNELS)

    def forward(self, x: Tensor) -> Tensor:
        """Return the embedding, shape (N, NUM_FEATURES), of a tensor from `pack`."""
        channels = STAGES[-2].channels
        early = x[:, channels:].flatten(1)[:, :_NUM_EARLY]
        last = self.stage(x[:, :channels])
        return torch.cat([early, *(describe(each).to(x.dtype) for each in (last, self.conv(last)))], 1)


def pack(activations: Tensor, embedding: Tensor) -> Tensor:
    """Append an embedding (N, D), padded with zeros, to activations (N, C, H, W) as further channels."""
    height, width = activations.shape[2], activations.shape[3]
    padded = nn.functional.pad(embedding, (0, -_NUM_EARLY % (height * width)))
    return torch.cat([activations, padded.view(padded.shape[0], -1, height, width).to(activations.dtype)], 1)


class EfficientNetLite(nn.Module):
    """EfficientNet-Lite0 with a linear head on mean and standard deviation of the activations at every depth."""

    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        *early, last = _make_stages()
        self.stem = ConvNorm(3, STEM_CHANNELS, 3, 2)
        self.stages = nn.ModuleList(early)
        self.last = LastBlock(last)
        self.fc = nn.Linear(NUM_FEATURES, num_classes)
        _initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, shape (N, num_classes), for images of shape (N, 3, H, W)."""
        x, parts = self.stem(x), []
        for stage in self.stages:
            x = stage(x)
            parts.append(describe(x))
        return self.fc(self.last(pack(x, torch.cat(parts, 1))))  # type: ignore[no-any-return]


def _make_stages() -> Iterator[nn.Sequential]:
    inputs = STEM_CHANNELS
    for stage in STAGES:
        blocks = []
        for number in range(stage.repeats):
            stride = stage.stride if number == 0 else 1
            blocks.append(InvertedResidual(inputs, stage.channels, stage.kernel, stride, stage.expansion))
            inputs = stage.channels
        yield nn.Sequential(*blocks)


def _initialise(model: nn.Module) -> None:
    """He initialisation by the number of outputs of each filter (He et al., 2015)."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
