"""What the network says of the training images, kept beside the model, to find the nearest ones."""

from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from engine.errors import EngineError
from engine.splits import read_split

REFERENCE_NAME = "reference.safetensors"


@dataclass(frozen=True, slots=True)
class Reference:
    """Embeddings of training images."""

    root: str
    paths: tuple[str, ...]
    labels: tuple[str, ...]
    """Class names."""
    embeddings: Tensor
    """Shape (N, D), float32, each of length one."""

    def nearest(self, embedding: Tensor, num: int) -> list[tuple[int, float]]:
        """Return position and cosine similarity of the `num` images nearest to `embedding` (D,), the nearest first."""
        similarities = self.embeddings @ (embedding.float() / embedding.norm().clamp_min(1e-12))
        values, positions = similarities.topk(min(num, len(self.paths)))
        return list(zip(positions.tolist(), values.tolist()))


def read_reference(run_folder: Path) -> Reference:
    """Read the embeddings of a run; raise EngineError where there are none."""
    path = run_folder / REFERENCE_NAME
    try:
        with safe_open(path, framework="pt") as file:
            embeddings = file.get_tensor("embeddings")
        dataset = read_split(run_folder / "split.json")
    except (SafetensorError, OSError) as error:
        raise EngineError("The run keeps no embeddings of its training images.", path) from error
    samples = dataset.of_split("train")
    labels = tuple(dataset.classes[sample.label] for sample in samples)
    return Reference(str(dataset.root), tuple(sample.path for sample in samples), labels, embeddings)
