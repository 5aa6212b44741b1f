"""Tests of model and weight files from untrusted sources."""

import json
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine import jobs
from engine.cli.main import main
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.core.safe_read import MAX_HEADER_BYTES
from engine.data.class_names import MAX_CLASSES
from engine.ml.evaluation.out_of_distribution import read_reference_embeddings
from engine.ml.models.build import build_model
from engine.ml.models.model_file import load_model, make_metadata, save_model
from engine.ml.models.preprocessing import Preprocessing
from engine.ml.models.pretrained import load_matching
from engine.ml.models.reference_embeddings import TENSOR_NAME, read_embeddings
from engine.ml.models.weight_files import read_weights
from engine.results.calibration import Calibration
from engine.results.model_metadata import METADATA_KEY, ModelMetadata, read_metadata
from tests.images import write_classes
from tests.scratch_config import scratch_config

SIDE = 32
CONFIG = scratch_config().changed("model", backbone="squeezenet1_1").changed("data", image_size=SIDE)
ODD_NAMES = ("<img src=x onerror=y>", "a\nb", "\x1b[31mred", "\u202egnp", "C:\\x", "=1+1", "$\\frac$", "& more")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("whole") / "model.safetensors"
    metadata = make_metadata(
        CONFIG, ("ant", "bee"), Preprocessing(SIDE, "crop", (0.5,) * 3, (0.2,) * 3), torch.float32, None, None
    )
    reference = torch.nn.functional.normalize(torch.randn(4, 512), dim=1).half()
    save_model(path, build_model("squeezenet1_1", 2, SIDE, 0.1), metadata, reference)
    return path.read_bytes()


@pytest.fixture
def model(tmp_path: Path, whole: bytes) -> Path:
    path = tmp_path / "model.safetensors"
    path.write_bytes(whole)
    return path


