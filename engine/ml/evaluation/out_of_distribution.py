"""The training images as the finished network sees them: what is near one is known, what is far from all is not."""

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
from engine.ml.models.reference_embeddings import MAX_REFERENCE_IMAGES, l2_normalize, read_embeddings
from engine.runs.run_folder import Run

NUM_NEAREST = 3
"""An image is as similar to training as it is to this many training images on average."""
UNKNOWN_SHARE = 0.02
"""Share of validation images that may be called unlike anything in training."""


class _Files(BaseModel):
    """The list in the run folder."""

    root: str
    files: tuple[tuple[RelativePath, str], ...]
    """Path of each image and its class."""


@dataclass(frozen=True)
class ReferenceEmbeddings:
    """Embeddings of training images, (N, D), each of length 1, with the files and classes they stand for."""

    root: str
    paths: tuple[str, ...]
    labels: tuple[str, ...]
    embeddings: Tensor

    def nearest(self, embedding: Tensor, num: int) -> list[tuple[int, float]]:
        """Return positions and cosine similarities of the `num` images nearest to an embedding (D,), nearest first."""
        values, positions = (self.embeddings @ l2_normalize(embedding.cpu())).topk(min(num, len(self.paths)))
        return list(zip(positions.tolist(), values.tolist()))


def mean_knn_cosine(embeddings: Tensor, reference: Tensor) -> Tensor:
    """Return how similar each of (M, D) is to the rows of length 1 it is nearest to, (N, D): mean cosine, shape (M,).

    Distance to the nearest neighbours in the space of features: Sun et al. (2022), "Out-of-Distribution Detection with
    Deep Nearest Neighbors".
    """
    cosines = l2_normalize(embeddings) @ reference.float().T
    return cosines.topk(min(NUM_NEAREST, len(reference)), dim=1).values.mean(1)


def choose_ood_threshold(val_similarities: Tensor) -> float:
    """Return the similarity that all but a few validation images reach."""
    return float(np.quantile(val_similarities.numpy(), UNKNOWN_SHARE))


def choose_samples(samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
    """Return at most MAX_REFERENCE_IMAGES of the samples, spread evenly over each class, small classes whole."""
    if len(samples) <= MAX_REFERENCE_IMAGES:
        return samples
    by_label: dict[int, list[Sample]] = {}
    for sample in samples:
        by_label.setdefault(sample.label, []).append(sample)
    chosen: list[Sample] = []
    room = MAX_REFERENCE_IMAGES
    for number, group in enumerate(sorted(by_label.values(), key=len)):
        num_taken = min(len(group), room // (len(by_label) - number))
        chosen += [group[int(place)] for place in np.linspace(0, len(group) - 1, num_taken)]
        room -= num_taken
    return tuple(sorted(chosen, key=lambda sample: sample.path))


def write_paths(run: Run, root: Path, samples: tuple[Sample, ...], classes: tuple[str, ...]) -> None:
    """Write which files the rows in the model file stand for; they stay in the run folder, for paths tell of people."""
    files = [[sample.path, classes[sample.label]] for sample in samples]
    with saving("The list of remembered images", run.reference_path):
        write_text_atomic(run.reference_path, json.dumps({"root": str(root.absolute()), "files": files}))


def read_reference(run_folder: Path) -> ReferenceEmbeddings:
    """Return the training images of a run as its model sees them; raise EngineError where it has none."""
    run = Run(run_folder)
    embeddings = read_embeddings(run.model_path) if run.model_path.is_file() else None
    try:
        files = _Files.model_validate_json(read_text(run.reference_path))
    except (OSError, ValueError) as error:
        raise EngineError("This run keeps no training images to compare with.", run_folder) from error
    paths, labels = zip(*files.files) if files.files else ((), ())
    if embeddings is None or len(embeddings) != len(paths):
        raise EngineError("This run keeps no training images to compare with.", run_folder)
    return ReferenceEmbeddings(files.root, paths, labels, torch.as_tensor(embeddings))
