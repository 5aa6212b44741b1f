"""A torch.fx tracer that is safe to use while other threads run networks."""

import threading
from collections.abc import Callable
from typing import Any

from torch import fx, nn

_trace_lock = threading.Lock()


class ThreadTracer(fx.Tracer):
    """A tracer that records only the calls of the thread that called `trace`.

    While torch.fx traces, it patches `nn.Module.__call__` and `nn.Module.__getattr__` for the whole process. Without
    this class, a training in another thread would fail during a trace.
    """

    _thread = 0

    def trace(self, root: nn.Module | Callable[..., Any], concrete_args: dict[str, Any] | None = None) -> fx.Graph:
        """Return the graph of `root`; only one thread traces at a time."""
        with _trace_lock:
            self._thread = threading.get_ident()
            return super().trace(root, concrete_args)

    def call_module(self, module: nn.Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Record calls made by the tracing thread; run calls of other threads normally."""
        if threading.get_ident() != self._thread:
            return forward(*args, **kwargs)
        return super().call_module(module, forward, args, kwargs)

    def getattr(self, name: str, value: Any, proxies: dict[str, fx.Proxy]) -> Any:
        """Return a graph node to the tracing thread and the plain value to other threads."""
        return value if threading.get_ident() != self._thread else super().getattr(name, value, proxies)
