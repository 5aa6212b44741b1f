"""The network that an exported file holds: from images to calibrated probabilities."""

import copy

import torch
from torch import Tensor, nn

from engine.ml.evaluation.out_of_distribution import mean_knn_cosine
from engine.ml.models.build import Classifier
from engine.ml.models.fusion import fuse_batchnorm
from engine.ml.models.preprocessing import Preprocessing, normalise
from engine.results.model_metadata import ModelMetadata


class ExportedNetwork(nn.Module):
    """Answers as the program does in float32, in one graph."""

    reference: Tensor | None

    def __init__(self, model: Classifier, card: ModelMetadata, reference: Tensor | None, normalises: bool) -> None:
        super().__init__()
        self.backbone = fuse_batchnorm(model.backbone)
        self.head = copy.deepcopy(model.head).eval()
        self._temperature = card.temperature
        self._preprocessing = Preprocessing.from_metadata(card) if normalises else None
        self.register_buffer("reference", reference)

    @property
    def output_names(self) -> list[str]:
        """What `forward` returns, in its order."""
        return ["probabilities"] if self.reference is None else ["probabilities", "similarity"]

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return probabilities, shape (N, K), and where training images are remembered the similarity to them, (N,).

        `images` has shape (N, 3, S, S), uint8 where the network normalises, else normalised float32.
        """
        batch = images if self._preprocessing is None else normalise(images, self._preprocessing)
        embeddings = self.backbone(batch)
        probabilities = (self.head(embeddings) / self._temperature).softmax(1)
        if self.reference is None:
            return (probabilities,)
        return probabilities, mean_knn_cosine(embeddings, self.reference)


def example_images(card: ModelMetadata, normalises: bool) -> Tensor:
    """Return a batch of two images as the network takes them."""
    shape = (2, 3, card.image_size, card.image_size)
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    return pixels if normalises else normalise(pixels, Preprocessing.from_metadata(card))
