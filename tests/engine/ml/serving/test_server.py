"""Tests of the server over real sockets: valid, invalid, huge, slow and cross-site requests."""

import http.client
import json
import logging
import socket
import threading
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from io import BytesIO
from pathlib import Path

import pytest

from engine import jobs
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.core.events import Event, Progress, Serving, Warned
from engine.data.dataset import scan
from engine.data.splits import split
from engine.ml.serving import app as serve_app
from engine.ml.serving.app import Limits
from engine.ml.serving.server import serve_model
from engine.results.predictions import Prediction
from engine.runs.run_folder import Run
from tests.images import COLOURS, draw_image, write_classes
from tests.scratch_config import scratch_config

pytestmark = pytest.mark.allow_hosts(["127.0.0.1", "0.0.0.0"])

CONFIG = (
    scratch_config()
    .changed("data", image_size=16)
    .changed("training", epochs=2, batch_size=8, device="cpu")
    .changed("optim", lr=5e-3)
)


_HALF = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("serve")
    root = write_classes(folder / "data", {"red": 12, "blue": 12})
    return run_to_end(jobs.train(split(scan(root), 0.25, 0), CONFIG, folder / "run"))


@contextmanager
def _serving(run: Run, limits: Limits = Limits(), host: str = "127.0.0.1") -> Iterator[int]:  # noqa: B008 - frozen
    """Run a server in a thread, as the window does, and yield its port."""
    work = serve_model(run.model_path, host, 0, None, limits)
    url = next(event.url for event in work if isinstance(event, Serving))
    is_finished = threading.Event()
    thread = threading.Thread(target=_pull, args=(work, is_finished))
    thread.start()
    try:
        yield int(url.rsplit(":", 1)[1])
    finally:
        is_finished.set()
        thread.join()


def _pull(work: Generator[Event, None, None], is_finished: threading.Event) -> None:
    while not is_finished.is_set():
        next(work)
    work.close()


@pytest.fixture(scope="module")
def port(run: Run) -> Iterator[int]:
    with _serving(run) as port:
        yield port


def _request(
    port: int, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, object], http.client.HTTPMessage]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request(method, path, body, headers or {})  # type: ignore[arg-type]
        response = connection.getresponse()
        content = response.read()
        is_json = "json" in response.headers.get("content-type", "")
        return response.status, json.loads(content) if is_json else {"text": content.decode()}, response.headers


def _connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=60)


def _image_bytes(colour: str = "red", file_format: str = "PNG") -> bytes:
    buffer = BytesIO()
    draw_image(COLOURS[colour], 5).save(buffer, file_format)
    return buffer.getvalue()


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_an_image_gets_the_prediction_of_the_program(run: Run, port: int, tmp_path: Path, file_format: str) -> None:
    path = tmp_path / f"image.{file_format.lower()}"
    path.write_bytes(_image_bytes("blue", file_format))
    predictions: list[Prediction] = []
    run_to_end(
        jobs.predict(run.model_path, [path], max_error=None),
        lambda event: predictions.append(event) if isinstance(event, Prediction) else None,
    )
    status, document, _ = _request(port, "POST", "/predict?name=a%20b.png", path.read_bytes())
    assert status == 200
    assert document == json.loads(predictions[0].to_json()) | {"path": "a b.png"}


def test_the_page_loads_no_external_resources_and_runs_only_its_own_script(port: int) -> None:
    status, page, headers = _request(port, "GET", "/")
    assert status == 200
    assert "http" not in str(page["text"]).replace("http-equiv", "")
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert policy.count("'sha256-") == 2


def test_the_server_describes_its_model_and_its_health(port: int) -> None:
    assert _request(port, "GET", "/health")[1]["status"] == "ready"
    assert _request(port, "GET", "/model")[1]["classes"] == ["blue", "red"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/predict", b"no image", 422),
        ("POST", "/predict", _image_bytes()[:60], 422),
        ("POST", "/predict", b"", 400),
        ("GET", "/predict", None, 405),
        ("GET", "/../../etc/passwd", None, 404),
        ("DELETE", "/", None, 405),
    ],
)
def test_an_invalid_request_gets_an_error_and_the_next_one_succeeds(
    port: int, method: str, path: str, body: bytes | None, status: int
) -> None:
    actual_status, document, _ = _request(port, method, path, body)
    assert actual_status == status
    assert document.get("error") or status == 405
    assert _request(port, "POST", "/predict", _image_bytes())[0] == 200


def test_a_huge_image_is_refused_with_and_without_a_content_length(run: Run) -> None:
    with _serving(run, Limits(body_bytes=1000)) as port:
        too_many_chunks = (b"12c\r\n" + b"x" * 300 + b"\r\n") * 4
        assert _status(port, b"Transfer-Encoding: chunked", too_many_chunks) == 413
        assert _status(port, b"Content-Length: 99999999999") == 413
        assert _request(port, "POST", "/predict", _image_bytes()[:900])[0] == 422


