"""A network layer by layer, as plain data."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer. `output` is its shape for a single image: channels, height and width, or features."""

    name: str
    kind: str
    output: tuple[int, ...]
    num_parameters: int
    multiply_adds: int

    def as_dict(self) -> dict[str, object]:
        """Return the fields by name."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Summary:
    """All layers of a network for one image, in the order they run in, with their totals."""

    backbone: str
    image_size: int
    layers: tuple[Layer, ...]
    num_parameters: int
    multiply_adds: int


def conv_output_size(
    size: int, kernel: int, stride: int, padding: int, dilation: int = 1, ceil_mode: bool = False
) -> int:
    """Return the output side of a convolution or pooling: floor((H + 2p - d(k - 1) - 1) / s) + 1.

    Without dilation (d = 1) that is floor((H + 2p - k) / s) + 1. With `ceil_mode`, an option of pooling, it is rounded
    up, as long as the last window starts on the image or the padding before it.
    """
    steps = size + 2 * padding - dilation * (kernel - 1) - 1
    if not ceil_mode:
        return steps // stride + 1
    output = -(-steps // stride) + 1
    return output - 1 if (output - 1) * stride >= size + padding else output
