"""Check for TensorBoard, which is an optional dependency."""

from importlib.util import find_spec

from engine.config.settings import RunConfig
from engine.core.errors import EngineError


def has_tensorboard() -> bool:
    """Return True if TensorBoard is installed."""
    return find_spec("tensorboard") is not None


def require_tensorboard(config: RunConfig) -> None:
    """Raise EngineError if the settings enable TensorBoard and it is not installed."""
    if config.training.tensorboard and not has_tensorboard():
        raise EngineError(
            "TensorBoard is not installed. Run `pip install tensorboard`, or turn it off in the settings."
        )
