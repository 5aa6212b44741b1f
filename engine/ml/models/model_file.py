"""Write and read model files: safetensors with the model metadata as JSON, so that opening one runs no code."""

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from engine import __version__
from engine.audit.learnt_images import LearntImages
from engine.config.settings import RunConfig
from engine.core.atomic_write import saving, write_atomic
from engine.core.errors import EngineError
from engine.core.events import Best
from engine.core.time_stamps import now
from engine.ml.models.build import Classifier, build_on_meta
from engine.ml.models.learnt_digests import LEARNT_NAME, to_tensor
from engine.ml.models.preprocessing import Preprocessing
from engine.ml.models.reference_embeddings import TENSOR_NAME
from engine.results.calibration import Calibration
from engine.results.model_metadata import METADATA_KEY, ModelMetadata, read_metadata

_DTYPES = {torch.float32: "F32", torch.int64: "I64"}
"""Dtypes in a model and their names in safetensors."""


def make_metadata(
    config: RunConfig,
    classes: tuple[str, ...],
    preprocessing: Preprocessing,
    inference_dtype: torch.dtype,
    best: Best | None,
    calibration: Calibration | None,
    started_from: str = "",
) -> ModelMetadata:
    """Return the metadata of a model trained with these settings from weights of the origin `started_from`."""
    return ModelMetadata(
        program=__version__,
        classes=classes,
        backbone=config.model.backbone,
        image_size=preprocessing.image_size,
        geometry=preprocessing.geometry,
        mean=preprocessing.mean,
        std=preprocessing.std,
        grey_ranges=preprocessing.grey_ranges,
        precision="bfloat16" if inference_dtype == torch.bfloat16 else "float32",
        config=config,
        best=best,
        calibration=calibration,
        created=now(),
        started_from=started_from,
    )


EXTRA_TENSORS = frozenset((TENSOR_NAME, LEARNT_NAME))
"""Tensors of a model file that are not weights."""


def model_bytes(
    model: Classifier, metadata: ModelMetadata, reference: Tensor | None = None, learnt: LearntImages | None = None
) -> bytes:
    """Return the content of a model file.

    Args:
        model: The weights.
        metadata: Its description.
        reference: Reference embeddings, shape (N, D).
        learnt: Digests of the images that the model learnt from; None: unknown.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    if reference is not None:
        tensors[TENSOR_NAME] = reference.cpu().contiguous()
    if learnt is not None:
        tensors[LEARNT_NAME] = to_tensor(learnt)
    # Not safetensors' `save_file`, which creates files that only their owner can read
    return save(tensors, {METADATA_KEY: metadata.model_dump_json()})


def save_model(
    path: Path,
    model: Classifier,
    metadata: ModelMetadata,
    reference: Tensor | None = None,
    learnt: LearntImages | None = None,
) -> None:
    """Write a model file atomically, see `model_bytes`; raise EngineError if that fails."""
    content = model_bytes(model, metadata, reference, learnt)
    with saving("The model", path):
        write_atomic(path, lambda temporary: temporary.write_bytes(content))


def load_model(path: Path) -> tuple[Classifier, ModelMetadata]:
    """Return the model in a file, on the CPU and in eval mode, with its metadata.

    No memory is allocated before the layers in the file are known to match the network.

    Raises:
        EngineError: If the file is missing, damaged or not a model.
    """
    metadata = read_metadata(path)
    model = build_on_meta(metadata.backbone, len(metadata.classes), metadata.image_size, metadata.config.model.dropout)
    try:
        model.load_state_dict(_read_state(path, model.state_dict()), assign=True)
    except (SafetensorError, ValueError, OSError) as error:
        raise EngineError("The weights in this model file are damaged or of another network.", path) from error
    if not all(tensor.isfinite().all() for tensor in model.state_dict().values()):
        raise EngineError(
            "This model file contains weights that are not finite. Train again with a lower learning rate.", path
        )
    return model.eval(), metadata


def _read_state(path: Path, outline: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return copies of the tensors in a model file; raise ValueError if they do not match `outline`."""
    with safe_open(path, "pt") as file:
        if set(file.keys()) - EXTRA_TENSORS != set(outline):
            raise ValueError("the layers have other names")
        for name, expected in outline.items():
            saved = file.get_slice(name)
            if (saved.get_dtype(), tuple(saved.get_shape())) != (_DTYPES[expected.dtype], tuple(expected.shape)):
                raise ValueError(f"{name} has another type or shape")
        # Tables that the network computes are not read: forged indices would be out of range
        return {
            name: file.get_tensor(name).clone() if own.is_meta or not own.ndim else own for name, own in outline.items()
        }