def forge(path: Path, **changes: object) -> Path:
    """Change fields of the metadata in a model file."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    metadata = json.loads(header["__metadata__"][METADATA_KEY]) | changes
    header["__metadata__"][METADATA_KEY] = json.dumps(metadata)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + length :])
    return path


def forge_tensors(path: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> Path:
    """Change the tensors in a model file and keep its metadata."""
    tensors = load_file(path)
    metadata = read_metadata(path)
    tensors = {name: tensor.clone() for name, tensor in tensors.items()}
    change(tensors)
    save_file(tensors, path, {METADATA_KEY: metadata.model_dump_json()})
    return path


# Model metadata


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"backbone": "resnet-5000"}, "no backbone named 'resnet-5000'"),
        ({"backbone": "../../x"}, "no backbone named"),
        ({"backbone": "x" * 10**6}, "backbone: String should have at most 100"),
        ({"backbone": 3}, "backbone"),
        ({"version": 2}, "newer Classifold"),
        ({"version": 10**30}, "newer Classifold"),
        ({"version": 2.5}, "newer Classifold"),
        ({"version": "2"}, "version"),
        ({"version": None}, "version"),
        ({"version": -1}, "version"),
        ({"image_size": 16}, "at least 32 pixels"),
        ({"image_size": 4096}, "image_size"),
        ({"image_size": 10**20}, "image_size"),
        ({"mean": [float("nan")] * 3}, "mean"),
        ({"mean": [1e308] * 3}, "mean"),
        ({"std": [0.0] * 3}, "std"),
        ({"std": [float("inf")] * 3}, "std"),
        ({"std": [-1, 1, 1]}, "std"),
        ({"geometry": "spin"}, "geometry"),
        ({"classes": []}, "classes"),
        ({"classes": ["ant", "ant"]}, "same name"),
        ({"classes": ["ant", ""]}, "classes"),
        ({"classes": ["ant", "../../x"]}, "not a valid folder name"),
        ({"classes": ["ant", ".."]}, "not a valid folder name"),
        ({"classes": ["ant", "/etc"]}, "not a valid folder name"),
        ({"classes": ["ant", "a\0b"]}, "not a valid folder name"),
        ({"classes": ["ant", "b" * 2000]}, "classes.1"),
        ({"classes": ["ant", 3]}, "classes.1"),
        ({"classes": [str(number) for number in range(MAX_CLASSES + 1)]}, "classes"),
        ({"classes": "ab"}, "classes"),
        ({"config": {"training": {"epochs": 1, "os.system": 1}}}, "config"),
        ({"best": {"epoch": 1, "accuracy": float("nan"), "loss": 0}}, "best"),
        ({"calibration": {"temperature": float("nan")}}, "calibration"),
        ({"program": None}, "program"),
    ],
)
def test_invalid_metadata_raises_an_error(model: Path, changes: dict[str, object], words: str) -> None:
    forge(model, **changes)
    for read in (read_metadata, load_model):
        with pytest.raises(EngineError, match=words) as caught:
            read(model)
        assert len(caught.value.message) < 500


@pytest.mark.parametrize("temperature", [0.0, 1e-300, -1.0, 1e300])
def test_a_temperature_out_of_range_is_rejected(model: Path, temperature: float) -> None:
    calibration = Calibration(temperature=1, error_before=0, error_after=0, num_images=1, coverage=())
    forge(model, calibration=calibration.model_dump() | {"temperature": temperature})
    with pytest.raises(EngineError, match="temperature"):
        read_metadata(model)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x02",
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", MAX_HEADER_BYTES + 1) + b" " * (MAX_HEADER_BYTES + 1),
        struct.pack("<Q", 400_000) + b"[" * 400_000,
        struct.pack("<Q", 30) + b'{"__metadata__":{"classifold":',
        struct.pack("<Q", 37) + b'{"__metadata__":{"classifold":"null"}}'[:37],
        struct.pack("<Q", 36) + b'{"__metadata__":{"classifold":"[]"}}',
        struct.pack("<Q", 17) + b'{"__metadata__":3}',
    ],
    ids=range(10),
)
def test_a_file_that_is_not_a_model_raises_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    for read in (read_metadata, load_model, read_embeddings):
        with pytest.raises(EngineError, match="not a model made by Classifold"):
            read(path)


def test_metadata_of_a_huge_model_allocates_no_memory(model: Path, tmp_path: Path) -> None:
    metadata = read_metadata(model).model_copy(
        update={"backbone": "vit_h_14", "image_size": 224, "classes": tuple(map(str, range(MAX_CLASSES)))}
    )
    small = tmp_path / "small.safetensors"
    save_file({"head.weight": torch.zeros(1)}, small, {METADATA_KEY: metadata.model_dump_json()})
    before = _peak_megabytes()
    with pytest.raises(EngineError, match="damaged or of another network"):
        load_model(small)
    assert _peak_megabytes() - before < 100


def _peak_megabytes() -> float:
    resource = pytest.importorskip("resource", reason="this system does not report peak memory")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak) / (2**20 if sys.platform == "darwin" else 2**10)


# Weights


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors: tensors.pop("head.bias"),
        lambda tensors: tensors.update(other=torch.ones(2)),
        lambda tensors: tensors.update({"head.bias": torch.ones(3)}),
        lambda tensors: tensors.update({"head.bias": torch.ones(2, 1)}),
        lambda tensors: tensors.update({"head.bias": torch.ones(2, dtype=torch.float64)}),
        lambda tensors: tensors.update({"head.bias": torch.ones(2, dtype=torch.int64)}),
    ],
    ids=["missing", "more", "longer", "deeper", "wider type", "whole numbers"],
)
def test_tensors_of_another_network_raise_an_error(model: Path, change: Any) -> None:
    forge_tensors(model, change)
    with pytest.raises(EngineError, match="damaged or of another network"):
        load_model(model)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_non_finite_weights_raise_an_error(model: Path, number: float) -> None:
    forge_tensors(model, lambda tensors: tensors["head.bias"].fill_(number))
    with pytest.raises(EngineError, match="not finite"):
        load_model(model)


def test_non_finite_outputs_are_reported_for_each_image(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forge_tensors(
        model, lambda tensors: [tensor.fill_(3e38) for name, tensor in tensors.items() if name != TENSOR_NAME]
    )
    assert main(["predict", str(model), str(write_classes(tmp_path / "data", {"ant": 4, "bee": 4})), "--json"]) == 0
    predictions = [json.loads(line, parse_constant=pytest.fail) for line in capsys.readouterr().out.splitlines()]
    assert len(predictions) == 8
    assert all("not finite numbers" in prediction["error"] and prediction["top"] == [] for prediction in predictions)
    image = next((tmp_path / "data").rglob("*.png"))
    with pytest.raises(EngineError, match="not finite numbers"):
        run_to_end(jobs.explain(model, image))


@pytest.mark.parametrize("cut", [9, 100, 4000, 100_000, -1])
def test_a_truncated_model_raises_an_error(model: Path, whole: bytes, cut: int) -> None:
    model.write_bytes(whole[:cut])
    with pytest.raises(EngineError):
        load_model(model)


def test_a_model_with_trailing_bytes_raises_an_error(model: Path, whole: bytes) -> None:
    model.write_bytes(whole + b"more")
    with pytest.raises(EngineError, match="damaged"):
        load_model(model)


@pytest.mark.parametrize(
    "reference",
    [
        torch.ones(4, 511).half(),
        torch.ones(4).half(),
        torch.ones(0, 512).half(),
        torch.ones(2001, 512).half(),
        torch.ones(4, 512),
        torch.full((4, 512), float("nan")).half(),
    ],
    ids=["narrow", "flat", "empty", "many", "wide type", "no numbers"],
)
def test_invalid_reference_embeddings_raise_an_error(model: Path, reference: torch.Tensor) -> None:
    forge_tensors(model, lambda tensors: tensors.update({TENSOR_NAME: reference}))
    with pytest.raises(EngineError, match="damaged"):
        read_embeddings(model)


def test_integer_buffers_are_not_loaded_from_weight_files() -> None:
    network = torch.nn.Linear(2, 2)
    network.register_buffer("positions", torch.arange(4))
    model = build_model("squeezenet1_1", 2, SIDE, 0.0)
    model.backbone.add_module("table", network)
    wild = {"backbone.table.positions": torch.full((4,), 10**6), "backbone.table.weight": torch.ones(2, 2)}
    unexpected_keys, _ = load_matching(model, wild, Path("wild"))
    as_floats = {"backbone.table.positions": torch.full((4,), 1e6), "backbone.table.weight": torch.ones(2, 2)}
    load_matching(model, as_floats, Path("wild"))
    assert torch.equal(network.positions, torch.arange(4))
    assert torch.equal(network.weight, torch.ones(2, 2))
    assert unexpected_keys == []


# File types


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("name", ["model.safetensors", "weights.pth"])
def test_pipes_folders_and_devices_raise_an_error_without_blocking(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("/dev/zero")
    for path in (tmp_path / name, tmp_path / "folder", tmp_path / "link"):
        for read in (read_metadata, load_model, read_embeddings, read_weights):
            with pytest.raises(EngineError, match=r"not a regular file|a folder, not a model"):
                read(path)


@pytest.mark.parametrize(
    "strange",
    [
        torch.ones(1).expand(10**6, 10**6),
        torch.ones(2).to_sparse(),
        torch.ones(2, dtype=torch.complex64),
        torch.ones(2, device="meta"),
        "words",
    ],
    ids=["repeated", "sparse", "complex", "empty", "words"],
)
@pytest.mark.filterwarnings("ignore:.*sparse")
def test_objects_other_than_dense_tensors_are_skipped_or_rejected(tmp_path: Path, strange: object) -> None:
    torch.save({"weight": torch.ones(2), "strange": strange}, tmp_path / "weights.pth")
    try:
        tensors = read_weights(tmp_path / "weights.pth").tensors
    except EngineError as error:
        assert "not a file of plain weights" in error.message  # noqa: PT017 - both results are allowed
    else:
        assert list(tensors) == ["weight"]


# Names


def test_class_names_with_markup_and_control_characters_are_escaped(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = list(ODD_NAMES)

    def widen(tensors: dict[str, torch.Tensor]) -> None:
        tensors["head.weight"] = torch.zeros(len(names), 512)
        tensors["head.bias"] = torch.arange(len(names), 0.0, -1)

    forge(forge_tensors(model, widen), classes=names)
    image = next(write_classes(tmp_path / "data", {"ant": 4, "bee": 4}).rglob("*.png"))
    assert main(["predict", str(model), str(image), "--json", "--top", "100"]) == 0
    json_output = capsys.readouterr().out
    assert [name for name, _ in json.loads(json_output)["top"]] == names
    assert main(["predict", str(model), str(image), "--max-error", "1"]) == 0
    text_output = capsys.readouterr()
    for text in (json_output, text_output.out, text_output.err):
        assert len(text.splitlines()) <= 1
        assert not {"\x1b", "\u202e"} & set(text)
    assert main(["explain", str(model), str(image), "--out", str(tmp_path / "why.png"), "--label", "$\\frac$"]) == 0
    assert (tmp_path / "why.png").is_file()
    assert {path.name for path in tmp_path.iterdir()} <= {"data", "model.safetensors", "why.png", "home", "torch"}


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "ant/../../x", ".."])
def test_reference_paths_outside_the_dataset_are_rejected(model: Path, path: str) -> None:
    (model.parent / "reference.json").write_text(json.dumps({"root": "/data", "files": [[path, "ant"]] * 4}))
    with pytest.raises(EngineError, match="has no reference images"):
        read_reference_embeddings(model.parent)
    (model.parent / "reference.json").write_text(json.dumps({"root": "/data", "files": [["ant/1.jpg", "ant"]] * 4}))
    assert len(read_reference_embeddings(model.parent).paths) == 4


def test_metadata_preserves_unusual_class_names() -> None:
    metadata = ModelMetadata.model_validate_json(
        ModelMetadata(
            program="1",
            classes=ODD_NAMES,
            backbone="squeezenet1_1",
            image_size=SIDE,
            geometry="crop",
            mean=(0, 0, 0),
            std=(1, 1, 1),
            config=CONFIG,
            best=None,
            created="",
        ).model_dump_json()
    )
    assert metadata.classes == ODD_NAMES
