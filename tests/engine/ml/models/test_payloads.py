"""Tests that a pickle with a payload is rejected as weights, model and checkpoint."""

import hashlib
import io
import os
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine import jobs
from engine.cli.main import main
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.data.dataset import scan
from engine.data.splits import split
from engine.ml.models.model_file import load_model
from engine.ml.models.reference_embeddings import read_embeddings
from engine.ml.models.weight_files import read_weights
from engine.results.model_metadata import read_metadata
from engine.runs.run_folder import create_run
from tests.images import write_classes
from tests.scratch_config import scratch_config


class Payload:
    """Runs a command when its pickle is loaded."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f'echo run > "{self.trace}"',)


def _plain(path: Path, content: object) -> None:
    path.write_bytes(pickle.dumps(content, 2))


def _zip(path: Path, content: object) -> None:
    torch.save({"weight": torch.ones(2), "trap": content}, path)


def _legacy(path: Path, content: object) -> None:
    torch.save({"weight": torch.ones(2), "trap": content}, path, _use_new_zipfile_serialization=False)


def _tar(path: Path, content: object) -> None:
    dumped = pickle.dumps(content, 2)
    with tarfile.open(path, "w") as archive:
        for name in ("sys_info", "storages", "tensors", "pickle"):
            entry = tarfile.TarInfo(name)
            entry.size = len(dumped)
            archive.addfile(entry, io.BytesIO(dumped))


def _numpy(path: Path, content: object) -> None:
    with open(path, "wb") as file:
        np.save(file, np.array([content], dtype=object), allow_pickle=True)


WRITERS = {"pickle": _plain, "zip": _zip, "legacy": _legacy, "tar": _tar, "numpy": _numpy}
all_payloads = pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return tmp_path / "trace"


def image_folder(tmp_path: Path) -> Path:
    return write_classes(tmp_path / "data", {"ant": 4, "bee": 4})


@all_payloads
def test_the_payload_runs_when_a_pickle_is_loaded_without_protection(trace: Path, tmp_path: Path, write: Any) -> None:
    write(tmp_path / "trap", Payload(trace))
    if write is _numpy:
        np.load(tmp_path / "trap", allow_pickle=True)
    elif write is _tar:
        with tarfile.open(tmp_path / "trap") as archive:
            pickle.load(archive.extractfile("storages"))  # type: ignore[arg-type]
    elif write is _plain:
        pickle.loads((tmp_path / "trap").read_bytes())
    else:
        torch.load(tmp_path / "trap", weights_only=False)
    assert trace.exists()


@all_payloads
@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors", "weights.npy"])
def test_a_payload_as_weights_is_rejected_and_does_not_run(trace: Path, tmp_path: Path, write: Any, name: str) -> None:
    write(tmp_path / name, Payload(trace))
    with pytest.raises(EngineError, match="not a file of plain weights"):
        read_weights(tmp_path / name)
    assert not trace.exists()


@all_payloads
def test_a_payload_as_model_is_rejected_and_does_not_run(
    trace: Path, tmp_path: Path, write: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "model.safetensors"
    write(path, Payload(trace))
    for read in (read_metadata, load_model, read_embeddings):
        with pytest.raises(EngineError, match="not a model made by Classifold"):
            read(path)
    assert main(["predict", str(path), str(tmp_path)]) == 1
    assert "not a model made by Classifold" in capsys.readouterr().err
    assert not trace.exists()


@all_payloads
@pytest.mark.parametrize("is_signed", [False, True])
@pytest.mark.parametrize("name", ["checkpoint.safetensors", "checkpoint.pt"])
def test_a_payload_as_checkpoint_is_rejected_and_does_not_run(
    trace: Path, tmp_path: Path, write: Any, name: str, is_signed: bool
) -> None:
    config = scratch_config().changed("data", image_size=16).changed("training", device="cpu", epochs=2, batch_size=4)
    run = create_run(tmp_path / "run", config, split(scan(image_folder(tmp_path)), 0.5, 0))
    write(run.path / name, Payload(trace))
    if is_signed:  # anybody can compute the hash at the end of a checkpoint.pt
        content = (run.path / name).read_bytes()
        (run.path / name).write_bytes(content + hashlib.sha256(content).digest())
    with pytest.raises(EngineError, match="damaged"):
        run_to_end(jobs.resume(run.path))
    assert not trace.exists()


def test_the_command_line_rejects_weights_with_a_payload(
    trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _zip(tmp_path / "weights.pth", Payload(trace))
    flags = [
        "--out",
        str(tmp_path / "run"),
        "--model.weights",
        str(tmp_path / "weights.pth"),
        *("--model.backbone", "se_resnet", "--data.image-size", "16"),
    ]
    assert main(["train", str(image_folder(tmp_path)), *flags]) == 1
    assert "not a file of plain weights" in capsys.readouterr().err
    assert not trace.exists()
