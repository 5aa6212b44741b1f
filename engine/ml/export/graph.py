"""The network of an exported file, from images to calibrated probabilities."""

import copy

import torch
from torch import Tensor, nn

from engine.ml.evaluation.out_of_distribution import mean_knn_cosine
from engine.ml.models.build import Classifier
from engine.ml.models.fusion import fuse_batchnorm
from engine.ml.models.preprocessing import Preprocessing, normalise
from engine.results.model_metadata import ModelMetadata


class ExportedNetwork(nn.Module):
    """Backbone, head and calibration in one graph, with the float32 outputs of the program."""

    reference_embeddings: Tensor | None

    def __init__(
        self, model: Classifier, metadata: ModelMetadata, reference_embeddings: Tensor | None, normalises: bool
    ) -> None:
        super().__init__()
        self.backbone = fuse_batchnorm(model.backbone)
        self.head = copy.deepcopy(model.head).eval()
        self._temperature = metadata.temperature
        self._preprocessing = Preprocessing.from_metadata(metadata) if normalises else None
        self.register_buffer("reference_embeddings", reference_embeddings)

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs of `forward`, in order."""
        return ["probabilities"] if self.reference_embeddings is None else ["probabilities", "similarity"]

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Classify images.

        Args:
            images: Shape (N, 3, S, S); uint8 if the network normalises its input, else normalised float32.

        Returns:
            Calibrated probabilities, float32, shape (N, K). If there are reference embeddings, also the mean cosine
            similarity to the nearest ones, float32, shape (N,).
        """
        batch = images if self._preprocessing is None else normalise(images, self._preprocessing)
        embeddings = self.backbone(batch)
        probabilities = (self.head(embeddings) / self._temperature).softmax(1)
        if self.reference_embeddings is None:
            return (probabilities,)
        return probabilities, mean_knn_cosine(embeddings, self.reference_embeddings)


def example_images(metadata: ModelMetadata, normalises: bool) -> Tensor:
    """Return random input for tracing, shape (2, 3, S, S), uint8 if the network normalises, else float32."""
    shape = (2, 3, metadata.image_size, metadata.image_size)
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    return pixels if normalises else normalise(pixels, Preprocessing.from_metadata(metadata))
