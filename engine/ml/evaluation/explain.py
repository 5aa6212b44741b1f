"""Say why a model answers as it does for one image."""

from functools import lru_cache
from pathlib import Path

import torch

from engine.core.errors import EngineError
from engine.core.path_text import path_to_text
from engine.data.decode import decode
from engine.ml.evaluation.gradcam import compute_cam, find_layer
from engine.ml.evaluation.out_of_distribution import ReferenceEmbeddings, read_reference
from engine.ml.evaluation.predict import NOT_NUMBERS
from engine.ml.models.build import Classifier
from engine.ml.models.model_file import load_model
from engine.ml.models.preprocessing import Preprocessing, normalise, preprocess, visible_box
from engine.ml.runtime.device import choose_device
from engine.results.explanation import NUM_NEIGHBOURS, Explanation, Neighbour
from engine.results.model_metadata import ModelMetadata, read_metadata


def explain_image(model_path: Path, image_path: Path, label: str | None) -> Explanation:
    """Return what speaks for class `label`, or for the answer where it is None, and the nearest training images.

    Works in float32, whatever precision the card asks for: gradients of half precision are coarse. Raises EngineError
    where the model or the image cannot be used, or the model knows no such class.
    """
    read_metadata(model_path)  # a missing file must be a sentence, not a failing `stat` below
    model_path = model_path.absolute()
    changed = model_path.stat().st_mtime_ns
    model, card, device = _open(model_path, changed)
    if label is not None and label not in card.classes:
        raise EngineError(f"The model knows no class '{label}'. It knows {', '.join(card.classes[:10])}.", model_path)
    preprocessing = Preprocessing.from_metadata(card)
    pixels = decode(image_path, preprocessing.min_side)
    batch = normalise(preprocess(pixels, preprocessing)[None].to(device), preprocessing)
    seen = compute_cam(model, find_layer(model, batch), batch, None if label is None else card.classes.index(label))
    if not (seen.logits.isfinite().all() and seen.heat.isfinite().all()):
        raise EngineError(NOT_NUMBERS, model_path)
    return Explanation(
        path=path_to_text(str(image_path)),
        label=card.classes[seen.label],
        predicted=card.classes[int(seen.logits.argmax())],
        confidence=float((seen.logits / card.temperature).softmax(0)[seen.label]),
        heat=seen.heat.numpy(),
        box=visible_box(pixels.shape[1], pixels.shape[0], preprocessing),
        neighbours=_neighbours(_read_reference(model_path.parent, changed), seen.embedding),
    )


@lru_cache(maxsize=1)
def _open(model_path: Path, _changed: int) -> tuple[Classifier, ModelMetadata, torch.device]:
    # Kept, so that another class is explained at once; a rewritten file has another time of change
    model, card = load_model(model_path)
    device = choose_device("auto")
    return model.to(device).requires_grad_(False), card, device


def _neighbours(reference: ReferenceEmbeddings | None, embedding: torch.Tensor) -> tuple[Neighbour, ...]:
    if reference is None:
        return ()
    root = Path(reference.root)
    return tuple(
        Neighbour(str(root / reference.paths[position]), reference.labels[position], similarity)
        for position, similarity in reference.nearest(embedding, NUM_NEIGHBOURS)
    )


@lru_cache(maxsize=1)
def _read_reference(run_folder: Path, _changed: int) -> ReferenceEmbeddings | None:
    try:
        return read_reference(run_folder)
    except EngineError:  # a model without its run, or of an older program: the heat map is worth showing alone
        return None
