"""Load torch files of unknown origin: no code in them runs, and their size bounds the memory they take.

`torch.load(weights_only=True)` runs no code either, but it allocates whatever memory the pickle asks for. So the pickle
is scanned first, see docs/decisions/0007-reading-pickles.md. Own files contain no pickle, except the checkpoints of
version 0.1 (engine/ml/training/legacy_checkpoint.py).
"""

import io
import pickle
import pickletools
import re
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors import SafetensorError
from torch.overrides import TorchFunctionMode

from engine.core.safe_read import check_regular_file

DAMAGED = (
    # All exceptions that torch's restricted unpickler was seen to raise for truncated, altered and foreign files
    pickle.UnpicklingError,
    SafetensorError,
    RuntimeError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    MemoryError,
    NameError,
    struct.error,
    zipfile.BadZipFile,
    Warning,  # if warnings are errors
)
"""Exceptions that reading a damaged file can raise, besides OSError."""


class ForbiddenObjectError(ValueError):
    """A pickle contains an object that weights do not need; the message is its name."""


_MAX_PICKLE_BYTES = 2 * 2**20
"""Maximum size of the pickle, which excludes tensor values; the largest model with its optimizer needs 1 MiB."""
_MAX_NAME_LENGTH = 100
_NUM_LEGACY_PICKLES = 5
"""Pickles in a file of torch before 1.6: magic number, version, system, content, names of the storages that follow."""
_ZIP_START = b"PK\x03\x04"
_END_64 = struct.Struct("<4sQ2H2L4Q 4sLQL 4s4H2LH")
"""End of a zip as torch writes it: zip64 end record, zip64 locator, 32-bit end record."""
_END = struct.Struct("<4s4H2LH")
"""End record of a zip without zip64."""
_LOCATOR_START = b"PK\x06\x07"
_LOCATOR_BYTES = 20
_IN_ZIP64 = 0xFFFFFFFF
"""Value of a 32-bit field if the number is in the zip64 record."""

_ALLOWED_GLOBALS = re.compile(
    r"collections OrderedDict"
    r"|torch (\w+Storage|float\d+|bfloat16|u?int\d+|bool|Size|device)"
    r"|torch\._utils _rebuild_(tensor|tensor_v2|parameter)"
    r"|torch\.nn\.parameter Parameter"
)
"""Globals that weights need. torch allows more, such as bytearray, which allocates any size."""
_ALLOWED_OPCODES = re.compile(
    r"PROTO|GLOBAL|REDUCE|BUILD|NEWOBJ|STOP|MARK|(EMPTY_)?TUPLE[123]?|EMPTY_LIST|EMPTY_DICT|APPENDS?|SETITEMS?|NONE"
    r"|NEWFALSE|NEWTRUE|BININT[12]?|BINFLOAT|LONG1|BINUNICODE|SHORT_BINSTRING|BINPERSID|(LONG_)?BIN(GET|PUT)"
)
"""Opcodes that torch writes."""


def load_torch_file(source: Path | io.BytesIO) -> object:
    """Return the content of a file that `torch.save` wrote: tensors on the CPU, numbers, strings, lists and dicts.

    Tensors of a file on disk are memory-mapped, so the file must exist until they are copied. A tensor may claim more
    values than the file has, as an expanded view.

    Raises:
        OSError: If the file cannot be read.
        Exception: One of DAMAGED if it is not such a file, or contains anything else, which could run code.
    """
    if isinstance(source, Path):
        check_regular_file(source)
        with open(source, "rb") as file:
            is_zip = _check(file)
    else:
        is_zip = _check(source)
        source.seek(0)
    with _RebuildOnly():
        content: object = torch.load(
            source, map_location="cpu", weights_only=True, mmap=is_zip and isinstance(source, Path)
        )
    return content


_REBUILD_FUNCTIONS = ("__set__", "__get__", "untyped_storage")
"""Functions that torch calls on a tensor while it rebuilds it."""


class _RebuildOnly(TorchFunctionMode):
    """Allows to create tensors but no other operation: tolist(), for example, could take any amount of memory."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is not torch.empty and getattr(func, "__name__", "") not in _REBUILD_FUNCTIONS:
            raise ValueError(f"{func} is not needed for weights")
        return func(*args, **(kwargs or {}))


def _zip_pickles(file: BinaryIO) -> Iterator[BinaryIO]:
    """Yield the pickle of a zip; raise ValueError if torch's zip reader could read the file differently."""
    size = file.seek(0, 2)
    with zipfile.ZipFile(file) as archive:
        if archive.start_dir != _directory_start(file, size):
            raise ValueError("the directory is not at its stated position")
        entries = archive.infolist()
        if len({entry.filename.lower() for entry in entries}) < len(entries):
            raise ValueError("two entries have the same name")
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise ValueError("entries must not be compressed")
        (pickled,) = (entry for entry in entries if entry.filename.endswith("/data.pkl"))
        if pickled.file_size > _MAX_PICKLE_BYTES or sum(entry.file_size for entry in entries) > size:
            raise ValueError("the file states more than it contains")
        with archive.open(pickled) as content:
            yield content  # type: ignore[misc]


def _directory_start(file: BinaryIO, size: int) -> int:
    """Return the unambiguous position of a zip's central directory, with or without zip64 records."""
    file.seek(max(0, size - _END_64.size))
    tail = file.read()
    if tail[-_END.size - _LOCATOR_BYTES :].startswith(_LOCATOR_START):
        return _directory_start_64(tail, size)
    end = _END.unpack(tail[-_END.size :])
    if end[0] != b"PK\x05\x06" or end[7] != 0 or _IN_ZIP64 in end[5:7]:
        raise ValueError("the file does not end with the end record of a zip")
    return int(end[6])


def _directory_start_64(tail: bytes, size: int) -> int:
    end = _END_64.unpack(tail)
    length, start, position, short_length, short_start = end[8], end[9], end[12], end[19], end[20]
    markers = (end[0], end[10], end[14])
    if markers != (b"PK\x06\x06", _LOCATOR_START, b"PK\x05\x06") or position != size - _END_64.size:
        raise ValueError("the file does not end with the records that torch writes")
    for number, short_number in ((length, short_length), (start, short_start)):
        if short_number not in (number, _IN_ZIP64):
            raise ValueError("the end records contradict each other")
    return int(start)


def _legacy_pickles(file: BinaryIO) -> Iterator[BinaryIO]:
    for _ in range(_NUM_LEGACY_PICKLES):
        yield file


def _check(file: BinaryIO) -> bool:
    """Return whether a file has torch's zip format; raise ValueError if its pickles need more than weights do."""
    is_zip = file.read(len(_ZIP_START)) == _ZIP_START
    file.seek(0)
    num_opcodes = 0
    for pickled in _zip_pickles(file) if is_zip else _legacy_pickles(file):
        # genops only parses the opcodes and executes none
        for opcode, argument, position in pickletools.genops(pickled):
            if not _ALLOWED_OPCODES.fullmatch(opcode.name) or (opcode.name == "PROTO" and argument != 2):
                raise ValueError(f"{opcode.name} is not needed for weights")
            if opcode.name == "GLOBAL" and not _ALLOWED_GLOBALS.fullmatch(str(argument)):
                raise ForbiddenObjectError(f"a Python object ({str(argument).replace(' ', '.')[:_MAX_NAME_LENGTH]})")
            if (position or 0) > _MAX_PICKLE_BYTES:
                raise ValueError("the pickle is too large")
            num_opcodes += 1
    if not num_opcodes:
        raise EOFError
    return is_zip
