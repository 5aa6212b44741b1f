"""Tests of engine.ml.models.weight_download."""

import hashlib
import random
import socket
import ssl
import urllib.error
import urllib.request

import pytest
import truststore

from engine.core.errors import EngineError
from engine.ml.models.weight_download import download
from tests.engine.ml.models.weights_server import serve

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

CONTENT = random.Random(0).randbytes(3_000_000)
NAME = f"network-{hashlib.sha256(CONTENT).hexdigest()[:8]}.pth"


def test_a_file_is_on_this_machine_with_progress_in_bytes(tmp_path):
    with serve({NAME: CONTENT}) as host:
        events = list(download(f"{host}/{NAME}", tmp_path / "cache" / NAME))
    assert (tmp_path / "cache" / NAME).read_bytes() == CONTENT
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [NAME]
    assert {event.stage for event in events} == {"download"}
    assert events[-1].done == events[-1].total == len(CONTENT)
    assert [event.done for event in events] == sorted(event.done for event in events)


def test_progress_is_reported_at_most_ten_times_a_second(tmp_path, monkeypatch):
    times = iter(number / 100 for number in range(10_000))
    monkeypatch.setattr("engine.core.progress.time.monotonic", lambda: next(times))
    monkeypatch.setattr(
        "engine.ml.models.weight_download._CHUNK_BYTES", 10_000
    )  # so at least 300 chunks, a hundredth apart each
    with serve({NAME: CONTENT}) as host:
        events = list(download(f"{host}/{NAME}", tmp_path / NAME))
    assert 10 < len(events) < 60


def test_a_file_with_a_wrong_hash_is_rejected_and_deleted(tmp_path):
    with serve({NAME: CONTENT[:-1] + b"?"}) as host, pytest.raises(EngineError, match="hash"):
        list(download(f"{host}/{NAME}", tmp_path / NAME))
    assert list(tmp_path.iterdir()) == []


def test_the_error_for_a_missing_file_names_the_http_status(tmp_path):
    with serve({}) as host, pytest.raises(EngineError, match="404"):
        list(download(f"{host}/{NAME}", tmp_path / NAME))
    assert list(tmp_path.iterdir()) == []


def test_the_error_for_a_refused_connection_names_alternatives(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound but not listening, so that the port refuses connections
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(EngineError, match=f"Could not reach {address}.*use a file"):
            list(download(f"http://{address}/{NAME}", tmp_path / NAME))
    assert list(tmp_path.iterdir()) == []


def test_a_host_that_does_not_respond_times_out(tmp_path, monkeypatch):
    monkeypatch.setattr("engine.ml.models.weight_download._TIMEOUT_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(EngineError, match="Could not reach"):
        list(download(f"http://127.0.0.1:{silent.getsockname()[1]}/{NAME}", tmp_path / NAME))
    assert list(tmp_path.iterdir()) == []


def test_a_broken_connection_leaves_no_file(tmp_path):
    with (
        serve({NAME: CONTENT}, missing_bytes=100_000) as host,
        pytest.raises(EngineError, match="Check the connection"),
    ):
        list(download(f"{host}/{NAME}", tmp_path / NAME))
    assert list(tmp_path.iterdir()) == []


def test_cancelling_leaves_no_file(tmp_path):
    with serve({NAME: CONTENT}) as host:
        work = download(f"{host}/{NAME}", tmp_path / NAME)
        next(work)
        assert len(list(tmp_path.iterdir())) == 1
        work.close()
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "cache").write_text("a file where a folder should be")
    with serve({NAME: CONTENT}) as host, pytest.raises(EngineError, match="could not be saved"):
        list(download(f"{host}/{NAME}", tmp_path / "cache" / NAME))


def test_certificates_are_checked_with_the_trust_store_of_the_system(tmp_path, monkeypatch):
    contexts = []

    def open_url(_url, timeout, context):
        contexts.append(context)
        raise urllib.error.URLError("no connection")

    monkeypatch.setattr(urllib.request, "urlopen", open_url)
    with pytest.raises(EngineError, match="Could not reach"):
        list(download(f"https://host/{NAME}", tmp_path / NAME))
    (context,) = contexts
    assert isinstance(context, truststore.SSLContext)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_the_error_for_a_certificate_that_is_not_trusted_says_so(tmp_path, monkeypatch):
    def open_url(*_, **__):
        raise urllib.error.URLError(ssl.SSLCertVerificationError("self-signed certificate"))

    monkeypatch.setattr(urllib.request, "urlopen", open_url)
    with pytest.raises(EngineError, match="certificate of host is not trusted"):
        list(download(f"https://host/{NAME}", tmp_path / NAME))
