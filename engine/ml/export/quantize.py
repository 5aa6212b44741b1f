"""Turn an ONNX file of floats into one of 8-bit integers."""

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
from engine.ml.export.verification_set import VerificationSet, fitting, load_images, spread
from engine.ml.models.preprocessing import Preprocessing, normalise
from engine.results.export_verification import ExportOptions
from engine.results.model_metadata import ModelMetadata

NUM_CALIBRATED = 128
"""Images at most from which the ranges of integers are taken."""
_BATCH = 8

Images = npt.NDArray[np.generic]


def to_integers(
    source: Path, card: ModelMetadata, options: ExportOptions, found: VerificationSet, target: Path
) -> Generator[Event, None, tuple[str, VerificationSet]]:
    """Write the ONNX file of floats at `source` as one of integers.

    Return what is to be said of it and the images left to measure it on: ranges are taken from training images, or
    where there are none from every other image, so that none is measured that the file was made for.
    """
    most = fitting(card, NUM_CALIBRATED)
    if found.training:
        chosen, note = spread(found.training, most), "training images"
    else:
        chosen, note = spread(found.samples[::2], most), "validation images it was not measured on"
        found = replace(found, samples=found.samples[1::2] or found.samples)
    images, _ = yield from load_images(found.root, chosen, card)
    inputs = images if options.normalises else normalise(images, Preprocessing.from_metadata(card))
    yield from Ticker("export", total=0).at(0)
    order = np.random.default_rng(0).permutation(len(images))  # in the order of classes some batches would hold one
    quantize(source, inputs.numpy()[order], target)
    return f"The ranges of its integers were taken from {len(images)} {note}.", found


def quantize(source: Path, images: Images, target: Path) -> None:
    """Write the network in an ONNX file as 8-bit integers.

    Convolutions and matrix products are computed in integers, with a scale for each channel of weights; the ranges of
    activations are those seen on `images`, shape (N, 3, S, S). The last product before each output stays
    floats. Weights get 7 bits, since with 8 the sums overflow on processors without VNNI instructions.
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
        self._batches: Iterator[Images] = (images[start : start + _BATCH] for start in range(0, len(images), _BATCH))

    def get_next(self) -> dict[str, Images] | None:
        """Return the next batch, or None behind the last."""
        batch = next(self._batches, None)
        return None if batch is None else {"images": batch}
