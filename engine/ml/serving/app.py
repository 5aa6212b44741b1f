"""The web application of a served model: a page, the description of the model, and predictions for images."""

import asyncio
import base64
import hashlib
import json
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from engine import __version__
from engine.ml.evaluation.predict import Predictor, predict_with
from engine.ml.runtime.threads import set_compute_threads
from engine.results.predictions import Prediction

ANY_ADDRESS = ("0.0.0.0", "::", "")
_MAX_NAME_LENGTH = 200


@dataclass(frozen=True)
class Limits:
    """Limits of requests, so that one client cannot block the others."""

    body_bytes: int = 64 * 1024**2
    header_seconds: float = 10
    """Time to receive the request line and headers."""
    body_seconds: float = 60
    """Time to receive the image."""
    num_receiving: int = 64
    """Maximum number of uploads at the same time; further requests get status 503."""
    num_waiting: int = 16
    """Maximum number of uploaded images that wait for their prediction; further requests get status 503."""


class ModelApp:
    """ASGI application that classifies images with one model."""

    def __init__(self, predictor: Predictor, max_error: float | None, host: str, limits: Limits) -> None:
        self._predictor, self._max_error, self._limits = predictor, max_error, limits
        self._num_receiving = self._num_waiting = 0
        self._prediction_limiter = CapacityLimiter(1)
        self.num_predictions = 0
        self._page, self._policy = _page()
        allowed = ["*"] if host in ANY_ADDRESS else ["localhost", "127.0.0.1", "[::1]", "::1", host]
        self.asgi = Starlette(
            routes=[
                Route("/", self._show_page),
                Route("/health", self._health),
                Route("/model", self._describe),
                Route("/predict", self._predict, methods=["POST"]),
            ],
            # Reject foreign host names that resolve to this computer (DNS rebinding)
            middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=allowed, www_redirect=False)],
            exception_handlers={HTTPException: _error_response},
        )

    async def _show_page(self, _request: Request) -> Response:
        headers = {"Content-Security-Policy": self._policy, "X-Content-Type-Options": "nosniff"}
        return HTMLResponse(self._page, headers=headers | {"Referrer-Policy": "no-referrer"})

    async def _health(self, _request: Request) -> Response:
        return JSONResponse({"status": "ready", "num_predictions": self.num_predictions})

    async def _describe(self, _request: Request) -> Response:
        return JSONResponse(_describe(self._predictor))

    async def _predict(self, request: Request) -> Response:
        if not _is_same_origin(request):
            raise HTTPException(403, "Requests from pages of other sites are not allowed.")
        with TemporaryDirectory(prefix="classifold-") as folder:
            path = Path(folder) / "image"
            _require_below(self._num_receiving, self._limits.num_receiving)
            self._num_receiving += 1
            try:
                await self._receive(request, path)
            finally:
                self._num_receiving -= 1
            _require_below(self._num_waiting, self._limits.num_waiting)
            self._num_waiting += 1
            try:
                prediction = await to_thread.run_sync(self._classify, path, limiter=self._prediction_limiter)
            finally:
                self._num_waiting -= 1
        self.num_predictions += 1
        document = json.loads(prediction.to_json()) | {"path": request.query_params.get("name", "")[:_MAX_NAME_LENGTH]}
        return JSONResponse(document, status_code=200 if prediction.error is None else 422)

    async def _receive(self, request: Request, path: Path) -> None:
        """Write the request body to a file; raise HTTPException if it exceeds a limit."""
        too_large = HTTPException(413, f"The image is larger than {self._limits.body_bytes // 1024**2} MB.")
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._limits.body_bytes:
            raise too_large
        num_bytes = 0
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                with open(path, "wb") as file:
                    async for chunk in request.stream():
                        num_bytes += len(chunk)
                        if num_bytes > self._limits.body_bytes:
                            raise too_large
                        file.write(chunk)
        except TimeoutError as error:
            raise HTTPException(408, "The image was not received in time.") from error
        except ClientDisconnect as error:
            raise HTTPException(400, "The upload was interrupted.") from error
        if not num_bytes:
            raise HTTPException(400, "Send the image file as the body of the request.")

    def _classify(self, path: Path) -> Prediction:
        set_compute_threads()  # this thread is not that of the job
        work = predict_with(self._predictor, [path], num_top=5, max_error=self._max_error)
        return next(event for event in work if isinstance(event, Prediction))


def _require_below(count: int, limit: int) -> None:
    if count >= limit:
        raise HTTPException(503, "Too many requests. Try again in a moment.", {"Retry-After": "1"})


async def _error_response(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = {**(error.headers or {}), "Connection": "close"}  # the rest of the body is not read
    return JSONResponse({"error": error.detail}, error.status_code, headers)


def _is_same_origin(request: Request) -> bool:
    """Return whether a request comes from a program or the page of this server, and not from another site."""
    origin = request.headers.get("origin")
    is_cross_site = request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
    return not is_cross_site and origin in (None, f"http://{request.headers.get('host')}")


def _describe(predictor: Predictor) -> dict[str, object]:
    metadata = predictor.metadata
    return {
        "classes": metadata.classes,
        "backbone": metadata.backbone,
        "image_size": metadata.image_size,
        "started_from": metadata.origin,
        "best": metadata.best.model_dump() if metadata.best else None,
        "program": f"Classifold {__version__}",
    }


def _page() -> tuple[str, str]:
    """Return the page and a Content-Security-Policy that allows only its own inline style and script."""
    html = (files("resources") / "serve.html").read_text(encoding="utf-8")
    hashes = {name: _hash(re.search(rf"<{name}>(.*?)</{name}>", html, re.DOTALL)[1]) for name in ("style", "script")}  # type: ignore[index]
    policy = (
        f"default-src 'none'; style-src {hashes['style']}; script-src {hashes['script']}; img-src blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return html, policy


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
