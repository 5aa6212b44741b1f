"""Damaged and forged model files, weights files and checkpoints for `python -m tests.fuzz models`, see `tests.fuzz`."""

import functools
import hashlib
import io
import json
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any
from unittest import mock

import torch
from safetensors.torch import save
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from engine.config.backbones import BACKBONES
from engine.ml.models import se_resnet
from engine.ml.models.build import Classifier, build_model
from engine.ml.models.learnt_digests import read_learnt
from engine.ml.models.model_file import load_model, make_metadata, save_model
from engine.ml.models.preprocessing import Preprocessing
from engine.ml.models.pretrained import load_matching
from engine.ml.models.pretrained_head import load_head
from engine.ml.models.reference_embeddings import read_embeddings
from engine.ml.models.weight_files import read_weights
from engine.ml.models.weight_names import to_own_names
from engine.ml.runtime.precision import PrecisionChoice
from engine.ml.training.checkpoint import open_checkpoint, write_checkpoint
from engine.ml.training.early_stopping import EarlyStopping
from engine.ml.training.optim import parameter_groups
from tests.scratch_config import scratch_config

KINDS = (".model.safetensors", ".weights.safetensors", ".pth", ".legacy.pth", ".pt", ".checkpoint.safetensors")
_MODEL, _WEIGHTS, _TORCH, _OLD_TORCH, _OLD_CHECKPOINT, _CHECKPOINT = KINDS
MAX_MEMORY = 1_000_000_000
"""Peak memory in bytes; torch and the networks take 700 million before a file is opened."""
_SIDE = 32
_DIGEST_BYTES = hashlib.sha256().digest_size
_NO_HASH = b"0" * 64
_OLD_CHECKPOINT_PATH = Path(__file__).with_name("engine") / "ml" / "training" / "old_run" / "checkpoint.pt"
_EXTREME_VALUES: tuple[Any, ...] = (
    *(0, 1, -1, 2, 255, 2**31, 2**53, 2**63, 2**64, 10**400, 0.5, 1e-320, 1e308, float("nan"), float("inf"), None),
    *(True, "", "x", "../../x", "C:\\x", "a/b", "\0", "\x1b[31m", "\u202e", "<b>x</b>", "=1+1", "a" * 10**5, [], [[]]),
    *({}, [0] * 1000, {"": {}}, "F64", "F32", "F16", "BOOL", "I64", "F8_E4M3", *BACKBONES),
)
_OPCODES = b"}]l(.)tsu\x85\x86\x87bRcQqrhjKMJXGN\x88\x89\x8a\x81\x80eaU0"


def suffix(seed: int) -> str:
    """Return the suffix of the file of a seed, which determines its kind."""
    return KINDS[seed % len(KINDS)]


def damaged_file(seed: int) -> bytes:
    """Return the file of a seed; it is reproducible except for memory addresses in legacy torch files."""
    rng = random.Random(seed)
    kind = suffix(seed)
    content = _valid_file(kind)
    if kind.endswith(".safetensors"):
        changes: list[Callable[[bytes, random.Random], bytes]] = [_edit_header, _edit_header, _edit_lengths]
    elif kind == _OLD_TORCH:
        changes = [_edit_start]
    else:
        changes = [_edit_pickle, _edit_pickle, _edit_end, _other_objects]
    change = rng.choice([*changes, _edit_start, _edit_anywhere, _cut, _splice])
    content = change(content, rng)
    return _with_hash(content, kind) if rng.random() < 0.9 else content


def _with_hash(content: bytes, kind: str) -> bytes:
    """Return a checkpoint with the hash of its content, which an attacker can compute; other files are unchanged."""
    digest = hashlib.sha256(content)
    if kind == _CHECKPOINT:
        return content.replace(_NO_HASH, digest.hexdigest().encode(), 1)
    return content + digest.digest() if kind == _OLD_CHECKPOINT else content


