"""Describe backbones."""

from engine.jobs.base import EventStream, from_callable, load_torch, translate_device_errors
from engine.results.model_summary import Summary


def summarize(backbone: str, num_classes: int, image_size: int) -> EventStream[Summary]:
    """Return the layers of a network with their output shapes, parameters and multiply-accumulates (MACs)."""
    yield from load_torch()
    from engine.ml.models.summary import summarize as summarize_layers

    return (
        yield from translate_device_errors(from_callable(lambda: summarize_layers(backbone, num_classes, image_size)))
    )
