"""Open torch files whoever made them: no code in them runs, and they take no more memory than their size allows."""

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
    # All that torch's restricted unpickler was seen to raise on files that are cut short, altered or of another kind
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
    Warning,  # where warnings are errors
)
"""What reading a file that is not as it should be may raise, beside OSError."""

_MOST_PICKLED = 2 * 2**20
"""Bytes of structure, without the numbers. The network of the most layers with its optimizer has 1 MiB."""
_NUM_LEGACY_PICKLES = 5
"""A file of torch before 1.6: magic number, version, system, content, names of the storages that follow."""
_ZIP_START = b"PK\x03\x04"
_END = struct.Struct("<4sQ2H2L4Q 4sLQL 4s4H2LH")
"""How torch ends a zip: the end record in 64 bits, where that lies, and the end record in 32 bits."""

_MANY = 0xFFFFFFFF
"""Stands in the 32 bits for a number that needs more."""

_MADE_OF = re.compile(
    r"collections OrderedDict"
    r"|torch (\w+Storage|float\d+|bfloat16|u?int\d+|bool|Size|device)"
    r"|torch\._utils _rebuild_(tensor|tensor_v2|parameter)"
    r"|torch\.nn\.parameter Parameter"
)
"""What weights are made of. torch allows more, such as an array of zeros of any size."""
_STEPS = re.compile(
    r"PROTO|GLOBAL|REDUCE|BUILD|NEWOBJ|STOP|MARK|(EMPTY_)?TUPLE[123]?|EMPTY_LIST|EMPTY_DICT|APPENDS?|SETITEMS?|NONE"
    r"|NEWFALSE|NEWTRUE|BININT[12]?|BINFLOAT|LONG1|BINUNICODE|SHORT_BINSTRING|BINPERSID|(LONG_)?BIN(GET|PUT)"
)
"""The instructions that torch writes."""


def load_torch_file(source: Path | io.BytesIO) -> object:
    """Return tensors, numbers, words and their lists and dicts from what `torch.save` made, on the CPU.

    Tensors of a file of torch since 1.6 lie in the file until they are copied, so it must stay until then; of any file
    they may claim more numbers than there are, by repeating some. Raises OSError where the file cannot be read, and
    one of DAMAGED where it is none, or holds anything else: that could run code.
    """
    if isinstance(source, Path):
        check_regular_file(source)
        with open(source, "rb") as file:
            is_zip = _check(file)
    else:
        is_zip = _check(source)
        source.seek(0)
    with _OnlyRebuilding():
        content: object = torch.load(
            source, map_location="cpu", weights_only=True, mmap=is_zip and isinstance(source, Path)
        )
    return content


_REBUILDING = ("__set__", "__get__", "untyped_storage")
"""What torch does to a tensor that it makes from a file, or from bytes in memory."""


class _OnlyRebuilding(TorchFunctionMode):
    """Lets tensors be made, and nothing be done with them: as a list, one can take any amount of memory."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is not torch.empty and getattr(func, "__name__", "") not in _REBUILDING:
            raise ValueError(f"{func} is not needed for weights")
        return func(*args, **(kwargs or {}))


def _zipped(file: BinaryIO) -> Iterator[BinaryIO]:
    """Yield the one pickle of a file of torch; raise ValueError where the file could mean other things to torch."""
    size = file.seek(0, 2)
    with zipfile.ZipFile(file) as archive:
        if archive.start_dir != _stated_directory(file, size):
            raise ValueError("the directory is not where it is said to be")
        entries = archive.infolist()
        if len({entry.filename.lower() for entry in entries}) < len(entries):
            raise ValueError("two entries have the same name")
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise ValueError("torch compresses nothing")
        (described,) = (entry for entry in entries if entry.filename.endswith("/data.pkl"))
        if described.file_size > _MOST_PICKLED or sum(entry.file_size for entry in entries) > size:
            raise ValueError("the file states more than it holds")
        with archive.open(described) as content:
            yield content  # type: ignore[misc]


def _stated_directory(file: BinaryIO, size: int) -> int:
    """Return where the end of a zip, written as torch does, says that its directory begins, in both places."""
    file.seek(size - _END.size)
    end = _END.unpack(file.read())
    length, start, place, short_length, short_start = end[8], end[9], end[12], end[19], end[20]
    marks = (end[0], end[10], end[14])
    if marks != (b"PK\x06\x06", b"PK\x06\x07", b"PK\x05\x06") or place != size - _END.size:
        raise ValueError("the file does not end as those of torch do")
    for stated, short in ((length, short_length), (start, short_start)):
        if short not in (stated, _MANY):
            raise ValueError("the directory is said to be in two places")
    return int(start)


def _legacy(file: BinaryIO) -> Iterator[BinaryIO]:
    for _ in range(_NUM_LEGACY_PICKLES):
        yield file


def _check(file: BinaryIO) -> bool:
    """Say whether this is a file of torch since 1.6; raise ValueError where it is not made of weights alone."""
    is_zip = file.read(len(_ZIP_START)) == _ZIP_START
    file.seek(0)
    num_read = 0
    for part in _zipped(file) if is_zip else _legacy(file):
        # The instructions are read through, and none is followed
        for opcode, argument, position in pickletools.genops(part):
            if not _STEPS.fullmatch(opcode.name) or (opcode.name == "PROTO" and argument != 2):
                raise ValueError(f"{opcode.name} is not needed for weights")
            if opcode.name == "GLOBAL" and not _MADE_OF.fullmatch(str(argument)):
                raise ValueError(f"{argument} is not needed for weights")
            if (position or 0) > _MOST_PICKLED:
                raise ValueError("the structure is too large")
            num_read += 1
    if not num_read:
        raise EOFError
    return is_zip