def open_file(path: Path) -> None:
    """Read a file as the program does; raise EngineError if it is rejected."""
    if path.name.endswith(_MODEL):
        model, metadata = load_model(path)
        read_embeddings(path)
        read_learnt(path)
        if metadata.image_size <= 64:
            with torch.inference_mode():
                model(torch.zeros(1, 3, metadata.image_size, metadata.image_size))
    elif path.name.endswith((_CHECKPOINT, _OLD_CHECKPOINT)):
        checkpoint = open_checkpoint(path)
        state, phase = _training()
        checkpoint.restore_model(state.setup.model)
        checkpoint.restore(state, phase)
    else:
        file, model = read_weights(path), _model.__wrapped__()
        tensors = to_own_names(model, file.tensors)
        load_matching(model, tensors, path)
        load_head(model, tensors, file.classes, ("ant", "bee"))


@functools.cache
def _valid_file(kind: str) -> bytes:
    model = _model()
    torch.manual_seed(0)
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"file{kind}"
        if kind == _MODEL:
            metadata = make_metadata(
                scratch_config().changed("model", backbone="squeezenet1_1"),
                ("ant", "bee"),
                Preprocessing(_SIDE, "crop", (0.5, 0.5, 0.5), (0.2, 0.2, 0.2)),
                torch.float32,
                None,
                None,
            )
            metadata = metadata.model_copy(update={"created": "2026-01-01"})
            save_model(path, model, metadata, torch.nn.functional.normalize(torch.randn(5, 512)).half())
        elif kind == _WEIGHTS:
            path.write_bytes(save({name: value.half() for name, value in model.state_dict().items()}))
        elif kind == _CHECKPOINT:
            write_checkpoint(path, *_training(), torch.zeros(3))
            content = path.read_bytes()
            start = content.index(b'"sha256":"') + len(b'"sha256":"')
            return content[:start] + _NO_HASH + content[start + len(_NO_HASH) :]
        elif kind == _OLD_CHECKPOINT:
            return _OLD_CHECKPOINT_PATH.read_bytes()[:-_DIGEST_BYTES]
        else:
            torch.save(model.state_dict(), path, _use_new_zipfile_serialization=kind == _TORCH)
        return path.read_bytes()


@functools.cache
def _model() -> Classifier:
    torch.manual_seed(0)
    return build_model("squeezenet1_1", 2, _SIDE, 0.1)


def _training() -> tuple[Any, Any]:
    """Return state and phase of the run in `old_run` after one step."""
    with mock.patch.object(se_resnet, "WIDTHS", (8, 10, 10, 12)):
        model = build_model("se_resnet", 3, 16, 0.3)
    optimizer = torch.optim.AdamW(parameter_groups(model, 5e-3, 0.05, 1.0), fused=True)
    model(torch.ones(2, 3, 16, 16)).sum().backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    setup = SimpleNamespace(
        model=model,
        scaler=torch.amp.GradScaler("cpu", enabled=False),
        device=torch.device("cpu"),
        dtype=torch.float32,
        precision=PrecisionChoice(torch.float32, "as set"),
        layout=torch.channels_last,
    )
    state = SimpleNamespace(
        setup=setup,
        averaged=AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True),
        stopping=EarlyStopping(patience=3),
        started=0.0,
        seconds=1.0,
        epoch=1,
        num_batches_done=0,
        num_steps_done=3,
        accumulation_steps=1,
        work_done=1.0,
        step_seconds=0.1,
        validation_seconds=0.1,
        warned={"red/000.png"},
        sums=torch.zeros(3),
    )
    return state, SimpleNamespace(optimizer=optimizer, kind="full", first_epoch=1, began=0.0)


