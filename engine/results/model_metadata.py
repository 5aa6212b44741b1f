"""The card in a model file: all that is needed to use it, readable without torch."""

import json
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, ValidationError

from engine.config.backbones import find_backbone
from engine.config.settings import Geometry, RunConfig, validation_message
from engine.core.errors import EngineError
from engine.core.events import Best
from engine.core.records import ExtensibleModel
from engine.core.safe_read import read_safetensors_header
from engine.data.class_names import ClassNames
from engine.results.calibration import Calibration

METADATA_KEY = "classifold"
METADATA_VERSION = 1
Mean: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Deviation: TypeAlias = Annotated[float, Field(ge=1e-3, le=1)]


class ModelMetadata(ExtensibleModel):
    """What a model takes and answers. It lies as JSON in the metadata of `model.safetensors`."""

    version: int = Field(METADATA_VERSION, ge=1, le=METADATA_VERSION)
    program: str
    """Version of Classifold that wrote the file."""
    classes: ClassNames = Field(min_length=1)
    backbone: str = Field(max_length=100)
    image_size: int = Field(ge=1, le=1024)
    geometry: Geometry
    mean: tuple[Mean, Mean, Mean]
    """Of each channel, black being 0 and white 1."""
    std: tuple[Deviation, Deviation, Deviation]
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


def read_metadata(path: Path) -> ModelMetadata:
    """Read the card of a model file; raise EngineError where the file is no model of this program.

    What it states can be relied on: there is such a network and it takes images of this size. Whether the file holds
    the network's weights is not looked at.
    """
    try:
        document = json.loads(read_safetensors_header(path))
        card = json.loads(document["__metadata__"][METADATA_KEY])
        version = card["version"]
    except FileNotFoundError as error:
        raise EngineError("This model file does not exist.", path) from error
    except OSError as error:
        raise EngineError(f"The model file could not be read: {error.strerror or error}.", path) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise EngineError("This is not a model made by Classifold. Choose a model.safetensors file.", path) from error
    if isinstance(version, int | float) and version > METADATA_VERSION:
        raise EngineError("This model was made by a newer Classifold. Update the program to open it.", path)
    try:
        known = ModelMetadata.model_validate(card)
    except ValidationError as error:
        raise EngineError(
            f"The description inside this model file is damaged: {validation_message(error)}", path
        ) from error
    try:
        find_backbone(known.backbone).check_image_size(known.image_size)
    except EngineError as error:
        raise EngineError(f"This model cannot be used. {error.message}", path) from error
    return known
