"""EfficientNet-Lite0, the pretrained network that comes with the program.

Tan and Le, EfficientNet, 2019; the Lite variant (TensorFlow, 2020) has ReLU6 instead of Swish and no
squeeze-and-excitation, which makes it fast on every processor. The classification head gets the pooled activations of
three depths, not only of the last layer: with few images per class a linear head on them is more accurate
(docs/performance.md, few images).
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
MIDDLE_STAGE = 4
"""Index of the last stage at a sixteenth of the image side; its activations go to the head too."""
NUM_FEATURES = STAGES[MIDDLE_STAGE].channels + STAGES[-1].channels + HEAD_CHANNELS
"""Length of the embedding: 112 + 320 + 1280."""
SCALES = (0.2, 0.25)
"""Factors of the pooled activations of the middle and the last stage, which are linear and large.

With them all parts of the embedding vary about equally over photos (a standard deviation of 0.36 per value, measured on
four datasets), so that one learning rate suits the whole head.
"""
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


class LastBlock(nn.Module):
    """The last stage and the final convolution, on the activations of the stages before and of the middle stage.

    Both are one tensor, so that the network can be split before this block (blocks.py).
    """

    def __init__(self, inputs: int, passed: int, stage: nn.Sequential, outputs: int) -> None:
        super().__init__()
        self.sizes = [inputs, passed]
        self.stage = stage
        self.conv = ConvNorm(STAGES[-1].channels, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return the embedding, shape (N, NUM_FEATURES), of activations of shape (N, inputs + passed, H, W)."""
        x, middle = torch.split(x, self.sizes, 1)
        x = self.stage(x)
        pooled = [SCALES[0] * middle.mean((2, 3)), SCALES[1] * x.mean((2, 3)), self.conv(x).mean((2, 3))]
        return torch.cat(pooled, 1)


class EfficientNetLite(nn.Module):
    """EfficientNet-Lite0 with a linear head on the pooled activations of three depths."""

    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        stages = list(_make_stages())
        self.stem = ConvNorm(3, STEM_CHANNELS, 3, 2)
        self.early = nn.Sequential(*stages[: MIDDLE_STAGE + 1])
        self.late = nn.Sequential(*stages[MIDDLE_STAGE + 1 : -1])
        self.pool = nn.AvgPool2d(2)
        self.last = LastBlock(STAGES[-2].channels, STAGES[MIDDLE_STAGE].channels, stages[-1], HEAD_CHANNELS)
        self.fc = nn.Linear(NUM_FEATURES, num_classes)
        _initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, shape (N, num_classes), for images of shape (N, 3, H, W)."""
        middle = self.early(self.stem(x))
        return self.fc(self.last(torch.cat([self.late(middle), self.pool(middle)], 1)))  # type: ignore[no-any-return]


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