def _edit_header(content: bytes, rng: random.Random) -> bytes:
    """Change values of the JSON header, in the list of tensors or in the metadata; it remains valid JSON."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    metadata = header.get("__metadata__", {})
    key = next(iter({"classifold", "checkpoint"} & set(metadata)), None)
    if key is not None and rng.random() < 0.6:
        document = json.loads(metadata[key])
        _edit_nodes(document, rng)
        metadata[key] = json.dumps(document)
    else:
        _edit_nodes(header, rng)
    changed = json.dumps(header).encode("utf-8", "surrogatepass")
    return len(changed).to_bytes(8, "little") + changed + content[8 + length :]


def _edit_nodes(document: Any, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 1, 1, 3))):
        nodes = list(_nodes(document))
        owner, key = rng.choice(nodes)
        action = rng.random()
        if action < 0.7:
            owner[key] = rng.choice(_EXTREME_VALUES)
        elif action < 0.8 and isinstance(owner, dict):
            owner[str(rng.choice(_EXTREME_VALUES))] = owner.pop(key)
        elif action < 0.9:
            del owner[key]
        else:
            other, other_key = rng.choice(nodes)
            owner[key] = json.loads(json.dumps(other[other_key]))


def _nodes(node: Any) -> Iterator[tuple[Any, Any]]:
    entries = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in list(entries):
        yield node, key
        if isinstance(value, dict | list):
            yield from _nodes(value)


def _edit_lengths(content: bytes, rng: random.Random) -> bytes:
    return rng.choice((0, 1, 2, 2**31, 2**63, 2**64 - 1, rng.randrange(2**20))).to_bytes(8, "little") + content[8:]


def _edit_bytes(content: bytes, first: int, last: int, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        changed[rng.randrange(first, last)] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
    return bytes(changed)


def _edit_start(content: bytes, rng: random.Random) -> bytes:
    return _edit_bytes(content, 0, min(len(content), 8000), rng)


def _edit_end(content: bytes, rng: random.Random) -> bytes:
    """Change the central directory of a zip."""
    return _edit_bytes(content, len(content) - 4000, len(content), rng)


def _edit_anywhere(content: bytes, rng: random.Random) -> bytes:
    return _edit_bytes(content, 0, len(content), rng)


def _cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.choice((rng.randrange(64), rng.randrange(len(content)), len(content) - rng.randrange(64)))]


def _splice(content: bytes, rng: random.Random) -> bytes:
    first, second, length = rng.randrange(8000), rng.randrange(len(content)), rng.randrange(2000)
    return content[:first] + content[second : second + length] + content[first + rng.choice((0, length)) :]


def _edit_pickle(content: bytes, rng: random.Random) -> bytes:
    """Change the pickle in a zip, and its checksum, so that the pickle is read."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entry = next(entry for entry in archive.infolist() if entry.filename.endswith("data.pkl"))
        pickled = archive.read(entry)
    changed = bytearray(pickled)
    for _ in range(rng.choice((1, 1, 2, 4))):
        position = rng.randrange(len(changed))
        changed[position] = rng.choice((rng.choice(_OPCODES), rng.randrange(256), 255))
    start = content.index(pickled)
    content = content[:start] + bytes(changed) + content[start + len(pickled) :]
    return content.replace(struct.pack("<I", entry.CRC), struct.pack("<I", zlib.crc32(changed)))


def _other_objects(_content: bytes, rng: random.Random) -> bytes:
    """Save other objects than weights, or unusual tensors."""
    ones = torch.ones(3)
    unusual = (
        ones.expand(10**6, 10**6, 3),
        ones.to_sparse(),
        ones.to(torch.complex64),
        torch.full((512, 3), float("nan")),
        torch.empty(0),
        torch.tensor(3),
        ones.to(torch.float8_e4m3fn),
        torch.nn.Parameter(ones),
        *_EXTREME_VALUES[:30],
    )
    names = [*_model().state_dict(), "model", "state_dict", "optimizer", "stopping", "epoch", "random", "x" * 10**4, 7]
    document: Any = {rng.choice(names): rng.choice(unusual) for _ in range(rng.randrange(60))}
    for _ in range(rng.choice((0, 0, 1, 80))):
        document = {rng.choice(("model", "state_dict")): document}
    buffer = io.BytesIO()
    torch.save(document, buffer)
    return buffer.getvalue()
