"""The checkpoint file: tensors as safetensors, with a JSON document and a SHA-256 in the metadata.

The hash covers the whole file, with 64 zeros in place of the hash itself. It detects damage, not forgery.
"""

import errno
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from engine.core.safe_read import check_regular_file, read_safetensors_header
from engine.ml.training.checkpoint_state import CheckpointMetadata

MAX_CHECKPOINT_BYTES = 16 * 2**30
"""The largest network, its moving average and Adam's two moments need 10 GiB."""

_METADATA_KEY = "checkpoint"
_NO_HASH = "0" * 64
_CHUNK_BYTES = 2**20
_ALIGNMENT = 8
_DTYPES = {
    torch.float64: "F64",
    torch.int64: "I64",
    torch.float32: "F32",
    torch.int32: "I32",
    torch.bfloat16: "BF16",
    torch.float16: "F16",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


def write_checkpoint_file(path: Path, metadata: CheckpointMetadata, tensors: Mapping[str, Tensor]) -> None:
    """Write a checkpoint file tensor by tensor, so that at most one tensor is copied in memory at a time.

    Raises:
        OSError: If the file cannot be written.
    """
    # Wide types come first, so that every tensor is aligned in the file
    ordered = dict(sorted(tensors.items(), key=lambda item: -item[1].element_size()))
    header = _make_header(metadata, ordered)
    digest = hashlib.sha256()
    with open(path, "wb") as file:
        for chunk in (len(header).to_bytes(8, "little"), header):
            digest.update(chunk)
            file.write(chunk)
        for tensor in ordered.values():
            content = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data
            digest.update(content)
            file.write(content)
        file.seek(8 + header.index(_NO_HASH.encode()))
        file.write(digest.hexdigest().encode())


def read_checkpoint_metadata(path: Path) -> CheckpointMetadata:
    """Verify the hash of a checkpoint file and return its metadata.

    Raises:
        OSError: If the file cannot be read or is too large.
        ValueError, LookupError, TypeError, AttributeError: If the file is damaged or not a checkpoint.
    """
    check_regular_file(path)
    if path.stat().st_size > MAX_CHECKPOINT_BYTES:
        raise OSError(errno.EFBIG, "it is larger than any checkpoint of this program")
    header = read_safetensors_header(path)
    metadata = json.loads(header)["__metadata__"]
    digest = hashlib.sha256(len(header).to_bytes(8, "little"))
    digest.update(header.replace(metadata["sha256"].encode(), _NO_HASH.encode(), 1))
    with open(path, "rb") as file:
        file.seek(8 + len(header))
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    if digest.hexdigest() != metadata["sha256"]:
        raise ValueError("the hash does not match")
    return CheckpointMetadata.model_validate_json(metadata[_METADATA_KEY])


def read_checkpoint_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint file; they are memory-mapped, so copy them and release them."""
    with safe_open(path, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping


def _make_header(metadata: CheckpointMetadata, tensors: Mapping[str, Tensor]) -> bytes:
    # The hash comes first: the reader and the writer replace the first occurrence
    header: dict[str, object] = {"__metadata__": {"sha256": _NO_HASH, _METADATA_KEY: metadata.model_dump_json()}}
    start = 0
    for name, tensor in tensors.items():
        end = start + tensor.numel() * tensor.element_size()
        header[name] = {"dtype": _DTYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, end]}
        start = end
    content = json.dumps(header, separators=(",", ":")).encode()
    return content + b" " * (-len(content) % _ALIGNMENT)
