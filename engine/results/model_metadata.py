"""Model metadata in the header of a model file, readable without torch."""

import json
import os
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, ValidationError

from engine.config.backbones import find_backbone
from engine.config.settings import Geometry, RunConfig
from engine.config.settings_file import validation_message
from engine.config.weight_origin import describe_weights
from engine.core.errors import EngineError
from engine.core.events import Best
from engine.core.records import ExtensibleModel
from engine.core.safe_read import read_safetensors_header
from engine.data.class_names import ClassNames
from engine.data.pixels.grey_range import GreyRanges
from engine.results.calibration import Calibration

METADATA_KEY = "classifold"
METADATA_VERSION = 1
Mean: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Deviation: TypeAlias = Annotated[float, Field(ge=1e-3, le=1)]


class ModelMetadata(ExtensibleModel):
    """Classes, preprocessing, settings and calibration of a model, stored as JSON in the safetensors header."""

    version: int = Field(METADATA_VERSION, ge=1, le=METADATA_VERSION)
    program: str
    """Version of Classifold that wrote the file."""
    classes: ClassNames = Field(min_length=1)
    backbone: str = Field(max_length=100)
    image_size: int = Field(ge=1, le=1024)
    geometry: Geometry
    mean: tuple[Mean, Mean, Mean]
    """Mean of each RGB channel, for pixel values in 0..1."""
    std: tuple[Deviation, Deviation, Deviation]
    grey_ranges: GreyRanges | None = None
    """Ranges of images with more than 8 bits per channel; None in models of version 0.1, which decoded otherwise."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Precision of the validation. Predictions use it too if the device supports it natively."""
    config: RunConfig
    calibration: Calibration | None = None
    """None if training was stopped before the first validation."""
    best: Best | None
    """Validation metrics of these weights; None if training was stopped before the first validation."""
    created: str
    started_from: str = Field("", max_length=1000)
    """Origin and licence of the first weights; empty in models of version 0.1."""

    @property
    def origin(self) -> str:
        """Origin and licence of the weights that this model or the models before it started from."""
        return self.started_from or describe_weights(self.backbone, self.config.model.weights)

    @property
    def temperature(self) -> float:
        """Divisor of the logits (temperature scaling); 1 without calibration."""
        return self.calibration.temperature if self.calibration else 1.0


def read_metadata(path: Path) -> ModelMetadata:
    """Read the metadata of a model file.

    The result is checked: the backbone exists and accepts the image size. The weights are not read.

    Raises:
        EngineError: The file is missing, was not written by Classifold, or its metadata is damaged.
    """
    try:
        document = json.loads(read_safetensors_header(path))
        fields = json.loads(document["__metadata__"][METADATA_KEY])
        version = fields["version"]
    except FileNotFoundError as error:
        raise EngineError("This model file does not exist.", path) from error
    except OSError as error:
        if os.path.isdir(path):
            raise EngineError("This is a folder, not a model. Choose a model.safetensors file.", path) from error
        raise EngineError(f"The model file could not be read: {error.strerror or error}.", path) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise EngineError("This is not a model made by Classifold. Choose a model.safetensors file.", path) from error
    if isinstance(version, int | float) and version > METADATA_VERSION:
        raise EngineError("This model was made by a newer Classifold. Update the program to open it.", path)
    try:
        metadata = ModelMetadata.model_validate(fields)
    except ValidationError as error:
        raise EngineError(f"The metadata of this model file is damaged: {validation_message(error)}", path) from error
    try:
        find_backbone(metadata.backbone).check_image_size(metadata.image_size)
    except EngineError as error:
        raise EngineError(f"This model cannot be used. {error.message}", path) from error
    return metadata
