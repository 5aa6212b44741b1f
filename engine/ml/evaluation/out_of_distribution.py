"""k-NN out-of-distribution detection: reference embeddings and the similarity threshold.

Sun et al. (2022), "Out-of-Distribution Detection with Deep Nearest Neighbors": an image is out of distribution (OOD)
if its embedding is far from those of its nearest training images.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel
from torch import Tensor

from engine.core.atomic_write import saving, write_text_atomic
from engine.core.errors import EngineError
from engine.core.relative_path import RelativePath
from engine.core.safe_read import read_text
from engine.data.dataset import Sample
from engine.ml.models.reference_embeddings import l2_normalize, read_embeddings
from engine.results.few_images import MIN_VAL_IMAGES
from engine.runs.run_folder import Run

NUM_NEAREST = 3
"""k: the similarity of an image to training is the mean over this many nearest training images."""
OOD_QUANTILE = 0.02
"""Share (0..1) of validation images that the threshold marks as out of distribution."""
_NO_REFERENCE = "This run has no reference images for comparison. Train it again, or let its training end."


class _ReferencePaths(BaseModel):
    """The file in the run folder that names the reference images."""

    root: str
    files: tuple[tuple[RelativePath, str], ...]
    """Path below `root` and class name of each image."""


@dataclass(frozen=True)
class ReferenceEmbeddings:
    """Embeddings of N training images, with their paths and class names."""

    root: str
    paths: tuple[str, ...]
    labels: tuple[str, ...]
    embeddings: Tensor
    """Shape (N, D), float32, each row of length 1."""

    def nearest(self, embedding: Tensor, num: int) -> list[tuple[int, float]]:
        """Return positions and cosine similarities of the `num` images nearest to an embedding (D,), nearest first."""
        values, positions = (self.embeddings @ l2_normalize(embedding.cpu())).topk(min(num, len(self.paths)))
        return list(zip(positions.tolist(), values.tolist()))


def mean_knn_cosine(embeddings: Tensor, reference: Tensor) -> Tensor:
    """Return the mean cosine similarity of each embedding to its `NUM_NEAREST` nearest reference embeddings.

    Args:
        embeddings: Shape (M, D), of any length.
        reference: Shape (N, D), each row of length 1.

    Returns:
        Shape (M,), float32, -1..1.
    """
    cosines = l2_normalize(embeddings) @ reference.float().T
    return cosines.topk(min(NUM_NEAREST, len(reference)), dim=1).values.mean(1)


def choose_ood_threshold(val_similarities: Tensor) -> float | None:
    """Return the `OOD_QUANTILE` quantile of the similarities (N,) of validation images; images below it are OOD.

    With N images, one in N + 1 ordinary images lies below all of them. With few images no threshold is therefore set.
    """
    if len(val_similarities) < MIN_VAL_IMAGES:
        return None
    return float(np.quantile(val_similarities.numpy(), OOD_QUANTILE))


def write_reference_paths(run: Run, root: Path, samples: tuple[Sample, ...], classes: tuple[str, ...]) -> None:
    """Write paths and classes of the reference images into the run folder.

    They are not part of the model file, because paths can hold private information.

    Raises:
        EngineError: The file cannot be written.
    """
    files = [[sample.path, classes[sample.label]] for sample in samples]
    with saving("The list of reference images", run.reference_path):
        write_text_atomic(run.reference_path, json.dumps({"root": str(root.absolute()), "files": files}))


def read_reference_embeddings(run_folder: Path) -> ReferenceEmbeddings:
    """Return the reference embeddings of a run; raise EngineError if it has none or they do not match."""
    run = Run(run_folder)
    embeddings = read_embeddings(run.model_path) if run.model_path.is_file() else None
    try:
        reference = _ReferencePaths.model_validate_json(read_text(run.reference_path))
    except (OSError, ValueError) as error:
        raise EngineError(_NO_REFERENCE, run_folder) from error
    paths, labels = zip(*reference.files) if reference.files else ((), ())
    if embeddings is None or len(embeddings) != len(paths):
        raise EngineError(_NO_REFERENCE, run_folder)
    return ReferenceEmbeddings(reference.root, paths, labels, torch.as_tensor(embeddings))
