"""Write a network as ONNX or as an exported program of torch, all that is needed to use it inside.

This is done in a process of its own: while torch follows a network, a training in another thread of the same process
would end in an error; and nothing could stop it.
"""

import json
from collections.abc import Generator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from engine import __version__
from engine.core.errors import EngineError
from engine.core.events import Event
from engine.core.process import run_program
from engine.core.progress import Ticker
from engine.ml.export.graph import ExportedNetwork, example_images
from engine.ml.export.verification_process import REQUEST
from engine.ml.models.model_file import load_model
from engine.ml.models.preprocessing import CROP_FRACTION, PAD_GREY
from engine.ml.models.reference_embeddings import read_embeddings
from engine.results.calibration import DEFAULT_MAX_ERROR, choose_operating_point
from engine.results.export_verification import METADATA_KEY, RUN_EXPORT, ExportOptions
from engine.results.model_metadata import ModelMetadata

_MOST_BYTES = 2_000_000_000
"""What one ONNX file holds: protobuf counts bytes in 31 bits."""
_MOST_BATCH = 2**16


def write_apart(model_path: Path, options: ExportOptions, path: Path) -> Generator[Event, None, None]:
    """Write the model in a file to `path`, as floats; raise EngineError where that cannot be done."""
    if options.format == "onnx" and model_path.stat().st_size > _MOST_BYTES:
        raise EngineError("This network is too large for one ONNX file, which holds 2 GB. Export it as pt2.")
    request = {
        "task": "write",
        "model": str(model_path.absolute()),
        "options": options.model_dump(),
        "file": str(path.absolute()),
    }
    with TemporaryDirectory(prefix="classifold-") as folder:
        (Path(folder) / REQUEST).write_text(json.dumps(request), "utf-8")
        failure = f"The model could not be written as {options.format}."
        yield from run_program(RUN_EXPORT, folder, ticker=Ticker("export", total=0), failure=failure)


def write_requested(request: dict[str, Any]) -> None:
    """Do in the other process what `write_apart` asks for."""
    model_path, options = Path(request["model"]), ExportOptions(**request["options"])
    model, card = load_model(model_path)
    network = ExportedNetwork(model, card, read_embeddings(model_path), options.normalises)
    write = _write_onnx if options.format == "onnx" else _write_pt2
    description = _describe(card, options, network.output_names)
    write(network, example_images(card, options.normalises), description, Path(request["file"]))


def _describe(card: ModelMetadata, options: ExportOptions, output_names: list[str]) -> str:
    """Return what stands inside the file, as JSON."""
    calibration = card.calibration
    budget = choose_operating_point(calibration.coverage if calibration else (), DEFAULT_MAX_ERROR)
    document = {
        "classes": card.classes,
        "image_size": card.image_size,
        "geometry": card.geometry,
        "crop_share": CROP_FRACTION,
        "pad_grey": PAD_GREY,
        "mean": card.mean,
        "std": card.std,
        "normalises": options.normalises,
        "outputs": output_names,
        "temperature": card.temperature,
        "max_error": DEFAULT_MAX_ERROR,
        # Where nothing is sure enough the threshold is infinite, which JSON has no number for
        "threshold": min(budget.threshold, 2.0),
        "unknown_below": calibration.ood_threshold if calibration else None,
        "calibration": calibration.model_dump() if calibration else None,
        "best": card.best.model_dump() if card.best else None,
        "backbone": card.backbone,
        "int8": options.int8,
        "program": f"Classifold {__version__}",
        "created": card.created,
    }
    return json.dumps(document)


def _write_onnx(network: ExportedNetwork, example: Tensor, description: str, path: Path) -> None:
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


def _write_pt2(network: ExportedNetwork, example: Tensor, description: str, path: Path) -> None:
    shapes = ({0: torch.export.Dim("batch", min=1, max=_MOST_BATCH)},)
    program = torch.export.export(network, (example,), dynamic_shapes=shapes)
    torch.export.save(program, path, extra_files={f"{METADATA_KEY}.json": description})
