"""Explanation of a prediction: Grad-CAM heat map and nearest training images."""

import threading
from functools import lru_cache
from pathlib import Path

import torch

from engine.core.errors import EngineError
from engine.core.file_key import FileKey, file_version
from engine.core.formatting import listing
from engine.core.path_text import path_to_text
from engine.data.class_names import match_class_names
from engine.data.decode import decode
from engine.ml.evaluation.gradcam import compute_cam, find_target_layer
from engine.ml.evaluation.open_model import NON_FINITE_OUTPUTS, OpenModel, open_model
from engine.ml.evaluation.out_of_distribution import ReferenceEmbeddings, read_reference_embeddings
from engine.ml.models.preprocessing import normalise, preprocess, visible_box
from engine.results.explanation import NUM_NEIGHBOURS, Explanation, Neighbour
from engine.results.model_metadata import read_metadata

_MAX_NAMES = 10
_ONE_AT_A_TIME = threading.Lock()
"""Held while a network is loaded and used, because each explanation needs memory for the activations of all layers."""


def explain_image(model_path: Path, image_path: Path, label: str | None) -> Explanation:
    """Explain the prediction of a model for one image.

    Computes in float32 whatever the precision of the model, because gradients in half precision are coarse.

    Args:
        model_path: The model file. The nearest training images come from the run folder around it.
        image_path: The image file.
        label: Class to explain; None: the predicted class.

    Raises:
        EngineError: The model or the image cannot be used, or the model does not have the class.
    """
    read_metadata(model_path)  # raises an EngineError for a missing file, where `stat` would raise an OSError
    model_path = model_path.absolute()
    version = file_version(model_path)
    with _ONE_AT_A_TIME:
        model = _open(model_path, version)
    metadata, preprocessing = model.metadata, model.preprocessing
    label = None if label is None else match_class_names([label], metadata.classes).get(label, label)
    if label is not None and label not in metadata.classes:
        names = listing(metadata.classes, _MAX_NAMES)
        raise EngineError(f"The model has no class '{label}'. Choose one of its classes: {names}.", model_path)
    pixels = decode(image_path, preprocessing.min_side, preprocessing.grey_ranges)
    batch = normalise(preprocess(pixels, preprocessing)[None].to(model.device), preprocessing)
    class_index = None if label is None else metadata.classes.index(label)
    with _ONE_AT_A_TIME:
        cam = compute_cam(model.network, find_target_layer(model.network, batch), batch, class_index)
    if not (cam.logits.isfinite().all() and cam.heat.isfinite().all()):
        raise EngineError(NON_FINITE_OUTPUTS, model_path)
    return Explanation(
        path=path_to_text(str(image_path)),
        label=metadata.classes[cam.label],
        predicted=metadata.classes[int(cam.logits.argmax())],
        confidence=float((cam.logits / metadata.temperature).softmax(0)[cam.label]),
        heat=cam.heat.numpy(),
        box=visible_box(pixels.shape[1], pixels.shape[0], preprocessing),
        neighbours=_neighbours(_read_reference(model_path.parent, version), cam.embedding),
        grey_ranges=preprocessing.grey_ranges,
    )


@lru_cache(maxsize=1)
def _open(model_path: Path, _version: FileKey) -> OpenModel:
    # The version is part of the cache key, so a rewritten file is loaded again
    model = open_model(model_path)
    model.network.to(model.device).requires_grad_(False)
    return model


def _neighbours(reference: ReferenceEmbeddings | None, embedding: torch.Tensor) -> tuple[Neighbour, ...]:
    if reference is None:
        return ()
    root = Path(reference.root)
    return tuple(
        Neighbour(str(root / reference.paths[position]), reference.labels[position], similarity)
        for position, similarity in reference.nearest(embedding, NUM_NEIGHBOURS)
    )


@lru_cache(maxsize=1)
def _read_reference(run_folder: Path, _version: FileKey) -> ReferenceEmbeddings | None:
    try:
        return read_reference_embeddings(run_folder)
    except EngineError:  # a model without its run, or of an older program: the heat map is still useful
        return None
