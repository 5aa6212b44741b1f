"""Model summary: output shape, parameters and MACs of each layer."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer. `output` is its output shape for one image: (channels, height, width) or (features,)."""

    name: str
    kind: str
    output: tuple[int, ...]
    num_parameters: int
    multiply_adds: int

    def as_dict(self) -> dict[str, object]:
        """Return the fields as a dictionary."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Summary:
    """All layers of a network in execution order, with totals for one image."""

    backbone: str
    image_size: int
    layers: tuple[Layer, ...]
    num_parameters: int
    multiply_adds: int


def conv_output_size(
    size: int, kernel: int, stride: int, padding: int, dilation: int = 1, ceil_mode: bool = False
) -> int:
    """Return the output size of a convolution or pooling along one axis: floor((H + 2p - d(k - 1) - 1) / s) + 1.

    Args:
        size: Input size H in pixels.
        kernel: Kernel size k.
        stride: Stride s.
        padding: Padding p on each side.
        dilation: Dilation d.
        ceil_mode: Round up (pooling only), unless the last window would start in the padding on the far side.
    """
    steps = size + 2 * padding - dilation * (kernel - 1) - 1
    if not ceil_mode:
        return steps // stride + 1
    output = -(-steps // stride) + 1
    return output - 1 if (output - 1) * stride >= size + padding else output
