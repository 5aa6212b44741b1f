"""Tests of engine.ml.models.safe_pickle."""

import ast
import io
import os
import pickle
import struct
import zipfile
import zlib
from collections import OrderedDict
from pathlib import Path

import pytest
import torch

from engine.ml.models.safe_pickle import DAMAGED, load_torch_file

WEIGHTS = OrderedDict(weight=torch.arange(6.0).reshape(2, 3), count=torch.tensor(3), half=torch.ones(2).bfloat16())
GLOBALS = {
    "bytearray of any size": b"cbuiltins\nbytearray\n",
    "a set": b"cbuiltins\nset\n",
    "text made longer": b"c_codecs\nencode\n",
    "an empty tensor of any size": b"ctorch\nTensor\n",
    "a storage of any size": b"ctorch.storage\nUntypedStorage\n",
    "a program": b"cos\nsystem\n",
}


class Trap:
    """Creates a file when its pickle is loaded."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


def save(content: object, is_legacy: bool = False) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=not is_legacy)
    return buffer.getvalue()


def with_pickle(content: bytes, old: bytes, new: bytes) -> bytes:
    """Replace bytes of the pickle in a torch file by others of the same length, and update the checksum."""
    assert len(old) == len(new)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entry = next(entry for entry in archive.infolist() if entry.filename.endswith("data.pkl"))
        before = archive.read(entry)
    after = before.replace(old, new)
    assert after != before
    return content.replace(before, after).replace(struct.pack("<I", entry.CRC), struct.pack("<I", zlib.crc32(after)))


def assert_rejected(tmp_path: Path, content: bytes, words: str | None = None) -> None:
    (tmp_path / "file.pth").write_bytes(content)
    with pytest.raises(DAMAGED, match=words):
        load_torch_file(tmp_path / "file.pth")


@pytest.mark.parametrize("is_legacy", [False, True])
def test_weights_and_the_state_of_an_optimizer_are_read(tmp_path, is_legacy):
    layer = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(layer.parameters())
    layer(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    state = {"model": WEIGHTS, "optimizer": optimizer.state_dict(), "random": torch.get_rng_state(), "words": None}
    (tmp_path / "file.pt").write_bytes(save(state | {"parameter": torch.nn.Parameter(torch.ones(2))}, is_legacy))
    read = load_torch_file(tmp_path / "file.pt")
    torch.testing.assert_close(read["model"], WEIGHTS)
    torch.testing.assert_close(read["optimizer"]["state"], state["optimizer"]["state"])
    assert read["words"] is None


@pytest.mark.parametrize("instructions", GLOBALS.values(), ids=GLOBALS)
@pytest.mark.parametrize("is_legacy", [False, True])
def test_a_pickle_with_other_globals_is_rejected_before_torch_reads_it(tmp_path, monkeypatch, instructions, is_legacy):
    called = pickle.PROTO + b"\x02" + instructions + pickle.BININT + struct.pack("<i", 2**31 - 1) + b"\x85R."
    if is_legacy:
        content = b"".join(pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, {})) + called
    else:
        content = save(WEIGHTS)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            whole = archive.read("archive/data.pkl")
        content = with_pickle(content, whole, called.ljust(len(whole), b"."))
    monkeypatch.setattr(torch, "load", lambda *_args, **_kwargs: pytest.fail("torch has read the file"))
    assert_rejected(tmp_path, content, "a Python object")


def test_an_expanded_tensor_cannot_be_turned_into_a_huge_list(tmp_path):
    content = save({"a long name that makes the pickle long enough": torch.ones(1).expand(10_000_000)})
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        whole = archive.read("archive/data.pkl")
    tensor = whole[whole.index(b"ctorch._utils\n") : whole.rindex(b"R") + 1]
    called = b"\x80\x02ccollections\nOrderedDict\n" + tensor + b"\x85R."
    assert_rejected(
        tmp_path, with_pickle(content, whole, called.ljust(len(whole), b".")), "'dim' .* is not needed for weights"
    )


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_compressed_zips_are_rejected(tmp_path, method):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}." + b"\x00" * 10**6)
    content = buffer.getvalue()
    *_, length, start, _ = struct.unpack("<4s4H2LH", content[-22:])
    position = len(content) - 22
    directory = (1, 1, length, start)
    end = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, *directory)
    end += struct.pack("<4sLQL", b"PK\x06\x07", 0, position, 1) + struct.pack(
        "<4s4H2LH", b"PK\x05\x06", 0, 0, *directory, 0
    )
    assert_rejected(tmp_path, content[:-22] + end, "must not be compressed")


def test_a_storage_that_claims_more_values_than_it_has_is_rejected(tmp_path):
    content = save({"weight": torch.ones(300)})
    assert content.count(b"M\x2c\x01") == 2  # of the storage and of the tensor
    assert_rejected(tmp_path, with_pickle(content, b"M\x2c\x01", b"M\xff\xff"))
    assert_rejected(tmp_path, with_pickle(content, b"M\x2c\x01\x85", b"M\xff\xff\x85"))


def test_a_zip_without_zip64_records_is_read(tmp_path):
    with (
        zipfile.ZipFile(io.BytesIO(save(WEIGHTS))) as archive,
        zipfile.ZipFile(tmp_path / "file.pth", "w", zipfile.ZIP_STORED) as plain,
    ):
        for entry in archive.infolist():
            plain.writestr(entry.filename, archive.read(entry))
    torch.testing.assert_close(load_torch_file(tmp_path / "file.pth"), WEIGHTS)
    content = (tmp_path / "file.pth").read_bytes()
    assert_rejected(tmp_path, content[:-6] + struct.pack("<L", 0xFFFFFFFF) + content[-2:])
    assert_rejected(tmp_path, content + b"\0")
    assert_rejected(tmp_path, content[:-2] + b"\x02\0" + b"\0\0")
    assert_rejected(tmp_path, b"PK\x03\x04" + content)


def test_a_zip_with_an_ambiguous_directory_is_rejected(tmp_path):
    whole = save(WEIGHTS)
    assert_rejected(tmp_path, whole + whole[-98:])
    assert_rejected(tmp_path, whole + b"\0")
    assert_rejected(tmp_path, b"PK\x03\x04" + whole)


def test_a_pickle_of_megabytes_is_rejected(tmp_path):
    assert_rejected(tmp_path, save({str(number): number for number in range(300_000)}), "states more than it contains")
    assert_rejected(tmp_path, save({str(number): number for number in range(300_000)}, is_legacy=True), "too large")


@pytest.mark.parametrize(("protocol", "words"), [(0, "DICT"), (3, "PROTO"), (4, "PROTO"), (5, "PROTO")])
def test_pickles_of_other_protocols_are_rejected(tmp_path, protocol, words):
    assert_rejected(tmp_path, pickle.dumps({"weight": 1}, protocol), f"{words} is not needed")


def test_torch_rejects_a_payload_that_passes_the_check(tmp_path, monkeypatch):
    monkeypatch.setattr("engine.ml.models.safe_pickle._check", lambda _file: True)
    content = save({"weight": torch.ones(2), "trap": Trap(tmp_path / "trace")})
    assert_rejected(tmp_path, content, "[Ww]eights only load failed")
    assert not (tmp_path / "trace").exists()


def test_no_source_file_loads_pickles_unsafely():
    sources = [path.read_text(encoding="utf-8") for path in (Path(__file__).parents[4] / "engine").rglob("*.py")]
    calls = [node for source in sources for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    loads = [node for node in calls if ast.unparse(node.func) == "torch.load"]
    assert loads
    for node in loads:
        assert "weights_only=True" in [ast.unparse(keyword) for keyword in node.keywords]
    unsafe = {"pickle.load", "pickle.loads", "pickle.Unpickler", "joblib.load", "eval", "exec"}
    assert not [ast.unparse(node) for node in calls if ast.unparse(node.func) in unsafe]
    assert not [ast.unparse(node) for node in calls if "allow_pickle=True" in map(ast.unparse, node.keywords)]


def test_a_self_referencing_dict_is_read(tmp_path):
    content: dict[str, object] = {"a": 1}
    content["model"] = content
    (tmp_path / "file.pth").write_bytes(save(content))
    read = load_torch_file(tmp_path / "file.pth")
    assert read["model"] is read


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipes_folders_and_devices_are_rejected_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.pth")
    for path in (tmp_path / "pipe.pth", tmp_path, Path("/dev/zero")):
        with pytest.raises(OSError, match="not a regular file"):
            load_torch_file(path)
