"""Fold BatchNorm layers into the convolutions before them, for faster inference and for export."""

import copy

from torch import fx, nn
from torch.fx.experimental.optimization import fuse

from engine.ml.models.graph_tracing import ThreadTracer


def fuse_batchnorm(network: nn.Module) -> nn.Module:
    """Return a copy of `network` in eval mode with each BatchNorm folded into the convolution before it."""
    network = copy.deepcopy(network).eval()
    traced = fx.GraphModule(network, ThreadTracer().trace(network))
    return fuse(traced.eval(), inplace=True, no_trace=True)
