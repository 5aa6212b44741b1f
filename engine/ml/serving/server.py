"""Serve a model to other programs on this computer, over HTTP."""

import asyncio
import socket
import threading
import time
from collections.abc import Generator
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from engine.core.errors import EngineError
from engine.core.events import Event, Progress, Serving, Warned
from engine.ml.evaluation.predict import open_predictor
from engine.ml.serving.app import Limits, ModelApp

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_SECONDS_BETWEEN = 0.2
_SECONDS_TO_END = 5


def serve_model(
    model_path: Path, host: str, port: int, max_error: float | None, limits: Limits
) -> Generator[Event, None, None]:
    """Answer requests until the generator is closed; tell the address, then how many images were classified.

    Raises EngineError where the model cannot be used or the port is taken.
    """
    predictor = open_predictor(model_path)
    listener = _listen(host, port)
    with listener:
        port = listener.getsockname()[1]
        if host not in LOOPBACK:
            yield Warned(message=f"Every computer that reaches this one can ask the model: it listens on {host}.")
        app = ModelApp(predictor, max_error, host, limits)
        config = uvicorn.Config(
            app.asgi,
            http=_protocol(limits),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=int(limits.header_seconds),
            timeout_graceful_shutdown=_SECONDS_TO_END,
        )
        with _Running(uvicorn.Server(config), listener) as running:
            yield Serving(url=f"http://{_written(host)}:{port}")
            while running.is_alive():
                yield Progress(stage="serve", done=app.num_answered, total=0)
                time.sleep(_SECONDS_BETWEEN)
        raise EngineError("The server has ended by itself. The log tells why; start it again.")


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=128)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise EngineError(f"Port {port} of {host} cannot be used: {reason}. Choose another port.") from error


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class _Running:
    """A server in a thread of its own, which takes no signals: those belong to the program around it."""

    def __init__(self, server: uvicorn.Server, listener: socket.socket) -> None:
        self._server = server
        self._thread = threading.Thread(target=self._run, args=(listener,), name="server", daemon=True)

    def _run(self, listener: socket.socket) -> None:
        asyncio.run(self._server.serve(sockets=[listener]))

    def is_alive(self) -> bool:
        """Say whether the server is still there."""
        return self._thread.is_alive()

    def __enter__(self) -> "_Running":
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(2 * _SECONDS_TO_END)


def _protocol(limits: Limits) -> type[H11Protocol]:
    class BoundedProtocol(_ImpatientProtocol):
        header_seconds = limits.header_seconds

    return BoundedProtocol


class _ImpatientProtocol(H11Protocol):
    """Closes a connection on which no whole request comes in time; uvicorn itself waits for ever."""

    header_seconds: float
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Wait no longer once a request is there; parts of one do not count."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._wait_no_more()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._wait_no_more()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._wait_no_more()
        self._waiting = self.loop.call_later(self.header_seconds, self.transport.close)

    def _wait_no_more(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
