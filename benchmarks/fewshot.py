"""Accuracy with 1 to 30 images per class, on the included network: `python -m benchmarks.fewshot`."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import tyro
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import pairwise_distances_argmin
from torch import nn

from benchmarks.output import percent, print_header, print_line, print_row
from benchmarks.published_network import load_last_layer
from engine.config.backbones import INCLUDED_BACKBONE, find_backbone
from engine.config.local_weights import weights_path
from engine.core.event_stream import run_to_end
from engine.data.dataset import scan
from engine.ml.evaluation.linear_head import fit_linear_head
from engine.ml.evaluation.linear_probe import Labels, Vectors
from engine.ml.loading.feature_cache import Features, compute_features
from engine.ml.models.build import build_model
from engine.ml.models.included_weights import load_included_weights
from engine.ml.models.preprocessing import Preprocessing
from engine.ml.training.feature_source import other_view, stack_views

DATA = ("hymenoptera", "weather", "sign_digits", "flowers_small")
SHOTS = (1, 2, 5, 10, 30)
MAX_PER_CLASS = 150
"""Number of images of a class that are used, for training and test together."""

Method = Callable[[Vectors, Labels, Vectors], Labels]
"""From training views (N, V, D), their labels (N,) and test embeddings (M, D) to predicted labels (M,)."""


def main(shared: Path = Path("../shared"), data: tuple[str, ...] = DATA, draws: int = 10) -> None:
    """Draw a few images of each class, fit heads to their embeddings, and classify all other images.

    Args:
        shared: Folder with data/NAME.
        data: Names of the datasets.
        draws: Number of random draws of the training images.
    """
    features = [compute_embeddings(shared.resolve() / "data" / name) for name in data]
    for title, (method, is_last_layer) in METHODS.items():
        print_line(f"\n{title}\n")
        print_header("images per class", *data, "mean")
        for shots in SHOTS:
            shares = [mean_accuracy(method, each[is_last_layer], shots, draws) for each in features]
            print_row(shots, *(percent(share, 1) for share in shares), percent(float(np.mean(shares)), 1))


def compute_embeddings(folder: Path) -> tuple[Features, Features]:
    """Return features of the images in a folder: embeddings, and activations of the last layer alone.

    The rows have shape (N, 2, D), for the two views that quick mode trains on.
    """
    dataset, backbone = scan(folder, is_corrected=False), find_backbone(INCLUDED_BACKBONE)
    model = build_model(INCLUDED_BACKBONE, len(dataset.classes), backbone.image_size, 0.0).eval()
    load_included_weights(model, weights_path(backbone))
    order = np.random.default_rng(0).permutation(len(dataset.samples))
    chosen = [
        dataset.samples[position]
        for label in range(len(dataset.classes))
        for position in [row for row in order if dataset.samples[row].label == label][:MAX_PER_CLASS]
    ]
    preprocessing = Preprocessing(backbone.image_size, "crop", backbone.mean, backbone.std)

    def compute(network: nn.Module) -> Features:
        views = (preprocessing, other_view(preprocessing))
        cpu = torch.device("cpu")
        return stack_views(
            [run_to_end(compute_features(folder, chosen, network, view, cpu, torch.float32)) for view in views]
        )

    return compute(model.backbone), compute(load_last_layer())


def mean_accuracy(method: Method, features: Features, shots: int, draws: int) -> float:
    """Return the mean accuracy (0..1) over random draws of `shots` training images per class."""
    views, labels = features.rows.flatten(2).numpy(), features.labels.numpy()
    shares = []
    for seed in range(draws):
        order = np.random.default_rng(seed).permutation(len(labels))
        is_drawn = np.zeros(len(labels), bool)
        for label in np.unique(labels):
            is_drawn[order[labels[order] == label][:shots]] = True
        predicted = method(views[is_drawn], labels[is_drawn], views[~is_drawn, 0])
        shares.append(np.mean(predicted == labels[~is_drawn]))
    return float(np.mean(shares))


def linear_head(views: Vectors, labels: Labels, test: Vectors) -> Labels:
    """Classify by the head that quick mode starts with."""
    num_images, num_views, size = views.shape
    groups = np.repeat(np.arange(num_images), num_views)
    head = fit_linear_head(views.reshape(-1, size), labels[groups], int(labels.max()) + 1, groups)
    predicted: Labels = head.logits(test).argmax(1)
    return predicted


def logistic_regression(views: Vectors, labels: Labels, test: Vectors) -> Labels:
    """Classify by a logistic regression with scikit-learn's defaults, on the embedding of the image itself."""
    return LogisticRegression(max_iter=300).fit(views[:, 0], labels).predict(test)  # type: ignore[no-any-return]


def nearest_centroid(views: Vectors, labels: Labels, test: Vectors) -> Labels:
    """Classify by the nearest mean of the embeddings of both views of the images."""
    embeddings, classes = views.mean(1), np.unique(labels)
    centroids = np.stack([embeddings[labels == label].mean(0) for label in classes])
    return classes[pairwise_distances_argmin(test, centroids)]  # type: ignore[no-any-return]


METHODS: dict[str, tuple[Method, bool]] = {
    "Linear head of quick mode": (linear_head, False),
    "The same head on the last layer alone": (linear_head, True),
    "Logistic regression on the last layer alone": (logistic_regression, True),
    "Nearest centroid": (nearest_centroid, False),
}
"""Method by title, and whether it gets the activations of the last layer alone."""


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
