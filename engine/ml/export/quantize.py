"""Quantize an ONNX file to 8-bit integers."""

from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from engine.core.events import Event
from engine.core.progress import Ticker
from engine.ml.export.verification_set import VerificationSet, evenly_spaced, load_images, max_images_in_memory
from engine.ml.models.preprocessing import Preprocessing, normalise
from engine.results.export_verification import ExportOptions
from engine.results.model_metadata import ModelMetadata

MAX_CALIBRATION_IMAGES = 128
"""Maximum number of images from which the ranges of activations are measured."""
_BATCH_SIZE = 8

Images = npt.NDArray[np.generic]


def write_int8(
    source: Path, metadata: ModelMetadata, options: ExportOptions, verification_set: VerificationSet, target: Path
) -> Generator[Event, None, tuple[str, VerificationSet]]:
    """Quantize the ONNX file `source` into `target`, with activation ranges from training images.

    If there are no training images, every other verification image is used and removed from the verification set, so
    that no image is used for both calibration and verification.

    Returns:
        A note about the images that were used, and the remaining verification set.
    """
    max_images = max_images_in_memory(metadata, MAX_CALIBRATION_IMAGES)
    if verification_set.training:
        chosen, note = evenly_spaced(verification_set.training, max_images), "training images"
    else:
        chosen, note = (
            evenly_spaced(verification_set.samples[::2], max_images),
            "validation images that were not used for verification",
        )
        verification_set = replace(verification_set, samples=verification_set.samples[1::2] or verification_set.samples)
    images, _ = yield from load_images(verification_set.root, chosen, metadata)
    inputs = images if options.normalises else normalise(images, Preprocessing.from_metadata(metadata))
    yield from Ticker("export", total=0).at(0)
    order = np.random.default_rng(0).permutation(len(images))  # in class order, a batch would contain one class only
    quantize(source, inputs.numpy()[order], target)
    return f"Calibrated on {len(images)} {note}.", verification_set


def quantize(source: Path, images: Images, target: Path) -> None:
    """Quantize an ONNX file statically to 8-bit integers.

    Convolutions and matrix products use integers, with one scale per weight channel. The last product before each
    output stays in floats. Weights have 7 bits, because with 8 bits the sums overflow on CPUs without VNNI.

    Args:
        source: The float ONNX file.
        images: Input images that determine the ranges of activations, shape (N, 3, S, S).
        target: The file to write.
    """
    prepared = target.with_name("prepared.onnx")
    quant_pre_process(source, prepared, skip_symbolic_shape=True)
    graph = onnx.load(prepared).graph
    products = [node.name for node in graph.node if node.op_type in ("Gemm", "MatMul")]
    quantize_static(
        prepared,
        target,
        _Reader(images),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["Conv", "Clip", "Relu", "Add", "Gemm", "MatMul"],
        nodes_to_exclude=products[-len(graph.output) :],
        per_channel=True,
        reduce_range=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.MinMax,
        extra_options={"CalibMovingAverage": True},
    )


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, images: Images) -> None:
        self._batches: Iterator[Images] = (
            images[start : start + _BATCH_SIZE] for start in range(0, len(images), _BATCH_SIZE)
        )

    def get_next(self) -> dict[str, Images] | None:
        """Return the next batch, or None after the last."""
        batch = next(self._batches, None)
        return None if batch is None else {"images": batch}
