"""Graphs of networks, made while other threads use theirs."""

import copy
import threading
from collections.abc import Callable
from typing import Any

from torch import fx, nn
from torch.fx.experimental.optimization import fuse

_one_at_a_time = threading.Lock()


class ThreadTracer(fx.Tracer):
    """A tracer that leaves other threads alone.

    For the time of a trace, torch hands the tracer the calls and attributes of every module of the process. Without
    this, a training beside it would end in an error.
    """

    _thread = 0

    def trace(self, root: nn.Module | Callable[..., Any], concrete_args: dict[str, Any] | None = None) -> fx.Graph:
        """Return the graph of `root`; waits for a trace of another thread."""
        with _one_at_a_time:
            self._thread = threading.get_ident()
            return super().trace(root, concrete_args)

    def call_module(self, module: nn.Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Return a node for the call of a module of `root`, and what the module says in other threads."""
        if threading.get_ident() != self._thread:
            return forward(*args, **kwargs)
        return super().call_module(module, forward, args, kwargs)

    def getattr(self, name: str, value: Any, proxies: dict[str, fx.Proxy]) -> Any:
        """Return a node for a parameter of `root`, and the value in other threads."""
        return value if threading.get_ident() != self._thread else super().getattr(name, value, proxies)


def fused(network: nn.Module) -> nn.Module:
    """Return a copy in eval mode, each BatchNorm folded into the convolution before it."""
    network = copy.deepcopy(network).eval()
    traced = fx.GraphModule(network, ThreadTracer().trace(network))
    return fuse(traced.eval(), inplace=True, no_trace=True)
