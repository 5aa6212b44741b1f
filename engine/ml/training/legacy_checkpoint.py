"""Read `checkpoint.pt`, the checkpoint format of version 0.1, so that its unfinished runs can be resumed.

It is a torch file followed by the SHA-256 of all bytes before. Nothing writes this format any more.
"""

import errno
import hashlib
import io
from pathlib import Path

import torch
from torch import Tensor

from engine.core.safe_read import check_regular_file
from engine.ml.models.safe_pickle import load_torch_file
from engine.ml.training.checkpoint_file import MAX_CHECKPOINT_BYTES
from engine.ml.training.checkpoint_state import (
    AVERAGED,
    CUDA_RANDOM,
    MODEL,
    OPTIMIZER,
    RANDOM,
    SUMS,
    WARNED,
    CheckpointMetadata,
    encode_paths,
)
from engine.ml.training.early_stopping import EarlyStopping

_HASH_BYTES = hashlib.sha256().digest_size


def read_legacy_checkpoint(path: Path) -> tuple[CheckpointMetadata, dict[str, Tensor]]:
    """Return the content of a `checkpoint.pt`, with the tensor names of the current format.

    Raises:
        OSError: If the file cannot be read or is too large.
        Exception: One of `safe_pickle.DAMAGED` if the file is damaged or not a checkpoint.
    """
    check_regular_file(path)
    if path.stat().st_size > MAX_CHECKPOINT_BYTES:
        raise OSError(errno.EFBIG, "it is larger than any checkpoint of this program")
    with open(path, "rb") as file:
        body = file.read(max(0, path.stat().st_size - _HASH_BYTES))
        if hashlib.sha256(body).digest() != file.read():
            raise ValueError("the hash does not match")
    state = load_torch_file(io.BytesIO(body))  # the stream shares the memory of `body`
    if not isinstance(state, dict):
        raise TypeError("not a checkpoint")
    optimizer, (dtype, reason, layout) = state["optimizer"], state["precision"]
    metadata = CheckpointMetadata(
        kind=state["kind"],
        dtype=dtype,
        precision_reason=reason,
        layout=layout,
        seconds=state["seconds"],
        first_epoch=state["first_epoch"],
        phase_start=state["began"],
        epoch=state["epoch"],
        num_batches_done=state["num_batches_done"],
        num_steps_done=state["num_steps_done"],
        accumulation_steps=state["num_parts"],
        step_seconds=state["step_seconds"],
        validation_seconds=state["measuring_seconds"],
        work_done=state["work_done"],
        stopping=EarlyStopping.model_validate_json(state["stopping"]),
        learning_rates=[group["lr"] for group in optimizer["param_groups"]],
        scaler=state["scaler"],
    )
    tensors = {f"{MODEL}{name}": value for name, value in state["model"].items()}
    tensors |= {f"{AVERAGED}{name}": value for name, value in (state["averaged"] or {}).items()}
    for index, values in optimizer["state"].items():
        tensors |= {f"{OPTIMIZER}{index}.{key}": value for key, value in values.items() if value is not None}
    tensors |= {RANDOM: state["random"], SUMS: state["sums"], WARNED: encode_paths(state["warned"])}
    if state["device_random"] is not None:
        tensors[CUDA_RANDOM] = state["device_random"]
    if not all(isinstance(value, Tensor) and value.layout == torch.strided for value in tensors.values()):
        raise TypeError("not a checkpoint")
    return metadata, tensors
