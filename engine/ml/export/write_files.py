"""Write a network and its metadata as an ONNX file or as an exported program of torch (pt2).

A separate process does this, because tracing in torch breaks a training in another thread of the same process and
cannot be interrupted.
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

_MAX_ONNX_BYTES = 2_000_000_000
"""Size limit of an ONNX file: protobuf stores sizes in 31 bits."""
_MAX_BATCH_SIZE = 2**16


def write_in_subprocess(model_path: Path, options: ExportOptions, path: Path) -> Generator[Event, None, None]:
    """Write the model file `model_path` with float weights to `path`; raise EngineError if that fails."""
    if options.format == "onnx" and model_path.stat().st_size > _MAX_ONNX_BYTES:
        raise EngineError("This network is larger than 2 GB, the size limit of ONNX files. Export it as pt2.")
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
    """Write the file that `write_in_subprocess` requested; this runs in the other process."""
    model_path, options = Path(request["model"]), ExportOptions(**request["options"])
    model, metadata = load_model(model_path)
    network = ExportedNetwork(model, metadata, read_embeddings(model_path), options.normalises)
    write = _write_onnx if options.format == "onnx" else _write_pt2
    metadata_json = _metadata_json(metadata, options, network.output_names)
    write(network, example_images(metadata, options.normalises), metadata_json, Path(request["file"]))


def _metadata_json(metadata: ModelMetadata, options: ExportOptions, output_names: list[str]) -> str:
    """Return the JSON document that is stored inside the exported file."""
    calibration = metadata.calibration
    operating_point = choose_operating_point(calibration.coverage if calibration else (), DEFAULT_MAX_ERROR)
    document = {
        "classes": metadata.classes,
        "image_size": metadata.image_size,
        "geometry": metadata.geometry,
        "crop_share": CROP_FRACTION,
        "pad_grey": PAD_GREY,
        "mean": metadata.mean,
        "std": metadata.std,
        "grey_ranges": metadata.grey_ranges.model_dump() if metadata.grey_ranges else None,
        "normalises": options.normalises,
        "outputs": output_names,
        "temperature": metadata.temperature,
        "max_error": DEFAULT_MAX_ERROR,
        # The threshold is infinite if no image can be decided; JSON has no infinity
        "threshold": min(operating_point.threshold, 2.0),
        "ood_threshold": calibration.ood_threshold if calibration else None,
        "calibration": calibration.model_dump() if calibration else None,
        "best": metadata.best.model_dump() if metadata.best else None,
        "backbone": metadata.backbone,
        "started_from": metadata.origin,
        "int8": options.int8,
        "program": f"Classifold {__version__}",
        "created": metadata.created,
    }
    return json.dumps(document)


def _write_onnx(network: ExportedNetwork, example: Tensor, metadata_json: str, path: Path) -> None:
    program = torch.onnx.export(
        network,
        (example,),
        input_names=["images"],
        output_names=network.output_names,
        dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=_MAX_BATCH_SIZE)},),
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    program.model.metadata_props[METADATA_KEY] = metadata_json
    program.save(path, external_data=False)


def _write_pt2(network: ExportedNetwork, example: Tensor, metadata_json: str, path: Path) -> None:
    shapes = ({0: torch.export.Dim("batch", min=1, max=_MAX_BATCH_SIZE)},)
    program = torch.export.export(network, (example,), dynamic_shapes=shapes)
    torch.export.save(program, path, extra_files={f"{METADATA_KEY}.json": metadata_json})
