"""Tests of engine.ml.models.weight_files."""

import contextlib
import random
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from engine.core.errors import EngineError
from engine.ml.models.weight_files import read_weights

TENSORS = OrderedDict(weight=torch.arange(6.0).reshape(2, 3), count=torch.tensor(3))


class Trap:
    """Creates a file when its pickle is loaded."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".bin"])
def test_torch_files_are_read_with_any_suffix(tmp_path, suffix):
    torch.save(TENSORS, tmp_path / f"weights{suffix}")
    torch.testing.assert_close(read_weights(tmp_path / f"weights{suffix}").tensors, dict(TENSORS))


def test_files_of_old_torch_versions_are_read(tmp_path):
    torch.save(TENSORS, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    torch.testing.assert_close(read_weights(tmp_path / "old.pth").tensors, dict(TENSORS))


def test_safetensors_are_read(tmp_path):
    save_file(dict(TENSORS), tmp_path / "weights.safetensors")
    torch.testing.assert_close(read_weights(tmp_path / "weights.safetensors").tensors, dict(TENSORS))


@pytest.mark.parametrize("wrappers", [("state_dict",), ("model",), ("model_state_dict",), ("model", "state_dict")])
def test_wrapped_weights_are_found(tmp_path, wrappers):
    content = TENSORS
    for key in wrappers:
        content = {key: content, "epoch": 3, "args": {"lr": 0.1}}
    torch.save(content, tmp_path / "checkpoint.pth")
    torch.testing.assert_close(read_weights(tmp_path / "checkpoint.pth").tensors, dict(TENSORS))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_every_precision_is_read(tmp_path, dtype):
    torch.save({"weight": torch.ones(2, dtype=dtype)}, tmp_path / "half.pth")
    assert read_weights(tmp_path / "half.pth").tensors["weight"].dtype == dtype


def test_a_pickle_with_other_objects_is_rejected_and_does_not_run(tmp_path):
    torch.save({"weight": torch.ones(2), "trap": Trap(tmp_path / "trace")}, tmp_path / "trap.pth")
    with pytest.raises(EngineError, match="not a file of plain weights"):
        read_weights(tmp_path / "trap.pth")
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
def test_a_missing_file_is_an_error(tmp_path, name):
    with pytest.raises(EngineError, match="does not exist"):
        read_weights(tmp_path / name)


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, [torch.ones(2)], torch.ones(2), 5])
def test_a_file_without_named_tensors_is_rejected(tmp_path, content):
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(EngineError, match="contains no weights"):
        read_weights(tmp_path / "other.pth")


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("name", ["weights.pth", "old.pth", "weights.safetensors"])
def test_truncated_or_altered_files_are_an_error(tmp_path, name):
    path = tmp_path / name
    if path.suffix == ".safetensors":
        save_file(dict(TENSORS), path)
    else:
        torch.save(TENSORS, path, _use_new_zipfile_serialization=name != "old.pth")
    whole = path.read_bytes()
    dice = random.Random(0)
    for _ in range(150):
        altered = bytearray(whole[: dice.randrange(1, len(whole))] if dice.random() < 0.5 else whole)
        for _ in range(3):
            altered[dice.randrange(len(altered))] = dice.randrange(256)
        path.write_bytes(altered)
        with contextlib.suppress(EngineError):  # a file in which only a value was altered is still valid
            read_weights(path)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(EngineError, match="damaged"):
        read_weights(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04", b"\x80\x02."])
@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
def test_files_of_another_format_are_an_error(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(EngineError, match="not a file of plain weights"):
        read_weights(tmp_path / name)
