"""Build the backbones of the catalog with a new classification head."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from engine.config.backbones import find_backbone
from engine.ml.models.efficientnet_lite import EfficientNetLite
from engine.ml.models.lazy_torchvision import make_torchvision_network
from engine.ml.models.se_resnet import SEResNet

_OWN_NETWORKS: dict[str, Callable[[], nn.Module]] = {"se_resnet": SEResNet, "efficientnet_lite0": EfficientNetLite}


class Head(nn.Linear):
    """Dropout followed by a linear layer."""

    def __init__(self, in_features: int, num_classes: int, dropout: float) -> None:
        super().__init__(in_features, num_classes)
        self.dropout = dropout

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, shape (N, K), for embeddings of shape (N, D)."""
        return super().forward(nn.functional.dropout(x, self.dropout, self.training))


class Classifier(nn.Module):
    """A backbone that computes embeddings and a head that computes logits from them."""

    def __init__(self, backbone: nn.Module, head: Head, original_head_name: str) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.original_head_name = original_head_name
        """Name of the head in weight files for this backbone."""

    def embed(self, x: Tensor) -> Tensor:
        """Return embeddings, shape (N, D), of images of shape (N, 3, H, W)."""
        embedding: Tensor = self.backbone(x)
        return embedding

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, shape (N, K), of images of shape (N, 3, H, W)."""
        logits: Tensor = self.head(self.backbone(x))
        return logits

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Load tensors by name, in the layout of the installed torchvision; raise RuntimeError if they do not match."""
        # MNASNet and ViT check the version of a state dict, which safetensors files do not store
        versioned = OrderedDict(state_dict)
        versioned._metadata = self.state_dict()._metadata  # type: ignore[attr-defined]
        return super().load_state_dict(versioned, strict, assign)


def build_model(name: str, num_classes: int, image_size: int, dropout: float) -> Classifier:
    """Return a network with random weights.

    In training mode it needs batches of at least two images, because BatchNorm cannot normalise a single value.

    Args:
        name: Name of the backbone.
        num_classes: Number of outputs of the head.
        image_size: Side of the input images in pixels.
        dropout: Dropout probability before the head.

    Raises:
        EngineError: If there is no such backbone or it does not accept this image size.
    """
    find_backbone(name).check_image_size(image_size)
    backbone = _build_backbone(name, image_size)
    if name.startswith("squeezenet"):
        original_head_name, in_features = _take_squeezenet_head(backbone)
    else:
        original_head_name, in_features = _take_linear_head(backbone)
    head = Head(in_features, num_classes, dropout)
    nn.init.trunc_normal_(head.weight, std=0.02)
    nn.init.zeros_(head.bias)
    return Classifier(backbone, head, original_head_name)


def build_on_meta(name: str, num_classes: int, image_size: int, dropout: float) -> Classifier:
    """Return the network of `build_model` with its parameters on the meta device, which takes no memory.

    Tables that a network computes itself, such as relative positions, are on the CPU. Raises EngineError like
    `build_model`.
    """
    with _MetaParameters():
        return build_model(name, num_classes, image_size, dropout)


class _MetaParameters(TorchFunctionMode):
    """Creates parameters on the meta device.

    Unlike torch.device("meta") it leaves tensors RegNet computes with on the CPU.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in (torch.empty, torch.zeros, torch.ones):
            return func(*args, **(kwargs or {}) | {"device": "meta"})
        if func is Tensor.normal_ and args[0].is_meta:  # it would fill nothing, and load torch's compiler for a second
            return args[0]
        return func(*args, **(kwargs or {}))


def set_trainable(model: Classifier, head_only: bool) -> None:
    """Make all parameters trainable, or only those of the head."""
    model.backbone.requires_grad_(not head_only)


def train_mode(model: Classifier, head_only: bool, freeze_norms: bool = False) -> None:
    """Switch to training mode, except for frozen parts: their BatchNorm statistics must not change."""
    model.train()
    if head_only:
        model.backbone.eval()
    if freeze_norms:
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d | nn.SyncBatchNorm):
                module.eval()


def _build_backbone(name: str, image_size: int) -> nn.Module:
    if name in _OWN_NETWORKS:
        return _OWN_NETWORKS[name]()
    return make_torchvision_network(name, image_size)


def _take_linear_head(backbone: nn.Module) -> tuple[str, int]:
    """Replace the last linear layer by an identity; return its name and number of inputs."""
    leaves = [(name, module) for name, module in backbone.named_modules() if next(module.children(), None) is None]
    position = max(index for index, (_, module) in enumerate(leaves) if isinstance(module, nn.Linear))
    name, head = leaves[position]
    assert isinstance(head, nn.Linear)
    backbone.set_submodule(name, nn.Identity())
    name_before, before = leaves[position - 1]
    if isinstance(before, nn.Dropout):
        # The new head has its own dropout, which the settings define
        backbone.set_submodule(name_before, nn.Identity())
    return name, head.in_features


def _take_squeezenet_head(backbone: nn.Module) -> tuple[str, int]:
    """Replace SqueezeNet's last convolution by pooling, so that a linear head can follow; return name and inputs.

    The logits are the same except for the ReLU that SqueezeNet applies after the convolution. It would zero negative
    logits, and a class whose logits are all negative would get no gradient.
    """
    convolution = backbone.get_submodule("classifier.1")
    assert isinstance(convolution, nn.Conv2d)
    backbone.set_submodule("classifier", nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    return "classifier.1", convolution.in_channels
