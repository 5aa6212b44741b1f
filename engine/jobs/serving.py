"""Serve a model over HTTP."""

from pathlib import Path

from engine.jobs.base import EventStream, load_torch, translate_device_errors
from engine.results.calibration import DEFAULT_MAX_ERROR


def serve(
    model: Path, port: int, host: str = "127.0.0.1", max_error: float | None = DEFAULT_MAX_ERROR
) -> EventStream[None]:
    """Classify images that other programs send over HTTP, until the generator is closed.

    Yields `Serving` when the server listens, then the number of classified images several times a second.

    Args:
        model: The model file.
        port: TCP port; 0: any free port.
        host: Address to listen on.
        max_error: Maximum error rate (0..1) among decided images; None: no limit.
    """
    yield from load_torch()
    from engine.ml.serving.app import Limits
    from engine.ml.serving.server import serve_model

    yield from translate_device_errors(serve_model(model, host, port, max_error, Limits()))
