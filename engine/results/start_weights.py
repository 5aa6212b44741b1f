"""Origin of the weights that a run starts from, also through models that were trained further."""

from contextlib import suppress
from pathlib import Path

from engine.config.weight_origin import describe_weights
from engine.core.errors import EngineError
from engine.results.model_metadata import read_metadata


def find_origin(backbone: str, weights: str) -> str:
    """Return the origin of start weights; for a model of this program, the origin of its own start weights.

    Args:
        backbone: Name of the network.
        weights: "none", "default" or the path of a file.

    Raises:
        EngineError: There is no such backbone.
    """
    if weights not in ("none", "default"):
        with suppress(EngineError):  # a file of another program, or it is gone
            return read_metadata(Path(weights).expanduser()).origin
    return describe_weights(backbone, weights)
