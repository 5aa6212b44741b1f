"""Write a network as ONNX or as an exported program of torch, all that is needed to use it inside."""

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from engine import __version__
from engine.calibration import DEFAULT_MAX_ERROR, choose_threshold
from engine.card import ModelCard
from engine.errors import EngineError
from engine.exports import METADATA_KEY, ExportOptions
from engine.ml.export_graph import ExportedNetwork
from engine.ml.transforms import CROP_SHARE, PAD_GREY

_MOST_BYTES = 2_000_000_000
"""What one ONNX file holds: protobuf counts bytes in 31 bits."""
_MOST_BATCH = 2**16


def describe(card: ModelCard, options: ExportOptions, output_names: list[str]) -> str:
    """Return what stands inside an exported file, as JSON."""
    calibration = card.calibration
    budget = choose_threshold(calibration.coverage if calibration else (), DEFAULT_MAX_ERROR)
    document = {
        "classes": card.classes,
        "image_size": card.image_size,
        "geometry": card.geometry,
        "crop_share": CROP_SHARE,
        "pad_grey": PAD_GREY,
        "mean": card.mean,
        "std": card.std,
        "normalises": options.normalises,
        "outputs": output_names,
        "temperature": card.temperature,
        "max_error": DEFAULT_MAX_ERROR,
        # Where nothing is sure enough the threshold is infinite, which JSON has no number for
        "threshold": min(budget.threshold, 2.0),
        "unknown_below": calibration.unknown_below if calibration else None,
        "calibration": calibration.model_dump() if calibration else None,
        "best": card.best.model_dump() if card.best else None,
        "backbone": card.backbone,
        "int8": options.int8,
        "program": f"Classifold {__version__}",
        "created": card.created,
    }
    return json.dumps(document)


def write_onnx(network: ExportedNetwork, example: Tensor, description: str, path: Path) -> None:
    """Write the network as ONNX; raise EngineError where it is too large for one file."""
    if sum(tensor.nbytes for tensor in network.state_dict().values()) > _MOST_BYTES:
        raise EngineError("This network is too large for one ONNX file, which holds 2 GB. Export it as pt2.")
    with _quiet():
        program = torch.onnx.export(
            network,
            (example,),
            input_names=["images"],
            output_names=network.output_names,
            dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=_MOST_BATCH)},),
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    program.model.metadata_props[METADATA_KEY] = description
    program.save(path, external_data=False)


def write_pt2(network: ExportedNetwork, example: Tensor, description: str, path: Path) -> None:
    """Write the network as a program that `torch.export.load` reads."""
    with _quiet():
        shapes = ({0: torch.export.Dim("batch", min=1, max=_MOST_BATCH)},)
        program = torch.export.export(network, (example,), dynamic_shapes=shapes)
        torch.export.save(program, path, extra_files={f"{METADATA_KEY}.json": description})


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the exporters tell of themselves from people's eyes."""
    loggers = [
        logging.getLogger(name)
        for name in ("torch.onnx", "torch.export", "torch.utils.flop_counter", "onnxscript", "onnx_ir")
    ]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels):
                logger.setLevel(level)
