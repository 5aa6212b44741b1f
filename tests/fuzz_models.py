"""Fuzzing of model files, weight files and checkpoints, for `python -m tests.fuzz models`.

`mutated(seed)` returns a damaged or forged file, `suffix(seed)` its kind, and `open` reads it.
"""

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
from engine.config.settings import RunConfig
from engine.ml.models import se_resnet
from engine.ml.models.build import Classifier, build_model
from engine.ml.models.model_file import load_model, make_metadata, save_model
from engine.ml.models.preprocessing import Preprocessing
from engine.ml.models.pretrained import load_matching
from engine.ml.models.reference_embeddings import read_embeddings
from engine.ml.models.weight_files import read_tensors
from engine.ml.runtime.precision import PrecisionChoice
from engine.ml.training.checkpoint import open_checkpoint, write_checkpoint
from engine.ml.training.early_stopping import EarlyStopping
from engine.ml.training.optim import parameter_groups

KINDS = (".model.safetensors", ".weights.safetensors", ".pth", ".legacy.pth", ".pt", ".checkpoint.safetensors")
_MODEL, _WEIGHTS, _TORCH, _OLD_TORCH, _OLD_CHECKPOINT, _CHECKPOINT = KINDS
MEMORY_BOUND = 1_000_000_000
"""Peak memory in bytes; torch and the networks take 700 million before a file is opened."""
_SIDE = 32
_DIGEST_BYTES = hashlib.sha256().digest_size
_NO_HASH = b"0" * 64
_OLD_CHECKPOINT_PATH = Path(__file__).with_name("engine") / "ml" / "training" / "old_run" / "checkpoint.pt"
_NASTY: tuple[Any, ...] = (
    *(0, 1, -1, 2, 255, 2**31, 2**53, 2**63, 2**64, 10**400, 0.5, 1e-320, 1e308, float("nan"), float("inf"), None),
    *(True, "", "x", "../../x", "C:\\x", "a/b", "\0", "\x1b[31m", "\u202e", "<b>x</b>", "=1+1", "a" * 10**5, [], [[]]),
    *({}, [0] * 1000, {"": {}}, "F64", "F32", "F16", "BOOL", "I64", "F8_E4M3", *BACKBONES),
)
_OPCODES = b"}]l(.)tsu\x85\x86\x87bRcQqrhjKMJXGN\x88\x89\x8a\x81\x80eaU0"


def suffix(seed: int) -> str:
    """Return the suffix of the file of a seed, which determines its kind."""
    return KINDS[seed % len(KINDS)]


def mutated(seed: int) -> bytes:
    """Return the file of a seed; it is reproducible except for memory addresses in legacy torch files."""
    dice = random.Random(seed)
    kind = suffix(seed)
    content = _whole(kind)
    if kind.endswith(".safetensors"):
        changes: list[Callable[[bytes, random.Random], bytes]] = [_edit_header, _edit_header, _edit_lengths]
    elif kind == _OLD_TORCH:
        changes = [_edit_start]
    else:
        changes = [_edit_pickle, _edit_pickle, _edit_end, _rebuilt]
    change = dice.choice([*changes, _edit_start, _edit_anywhere, _cut, _splice])
    content = change(content, dice)
    return _with_hash(content, kind) if dice.random() < 0.9 else content


def _with_hash(content: bytes, kind: str) -> bytes:
    """Return a checkpoint with the hash of its content, which anybody can compute; other files are unchanged."""
    digest = hashlib.sha256(content)
    if kind == _CHECKPOINT:
        return content.replace(_NO_HASH, digest.hexdigest().encode(), 1)
    return content + digest.digest() if kind == _OLD_CHECKPOINT else content


def open(path: Path) -> None:
    """Read a file as the program does; raise EngineError if it is rejected."""
    if path.name.endswith(_MODEL):
        model, metadata = load_model(path)
        read_embeddings(path)
        if metadata.image_size <= 64:
            with torch.inference_mode():
                model(torch.zeros(1, 3, metadata.image_size, metadata.image_size))
    elif path.name.endswith((_CHECKPOINT, _OLD_CHECKPOINT)):
        checkpoint = open_checkpoint(path)
        state, phase = _training()
        checkpoint.restore_model(state.setup.model)
        checkpoint.restore(state, phase)
    else:
        load_matching(_model.__wrapped__(), read_tensors(path), path)


