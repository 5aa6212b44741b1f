"""Functions of torchvision, which is imported when one of them is called: that takes as long as importing torch.

The networks of this program need none of them, see docs/decisions/0016.
"""

from typing import Any

from torch import Tensor, nn

from engine.core.garbage_collection import collector_paused

_POSITIONS = "encoder.pos_embedding"


def make_torchvision_network(name: str, image_size: int) -> nn.Module:
    """Return a classification network of torchvision with random weights and its own head for 1000 classes."""
    with collector_paused():
        from torchvision.models import get_model

    options: dict[str, Any] = {}
    if name.startswith("vit_"):
        options["image_size"] = image_size
    if name == "maxvit_t":
        options["input_size"] = (image_size, image_size)
    if name in ("googlenet", "inception_v3"):
        # Their ImageNet weights come from TensorFlow and expect [-1, 1]; transform_input converts to that range from
        # the ImageNet normalisation. The auxiliary heads are not used. A BatchNorm follows each convolution, so torch's
        # default initialisation works as well as theirs, which takes seconds.
        options |= {"transform_input": True, "aux_logits": False, "init_weights": False}
    network: nn.Module = get_model(name, weights=None, **options)
    return network


def is_vision_transformer(network: nn.Module) -> bool:
    """Return whether a network is torchvision's ViT; it is the only one with a class token."""
    return hasattr(network, "class_token")


def interpolate_positions(positions: Tensor, vit: nn.Module) -> Tensor:
    """Interpolate a ViT's position embeddings, shape (1, 1 + S * S, D), to the grid of the image size of `vit`.

    They are returned unchanged if S * S is not a square number.
    """
    from torchvision.models.vision_transformer import interpolate_embeddings

    try:
        state = interpolate_embeddings(vit.image_size, vit.patch_size, {_POSITIONS: positions.float()})
    except (ValueError, RuntimeError):  # not a square grid, or an empty one: unchanged, it does not match
        return positions
    interpolated: Tensor = state[_POSITIONS]
    return interpolated


def adjust_hue(image: Tensor, shift: float) -> Tensor:
    """Return an image, float32, shape (3, H, W), in 0..1, with its hue shifted by a fraction of the colour circle."""
    from torchvision.transforms.v2.functional import adjust_hue

    adjusted: Tensor = adjust_hue(image, shift)
    return adjusted
