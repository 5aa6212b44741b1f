"""Split a network into blocks, and between two blocks into a part that stays and a part that learns."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from torch import fx, nn

from engine.ml.models.graph_tracing import ThreadTracer

Named: TypeAlias = tuple[str, nn.Parameter]

_LARGEST_SHARE = 1 / 3
"""A module that is no mere container stays whole up to this share of the depth: a block does, a whole encoder not."""


@dataclass(frozen=True)
class NetworkSplit:
    """Two halves that share their parameters with the network they were cut from: suffix(prefix(x)) == network(x)."""

    name: str
    """The block the suffix begins with; empty where the whole network is the prefix."""
    prefix: nn.Module
    suffix: nn.Module


def iter_blocks(network: nn.Module) -> Iterator[tuple[str, list[Named]]]:
    """Yield name and parameters of each block, in the order of registration, a container's own ones first."""
    most_layers = count_weight_layers(list(network.named_parameters())) * _LARGEST_SHARE
    yield from _blocks(network, "", most_layers)


def count_weight_layers(parameters: list[Named]) -> int:
    """Count layers of weights, so that a norm stays with the convolution before it."""
    return sum(is_weight(name, parameter) for name, parameter in parameters)


def is_weight(name: str, parameter: nn.Parameter) -> bool:
    """Say whether a parameter is a matrix or kernel; tokens, scales and tables can have many dimensions too."""
    return name.endswith("weight") and parameter.ndim > 1


def split_before_last_block(backbone: nn.Module) -> NetworkSplit:
    """Split before the last block that has weights; where the graph cannot be cut there, before nothing."""
    names = [name for name, parameters in iter_blocks(backbone) if count_weight_layers(parameters)]
    whole = NetworkSplit("", backbone, nn.Identity())
    # A network whose last block is all of it, or whose block is a bare parameter, has nothing to cut between
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
    """Keeps blocks whole, so that what they do in training and in eval mode stays theirs to decide."""

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
    """Return what follows `last`, or None where it needs more of what went before than this one value."""
    suffix = fx.Graph()
    copies: dict[fx.Node, Any] = {last: suffix.placeholder("activations")}
    nodes = list(graph.nodes)
    for node in nodes[nodes.index(last) + 1 :]:
        if any(needed not in copies for needed in node.all_input_nodes):
            return None
        copies[node] = suffix.node_copy(node, lambda original: copies[original])
    return suffix


def _blocks(module: nn.Module, name: str, most_layers: float) -> Iterator[tuple[str, list[Named]]]:
    prefix = f"{name}." if name else ""
    parameters = [(f"{prefix}{key}", parameter) for key, parameter in module.named_parameters()]
    children = list(module.named_children())
    is_container = isinstance(module, nn.Sequential | nn.ModuleList | nn.ModuleDict)
    if not parameters:
        return
    if not children or not (is_container or count_weight_layers(parameters) > most_layers):
        yield name, parameters
        return
    own = [(f"{prefix}{key}", parameter) for key, parameter in module.named_parameters(recurse=False)]
    if own:
        yield name, own
    for key, child in children:
        yield from _blocks(child, f"{prefix}{key}", most_layers)