@functools.cache
def _whole(kind: str) -> bytes:
    model = _model()
    torch.manual_seed(0)
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"file{kind}"
        if kind == _MODEL:
            metadata = make_metadata(
                RunConfig().changed("model", backbone="squeezenet1_1"),
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
    """Return the state and the phase of the run in `old_run`, after one step."""
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


def _edit_header(content: bytes, dice: random.Random) -> bytes:
    """Change values of the JSON header, in the list of tensors or in the metadata; it remains valid JSON."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    metadata = header.get("__metadata__", {})
    key = next(iter({"classifold", "checkpoint"} & set(metadata)), None)
    if key is not None and dice.random() < 0.6:
        document = json.loads(metadata[key])
        _edit_nodes(document, dice)
        metadata[key] = json.dumps(document)
    else:
        _edit_nodes(header, dice)
    changed = json.dumps(header).encode("utf-8", "surrogatepass")
    return len(changed).to_bytes(8, "little") + changed + content[8 + length :]


def _edit_nodes(document: Any, dice: random.Random) -> None:
    for _ in range(dice.choice((1, 1, 1, 3))):
        places = list(_places(document))
        owner, key = dice.choice(places)
        act = dice.random()
        if act < 0.7:
            owner[key] = dice.choice(_NASTY)
        elif act < 0.8 and isinstance(owner, dict):
            owner[str(dice.choice(_NASTY))] = owner.pop(key)
        elif act < 0.9:
            del owner[key]
        else:
            other, other_key = dice.choice(places)
            owner[key] = json.loads(json.dumps(other[other_key]))


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    entries = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in list(entries):
        yield node, key
        if isinstance(value, dict | list):
            yield from _places(value)


def _edit_lengths(content: bytes, dice: random.Random) -> bytes:
    return dice.choice((0, 1, 2, 2**31, 2**63, 2**64 - 1, dice.randrange(2**20))).to_bytes(8, "little") + content[8:]


def _edit_bytes(content: bytes, first: int, last: int, dice: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(dice.choice((1, 1, 2, 4, 16))):
        changed[dice.randrange(first, last)] = dice.choice((0, 1, 127, 128, 255, dice.randrange(256)))
    return bytes(changed)


def _edit_start(content: bytes, dice: random.Random) -> bytes:
    return _edit_bytes(content, 0, min(len(content), 8000), dice)


def _edit_end(content: bytes, dice: random.Random) -> bytes:
    """Change the central directory of a zip."""
    return _edit_bytes(content, len(content) - 4000, len(content), dice)


def _edit_anywhere(content: bytes, dice: random.Random) -> bytes:
    return _edit_bytes(content, 0, len(content), dice)


def _cut(content: bytes, dice: random.Random) -> bytes:
    return content[: dice.choice((dice.randrange(64), dice.randrange(len(content)), len(content) - dice.randrange(64)))]


def _splice(content: bytes, dice: random.Random) -> bytes:
    first, second, length = dice.randrange(8000), dice.randrange(len(content)), dice.randrange(2000)
    return content[:first] + content[second : second + length] + content[first + dice.choice((0, length)) :]


def _edit_pickle(content: bytes, dice: random.Random) -> bytes:
    """Change the pickle in a zip, and its checksum, so that the pickle is read."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entry = next(entry for entry in archive.infolist() if entry.filename.endswith("data.pkl"))
        whole = archive.read(entry)
    changed = bytearray(whole)
    for _ in range(dice.choice((1, 1, 2, 4))):
        place = dice.randrange(len(changed))
        changed[place] = dice.choice((dice.choice(_OPCODES), dice.randrange(256), 255))
    start = content.index(whole)
    content = content[:start] + bytes(changed) + content[start + len(whole) :]
    return content.replace(struct.pack("<I", entry.CRC), struct.pack("<I", zlib.crc32(changed)))


def _rebuilt(_content: bytes, dice: random.Random) -> bytes:
    """Save other objects than weights, or unusual tensors."""
    some = torch.ones(3)
    unusual = (
        some.expand(10**6, 10**6, 3),
        some.to_sparse(),
        some.to(torch.complex64),
        torch.full((512, 3), float("nan")),
        torch.empty(0),
        torch.tensor(3),
        some.to(torch.float8_e4m3fn),
        torch.nn.Parameter(some),
        *_NASTY[:30],
    )
    names = [*_model().state_dict(), "model", "state_dict", "optimizer", "stopping", "epoch", "random", "x" * 10**4, 7]
    document: Any = {dice.choice(names): dice.choice(unusual) for _ in range(dice.randrange(60))}
    for _ in range(dice.choice((0, 0, 1, 80))):
        document = {dice.choice(("model", "state_dict")): document}
    buffer = io.BytesIO()
    torch.save(document, buffer)
    return buffer.getvalue()
