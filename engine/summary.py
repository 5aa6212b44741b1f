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
    """All layers of a network for images of one size, with their totals."""

    backbone: str
    image_size: int
    layers: tuple[Layer, ...]
    num_parameters: int
    multiply_adds: int


def conv_output_size(size: int, kernel: int, stride: int, padding: int, dilation: int = 1) -> int:
    """Return the output side of a convolution or pooling: floor((H + 2p - d(k - 1) - 1) / s) + 1.

    Without dilation (d = 1) that is floor((H + 2p - k) / s) + 1.
    """
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
