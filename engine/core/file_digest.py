"""Digest of the content of an image file."""

import hashlib
from pathlib import Path

from engine.core.safe_read import open_image_file

DIGEST_BYTES = 16


def file_digest(path: Path) -> bytes:
    """Return BLAKE2b of the bytes of a regular file, 16 bytes; raises OSError or EngineError if it cannot be read."""
    with open_image_file(path) as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=DIGEST_BYTES)).digest()
