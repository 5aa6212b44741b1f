"""Write and read models: safetensors with a card in the metadata, so that opening one runs no code."""

from datetime import UTC, datetime
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from engine import __version__
from engine.config.settings import RunConfig
from engine.core.atomic_write import saving, write_atomic
from engine.core.errors import EngineError
from engine.core.events import Best
from engine.ml.models.build import Classifier, build_on_meta
from engine.ml.models.preprocessing import Preprocessing
from engine.ml.models.reference_embeddings import TENSOR_NAME
from engine.results.calibration import Calibration
from engine.results.model_metadata import METADATA_KEY, ModelMetadata, read_metadata

_DTYPES = {torch.float32: "F32", torch.int64: "I64"}
"""What networks consist of, and what that is called in a file."""


def make_metadata(
    config: RunConfig,
    classes: tuple[str, ...],
    preprocessing: Preprocessing,
    inference_dtype: torch.dtype,
    best: Best | None,
    calibration: Calibration | None,
) -> ModelMetadata:
    """Return the card for a model trained with these settings."""
    return ModelMetadata(
        program=__version__,
        classes=classes,
        backbone=config.model.backbone,
        image_size=preprocessing.image_size,
        geometry=preprocessing.geometry,
        mean=preprocessing.mean,
        std=preprocessing.std,
        precision="bfloat16" if inference_dtype == torch.bfloat16 else "float32",
        config=config,
        best=best,
        calibration=calibration,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def model_bytes(model: Classifier, card: ModelMetadata, reference: Tensor | None = None) -> bytes:
    """Return the content of a model file: weights, card and perhaps embeddings of training images."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    if reference is not None:
        tensors[TENSOR_NAME] = reference.cpu().contiguous()
    # Not safetensors' own `save_file`: that makes files which only their owner may read
    return save(tensors, {METADATA_KEY: card.model_dump_json()})


def save_model(path: Path, model: Classifier, card: ModelMetadata, reference: Tensor | None = None) -> None:
    """Write a model file in one step; raise EngineError where the disk refuses."""
    content = model_bytes(model, card, reference)
    with saving("The model", path):
        write_atomic(path, lambda temporary: temporary.write_bytes(content))


def load_model(path: Path) -> tuple[Classifier, ModelMetadata]:
    """Return the model in a file, on the CPU and ready to answer; raise EngineError where it is none or damaged.

    Memory is taken for what lies in the file, and only once its layers were seen to be those of the network.
    """
    card = read_metadata(path)
    model = build_on_meta(card.backbone, len(card.classes), card.image_size, card.config.model.dropout)
    try:
        model.load_state_dict(_read_state(path, model.state_dict()), assign=True)
    except (SafetensorError, ValueError, OSError) as error:
        raise EngineError("The weights in this model file are damaged or of another network.", path) from error
    if not all(tensor.isfinite().all() for tensor in model.state_dict().values()):
        raise EngineError("Weights in this model file are not numbers. Train again with a lower learning rate.", path)
    return model.eval(), card


def _read_state(path: Path, outline: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a model file, copied out of it; raise ValueError where they are not those of `outline`."""
    with safe_open(path, "pt") as file:
        if set(file.keys()) - {TENSOR_NAME} != set(outline):
            raise ValueError("the layers have other names")
        for name, expected in outline.items():
            part = file.get_slice(name)
            if (part.get_dtype(), tuple(part.get_shape())) != (_DTYPES[expected.dtype], tuple(expected.shape)):
                raise ValueError(f"{name} has another type or shape")
        # A table that the network computes is not taken: positions outside of others would be looked up with it
        return {
            name: file.get_tensor(name).clone() if own.is_meta or not own.ndim else own for name, own in outline.items()
        }
