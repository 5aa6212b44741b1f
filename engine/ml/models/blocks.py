"""Divide a network into blocks, and split it into a frozen prefix and a trainable suffix."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from torch import fx, nn

from engine.ml.models.graph_tracing import ThreadTracer

Named: TypeAlias = tuple[str, nn.Parameter]

_MAX_BLOCK_SHARE = 1 / 3
"""A module that is not a container counts as one block up to this share of all weight layers; an encoder exceeds it."""


@dataclass(frozen=True)
class NetworkSplit:
    """Two halves that share their parameters with the network: suffix(prefix(x)) == network(x)."""

    name: str
    """Name of the first block of the suffix; empty if the whole network is the prefix."""
    prefix: nn.Module
    suffix: nn.Module


def iter_blocks(network: nn.Module) -> Iterator[tuple[str, list[Named]]]:
    """Yield name and parameters of each block in registration order; parameters of a container itself come first."""
    max_layers = count_weight_layers(list(network.named_parameters())) * _MAX_BLOCK_SHARE
    yield from _blocks(network, "", max_layers)


def count_weight_layers(parameters: list[Named]) -> int:
    """Return the number of weight matrices and kernels; norms and biases do not count."""
    return sum(is_weight(name, parameter) for name, parameter in parameters)


def is_weight(name: str, parameter: nn.Parameter) -> bool:
    """Return whether a parameter is a weight matrix or kernel; tokens and tables can be multi-dimensional too."""
    return name.endswith("weight") and parameter.ndim > 1


def split_before_last_block(backbone: nn.Module) -> NetworkSplit:
    """Split a backbone before its last block that has weights.

    If the graph cannot be split there, the prefix is the whole backbone and the suffix does nothing.
    """
    names = [name for name, parameters in iter_blocks(backbone) if count_weight_layers(parameters)]
    whole = NetworkSplit("", backbone, nn.Identity())
    # A network of a single block, or whose last block is a bare parameter, cannot be split
    modules = dict(backbone.named_modules())
    if len(names) < 2 or names[-1] not in modules:
        return whole
    graph = _trace(backbone, frozenset(names))
    first = next((node for node in graph.nodes if node.op == "call_module" and node.target == names[-1]), None)
    if first is None or len(first.all_input_nodes) != 1:
        return whole
    suffix = _graph_after(graph, first.all_input_nodes[0])
    if suffix is None:
        return whole
    prefix = _graph_until(graph, first.all_input_nodes[0])
    return NetworkSplit(names[-1], fx.GraphModule(backbone, prefix), fx.GraphModule(backbone, suffix))


class _BlockTracer(ThreadTracer):
    """Keeps blocks as modules, so that they still distinguish between training and eval mode."""

    def __init__(self, names: frozenset[str]) -> None:
        super().__init__()
        self._names = names

    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        return name in self._names or super().is_leaf_module(module, name)


def _trace(network: nn.Module, names: frozenset[str]) -> fx.Graph:
    return _BlockTracer(names).trace(network)


def _graph_until(graph: fx.Graph, last: fx.Node) -> fx.Graph:
    prefix = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    for node in graph.nodes:
        copies[node] = prefix.node_copy(node, lambda original: copies[original])
        if node is last:
            break
    prefix.output(copies[last])
    return prefix


def _graph_after(graph: fx.Graph, last: fx.Node) -> fx.Graph | None:
    """Return the graph after `last`, or None if it uses other earlier values than this one."""
    suffix = fx.Graph()
    copies: dict[fx.Node, Any] = {last: suffix.placeholder("activations")}
    nodes = list(graph.nodes)
    for node in nodes[nodes.index(last) + 1 :]:
        if any(source not in copies for source in node.all_input_nodes):
            return None
        copies[node] = suffix.node_copy(node, lambda original: copies[original])
    return suffix


def _blocks(module: nn.Module, name: str, max_layers: float) -> Iterator[tuple[str, list[Named]]]:
    prefix = f"{name}." if name else ""
    parameters = [(f"{prefix}{key}", parameter) for key, parameter in module.named_parameters()]
    children = list(module.named_children())
    is_container = isinstance(module, nn.Sequential | nn.ModuleList | nn.ModuleDict)
    if not parameters:
        return
    if not children or not (is_container or count_weight_layers(parameters) > max_layers):
        yield name, parameters
        return
    own = [(f"{prefix}{key}", parameter) for key, parameter in module.named_parameters(recurse=False)]
    if own:
        yield name, own
    for key, child in children:
        yield from _blocks(child, f"{prefix}{key}", max_layers)
