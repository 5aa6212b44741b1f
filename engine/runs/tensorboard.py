"""Whether TensorBoard, which is no part of the program, is there."""

from importlib.util import find_spec

from engine.config.settings import RunConfig
from engine.core.errors import EngineError


def has_tensorboard() -> bool:
    """Say whether TensorBoard is installed."""
    return find_spec("tensorboard") is not None


def require_tensorboard(config: RunConfig) -> None:
    """Raise EngineError where the settings ask for curves that cannot be written here."""
    if config.training.tensorboard and not has_tensorboard():
        raise EngineError("TensorBoard is not installed here. Run `pip install tensorboard`, or switch it off.")
