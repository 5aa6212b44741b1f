"""Serve a model over HTTP with uvicorn."""

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
_SECONDS_BETWEEN_EVENTS = 0.2
_SHUTDOWN_SECONDS = 5


def serve_model(
    model_path: Path, host: str, port: int, max_error: float | None, limits: Limits
) -> Generator[Event, None, None]:
    """Classify images over HTTP until the generator is closed.

    Yields `Serving` with the address, then `Progress` with the number of classified images.

    Args:
        model_path: The model file.
        host: Address to listen on.
        port: TCP port; 0: any free port.
        max_error: Maximum error rate (0..1) among decided images; None: no limit.
        limits: Limits of requests.

    Raises:
        EngineError: The model cannot be used, or the port is in use.
    """
    predictor = open_predictor(model_path)
    listener = _listen(host, port)
    with listener:
        port = listener.getsockname()[1]
        if host not in LOOPBACK:
            yield Warned(
                message=f"Every computer on the network can use the model, because the server listens on {host}."
            )
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
            timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        )
        with _ServerThread(uvicorn.Server(config), listener) as running:
            yield Serving(url=f"http://{_url_host(host)}:{port}")
            while running.is_alive():
                yield Progress(stage="serve", done=app.num_predictions, total=0)
                time.sleep(_SECONDS_BETWEEN_EVENTS)
        raise EngineError("The server stopped unexpectedly. The log has the reason; start it again.")


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=128)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise EngineError(f"Port {port} of {host} cannot be used: {reason}. Choose another port.") from error


def _url_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class _ServerThread:
    """Runs a server in a thread, so that signals stay with the main thread."""

    def __init__(self, server: uvicorn.Server, listener: socket.socket) -> None:
        self._server = server
        self._thread = threading.Thread(target=self._run, args=(listener,), name="server", daemon=True)

    def _run(self, listener: socket.socket) -> None:
        asyncio.run(self._server.serve(sockets=[listener]))

    def is_alive(self) -> bool:
        """Return whether the server is running."""
        return self._thread.is_alive()

    def __enter__(self) -> "_ServerThread":
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(2 * _SHUTDOWN_SECONDS)


def _protocol(limits: Limits) -> type[H11Protocol]:
    class LimitedProtocol(_HeaderTimeoutProtocol):
        header_seconds = limits.header_seconds

    return LimitedProtocol


class _HeaderTimeoutProtocol(H11Protocol):
    """Closes connections that send no complete request within header_seconds (slow-loris protection).

    uvicorn has no setting for this: its keep-alive timeout ends with the first byte of a request.
    """

    header_seconds: float
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timer for the first request."""
        super().connection_made(transport)
        self._start_timer()

    def data_received(self, data: bytes) -> None:
        """Stop the timer when the header is complete; a part of it does not stop it."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_timer()

    def on_response_complete(self) -> None:
        """Start the timer for the next request."""
        super().on_response_complete()
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._stop_timer()
        super().connection_lost(exc)

    def _start_timer(self) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(self.header_seconds, self.transport.close)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