def _status(port: int, header: bytes, body: bytes = b"") -> int:
    """Return the status of a request that is sent at once: the server may close the connection while more is sent."""
    with _connected(port) as client:
        client.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\n" + header + b"\r\n\r\n" + body)
        return int(client.recv(1000).split()[1])


def test_a_slow_upload_times_out(run: Run) -> None:
    with (
        _serving(run, Limits(body_seconds=0.2)) as port,
        _connected(port) as client,
    ):
        client.sendall(_HALF)
        assert client.recv(1000).split()[1] == b"408"


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: local"])
def test_a_connection_without_a_complete_header_is_closed(run: Run, sent: bytes) -> None:
    with (
        _serving(run, Limits(header_seconds=0.3)) as port,
        _connected(port) as client,
    ):
        client.sendall(sent)
        assert client.recv(1000) == b""


def test_many_idle_connections_do_not_block_a_request(port: int) -> None:
    idle = [_connected(port) for _ in range(100)]
    try:
        assert _request(port, "POST", "/predict", _image_bytes())[0] == 200
    finally:
        for client in idle:
            client.close()


def test_garbage_closes_only_its_own_connection(port: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.CRITICAL, "uvicorn.error"), _connected(port) as client:
        client.sendall(b"\x00\xff garbage \r\n\r\n" * 50)
        assert client.recv(1000).split()[1] == b"400"
    assert _request(port, "GET", "/health")[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_a_foreign_host_name_is_refused(port: int, host: str) -> None:
    assert _request(port, "GET", "/model", headers={"Host": host})[0] == 400


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "LOCALHOST:1"])
def test_the_host_names_of_this_computer_are_accepted(port: int, host: str) -> None:
    assert _request(port, "GET", "/model", headers={"Host": host})[0] == 200


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_a_cross_site_request_is_refused(port: int, headers: dict[str, str]) -> None:
    assert _request(port, "POST", "/predict", _image_bytes(), headers)[0] == 403


def test_a_same_origin_request_is_accepted(port: int) -> None:
    headers = {"Origin": f"http://127.0.0.1:{port}", "Sec-Fetch-Site": "same-origin"}
    assert _request(port, "POST", "/predict", _image_bytes(), headers)[0] == 200


def test_requests_above_the_limits_get_status_503(run: Run) -> None:
    with _serving(run, Limits(num_receiving=1)) as port, _connected(port) as slow:
        slow.sendall(_HALF)
        assert 503 in {_request(port, "POST", "/predict", _image_bytes())[0] for _ in range(3)}
    with _serving(run, Limits(num_waiting=0)) as port:
        status, _, headers = _request(port, "POST", "/predict", _image_bytes())
        assert (status, headers["retry-after"]) == (503, "1")


def test_slow_uploads_do_not_block_a_request(port: int) -> None:
    slow = [_connected(port) for _ in range(30)]
    try:
        for client in slow:
            client.sendall(_HALF)
        assert _request(port, "POST", "/predict", _image_bytes())[0] == 200
    finally:
        for client in slow:
            client.close()


def test_a_bug_fails_one_request_and_is_logged(
    run: Run, port: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr(serve_app, "predict_with", fail)
        assert _request(port, "POST", "/predict", _image_bytes())[0] == 500
    assert _request(port, "POST", "/predict", _image_bytes())[0] == 200
    assert "a bug" in caplog.text  # it is logged after the response


def test_progress_counts_the_classified_images(run: Run) -> None:
    work = serve_model(run.model_path, "127.0.0.1", 0, None, Limits())
    serving = next(work)
    assert isinstance(serving, Serving)
    port = int(serving.url.rsplit(":", 1)[1])
    _request(port, "POST", "/predict", _image_bytes())
    progress = next(work)
    assert isinstance(progress, Progress)
    assert progress.done == 1
    work.close()


def test_closing_releases_the_port_and_a_port_in_use_is_an_error(run: Run) -> None:
    with _serving(run) as port, pytest.raises(EngineError, match="Choose another port"):
        next(serve_model(run.model_path, "127.0.0.1", port, None, Limits()))
    work = serve_model(run.model_path, "127.0.0.1", port, None, Limits())
    assert next(work) == Serving(url=f"http://127.0.0.1:{port}")
    work.close()


def test_the_server_listens_on_localhost_unless_another_host_is_named(run: Run) -> None:
    work = jobs.serve(run.model_path, 0)
    assert str(next(work)).count("127.0.0.1")
    work.close()
    open_to_all = jobs.serve(run.model_path, 0, "0.0.0.0")
    warning = next(open_to_all)
    assert isinstance(warning, Warned)
    assert "Every computer" in warning.message
    open_to_all.close()


def test_a_missing_model_is_an_error_before_the_server_listens(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="does not exist"):
        next(jobs.serve(tmp_path / "model.safetensors", 0))


def test_an_uploaded_image_is_deleted(run: Run, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert _request(port, "POST", "/predict", _image_bytes())[0] == 200
    assert not list(tmp_path.iterdir())
