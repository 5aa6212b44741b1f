"""A model file opened for inference: network, metadata, preprocessing, device and dtype."""

from dataclasses import dataclass
from pathlib import Path

import torch

from engine.ml.models.build import Classifier
from engine.ml.models.inference import Forward, make_embedding_forward, make_image_forward
from engine.ml.models.model_file import load_model
from engine.ml.models.preprocessing import Preprocessing
from engine.ml.runtime.device import choose_device
from engine.ml.runtime.precision import inference_dtype
from engine.results.model_metadata import ModelMetadata

NON_FINITE_OUTPUTS = (
    "The model's outputs are not finite numbers: its weights are damaged or diverged in training. Train it again."
)


@dataclass(frozen=True, slots=True)
class OpenModel:
    """A loaded model and what inference with it needs."""

    network: Classifier
    """In eval mode, float32, on the CPU."""
    metadata: ModelMetadata
    preprocessing: Preprocessing
    device: torch.device
    dtype: torch.dtype
    """Precision of the run where the device computes in it natively, else float32."""

    def make_logits_forward(self) -> Forward:
        """Return the function from uint8 images (N, 3, S, S) to logits (N, K), float32, on `device`."""
        return make_image_forward(self.network, self.preprocessing, self.device, self.dtype)

    def make_embedding_forward(self) -> Forward:
        """Return the function from uint8 images (N, 3, S, S) to embeddings (N, D) in `dtype`, on `device`."""
        return make_embedding_forward(self.network.backbone, self.preprocessing, self.device, self.dtype)


def open_model(model_path: Path, device: torch.device | None = None) -> OpenModel:
    """Load a model file for inference on `device`, by default the best available one.

    Raises:
        EngineError: The file is missing, damaged or no model.
    """
    network, metadata = load_model(model_path)
    device = device or choose_device("auto")
    dtype = inference_dtype(metadata.precision, device)
    return OpenModel(network, metadata, Preprocessing.from_metadata(metadata), device, dtype)
