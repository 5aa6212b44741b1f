"""Download ImageNet weights when the user asks for them; the only outgoing connection of the engine."""

import contextlib
import hashlib
import http.client
import re
import secrets
import ssl
import urllib.error
import urllib.request
from collections.abc import Generator
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import truststore

from engine.core.atomic_write import sync_file
from engine.core.errors import EngineError
from engine.core.events import Progress
from engine.core.progress import Ticker

_CHUNK_BYTES = 256 * 1024
_TIMEOUT_SECONDS = 15


def download(url: str, path: Path) -> Generator[Progress, None, None]:
    """Download `url` to `path`; the file appears only when it is complete and matches the hash in its name.

    Closing the generator deletes what was downloaded so far.

    Yields:
        Progress in bytes.

    Raises:
        EngineError: If the host cannot be reached, does not have the file, or sends another one.
    """
    host = urlsplit(url).netloc
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _open(url) as response, temporary.open("wb") as file:
            digest = yield from _copy(response, file)
            file.flush()
            sync_file(file.fileno())
        _check_hash(digest, path.name, host)
        temporary.replace(path)
    except urllib.error.HTTPError as error:
        error.close()
        raise EngineError(
            f"{host} did not send the weights (HTTP status {error.code}). Try later, or use a file or no pretrained "
            "weights."
        ) from error
    except urllib.error.URLError as error:
        raise EngineError(_unreachable_message(host, error.reason)) from error
    except (TimeoutError, ConnectionError, http.client.HTTPException) as error:
        raise EngineError(_unreachable_message(host, error)) from error
    except OSError as error:
        raise EngineError(f"The weights could not be saved: {error.strerror or error}.", path) from error
    finally:
        with contextlib.suppress(OSError):  # it has its final name, or the disk has failed already
            temporary.unlink()


def _open(url: str) -> Any:
    # The executable is built on another system, whose file of certificates may not exist on this one
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS, context=context)


def _unreachable_message(host: str, reason: object) -> str:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return (
            f"The certificate of {host} is not trusted by this computer. Check its clock and its network, or use a "
            "file or no pretrained weights."
        )
    return f"Could not reach {host}. Check the connection, or use a file or no pretrained weights."


def _copy(response: http.client.HTTPResponse, file: BinaryIO) -> Generator[Progress, None, str]:
    """Copy the body to a file; return its SHA-256 in hex."""
    total = int(response.headers.get("Content-Length") or 0)
    ticker = Ticker("download", total)
    digest, num_bytes = hashlib.sha256(), 0
    # read1 returns what has arrived so far, so that a slow download reports progress and can be cancelled
    while chunk := response.read1(_CHUNK_BYTES):
        file.write(chunk)
        digest.update(chunk)
        num_bytes += len(chunk)
        yield from ticker.at(num_bytes)
    if num_bytes < total:
        raise http.client.IncompleteRead(b"", total - num_bytes)
    return digest.hexdigest()


def _check_hash(digest: str, name: str, host: str) -> None:
    # The names of torchvision's files end with the first hex digits of their SHA-256
    expected = re.search(r"-([0-9a-f]{8,})\.pth$", name)
    if expected is None or not digest.startswith(expected[1]):
        raise EngineError(f"{host} sent another file than requested: its hash is wrong. Try again later.")
