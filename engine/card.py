"""The card in a model file: all that is needed to use it, readable without torch."""

import json
import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.calibration import Calibration
from engine.config import Geometry, RunConfig
from engine.errors import EngineError
from engine.events import Best

CARD_KEY = "classifold"
CARD_VERSION = 1
_MAX_HEADER = 64 * 1024 * 1024


class ModelCard(BaseModel):
    """What a model takes and answers. It lies as JSON in the metadata of `model.safetensors`."""

    model_config = ConfigDict(frozen=True)

    version: int = CARD_VERSION
    program: str
    """Version of Classifold that wrote the file."""
    classes: tuple[str, ...] = Field(min_length=1)
    backbone: str
    image_size: int = Field(ge=1, le=4096)
    geometry: Geometry
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    precision: Literal["float32", "bfloat16"] = "float32"
    """What the validation figures were measured in; answers come in the same where the device does it natively."""
    config: RunConfig
    calibration: Calibration | None = None
    """What validation says of its confidences; None where training was stopped before."""
    best: Best | None
    """Validation figures of these weights; None where training was stopped before the first validation."""
    created: str

    @property
    def temperature(self) -> float:
        """What logits are divided by, so that confidences come true."""
        return self.calibration.temperature if self.calibration else 1.0


def read_card(path: Path) -> ModelCard:
    """Read the card of a model file; raise EngineError where the file is no model of this program."""
    try:
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(_MAX_HEADER, os.fstat(file.fileno()).st_size - 8):
                raise ValueError("no safetensors header")
            document = json.loads(file.read(length))
        card = json.loads(document["__metadata__"][CARD_KEY])
        version = card["version"]
    except FileNotFoundError as error:
        raise EngineError("This model file does not exist.", path) from error
    except OSError as error:
        raise EngineError(f"The model file could not be read: {error.strerror or error}.", path) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise EngineError("This is not a model made by Classifold. Choose a model.safetensors file.", path) from error
    if isinstance(version, int) and version > CARD_VERSION:
        raise EngineError("This model was made by a newer Classifold. Update the program to open it.", path)
    try:
        return ModelCard.model_validate(card)
    except ValidationError as error:
        raise EngineError("The description inside this model file is damaged.", path) from error
