"""Tests of torch's thread count: every job uses all cores, whatever ran before it in the process."""

import http.client
import shutil
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import torch
from threadpoolctl import ThreadpoolController, threadpool_info
from torch import nn

from engine import jobs
from engine.audit.findings import Audit
from engine.core.event_stream import run_to_end
from engine.core.events import Serving
from engine.data.dataset import scan
from engine.data.splits import split
from engine.ml.loading.loader import chunks_in_order, eval_loader, load_batches
from engine.ml.models.preprocessing import Preprocessing
from engine.ml.runtime import threads
from engine.runs.run_folder import Run
from tests.images import write_classes
from tests.scratch_config import scratch_config

NUM_THREADS = 3
"""More than one core, and not the count that torch has in tests."""

JOBS: dict[str, Callable[[Run, Path], Generator[object, None, object]]] = {
    "evaluation": lambda run, _: jobs.evaluate(run.model_path, run.dataset.root),
    "learning curve": lambda run, _: jobs.learning_curve(run.path),
    "robustness": lambda run, _: jobs.robustness(run),
    "explanation": lambda run, _: jobs.explain(
        run.model_path, run.dataset.root / run.dataset.samples[0].path, run.dataset.classes[0]
    ),
    "label review": lambda run, _: jobs.review(run.dataset, run.model_path, Audit()),
    "label corrections": lambda run, _: jobs.evaluate_corrections(run.dataset, run.model_path),
    "sorting": lambda run, folder: jobs.sort(run.model_path, run.dataset.root, folder / "sorted", "copy"),
    "report": lambda run, folder: jobs.report(run, folder / "report.html"),
    "resuming": lambda run, _: jobs.resume(_interrupted(run)),
}
"""Jobs that compute with a network, by name; those with tests of their own below are left out."""


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Collect torch's thread count in each forward pass of a convolution; the machine has NUM_THREADS cores."""
    seen: list[int] = []
    forward = nn.Conv2d.forward

    def counting(self: nn.Conv2d, x: torch.Tensor) -> torch.Tensor:
        seen.append(torch.get_num_threads())
        return forward(self, x)

    before = torch.get_num_threads()
    monkeypatch.setattr(nn.Conv2d, "forward", counting)
    monkeypatch.setattr(threads, "num_compute_threads", lambda: NUM_THREADS)
    yield seen
    torch.set_num_threads(before)


@pytest.fixture(params=["the same thread", "a thread of its own for each job"])
def run_job(request: pytest.FixtureRequest) -> Callable[[Callable[[], object]], None]:
    def run(job: Callable[[], object]) -> None:
        if request.param == "the same thread":
            job()
            return
        thread = threading.Thread(target=job)
        thread.start()
        thread.join()

    return run


def _interrupted(run: Run) -> Path:
    """Train and stop after the first epoch, then return the run folder."""
    path = run.path.with_name("interrupted")
    config = run.config.changed("training", epochs=2, checkpoint_minutes=0, threads=0)
    work = jobs.train(run.dataset, config, path)
    while next(work).event != "epoch_done":
        pass
    work.close()
    return path


def _train(path: Path, root: Path) -> Run:
    config = scratch_config().changed("data", image_size=16).changed("training", epochs=1, batch_size=8, device="cpu")
    return run_to_end(jobs.train(split(scan(root), 0.25, 0), config, path))


def test_every_training_uses_all_cores(
    counts: list[int], run_job: Callable[[Callable[[], object]], None], tmp_path: Path
) -> None:
    root = write_classes(tmp_path / "data", {"red": 6, "blue": 6})
    for name in ("first", "second"):
        counts.clear()
        run_job(lambda name=name: _train(tmp_path / name, root))  # type: ignore[misc]
        assert set(counts) == {NUM_THREADS}


def test_every_prediction_uses_all_cores(
    counts: list[int], run_job: Callable[[Callable[[], object]], None], tiny_run: Run
) -> None:
    image = tiny_run.dataset.root / tiny_run.dataset.samples[0].path
    for _ in range(3):
        counts.clear()
        run_job(lambda: list(jobs.predict(tiny_run.model_path, [image])))
        assert set(counts) == {NUM_THREADS}


@pytest.mark.parametrize("kind", sorted(JOBS))
def test_every_kind_of_job_uses_all_cores(kind: str, counts: list[int], tiny_run: Run, tmp_path: Path) -> None:
    run = Run(Path(shutil.copytree(tiny_run.path, tmp_path / "copy")))
    torch.set_num_threads(1)  # as a job in another thread may have done
    run_to_end(JOBS[kind](run, tmp_path))
    assert set(counts) == {NUM_THREADS}


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_every_request_of_the_server_uses_all_cores(counts: list[int], tiny_run: Run) -> None:
    work = jobs.serve(tiny_run.model_path, 0)
    address = next(event.url for event in work if isinstance(event, Serving)).removeprefix("http://")
    body = (tiny_run.dataset.root / tiny_run.dataset.samples[0].path).read_bytes()
    try:
        for _ in range(3):
            counts.clear()
            torch.set_num_threads(1)  # as a job in another thread may have done since the start of the server
            with closing(http.client.HTTPConnection(address, timeout=60)) as connection:
                connection.request("POST", "/predict", body)
                assert connection.getresponse().status == 200
            assert set(counts) == {NUM_THREADS}
    finally:
        work.close()


def test_decoding_uses_one_thread_of_torch_and_changes_no_other_thread(tmp_path: Path, counts: list[int]) -> None:
    root = write_classes(tmp_path, {"red": 2})
    load = eval_loader(root, Preprocessing(16, "crop", (0.5,) * 3, (0.5,) * 3))
    in_decoder: list[int] = []

    def counting(sample: object) -> object:
        in_decoder.append(torch.get_num_threads())
        return load(sample)  # type: ignore[arg-type]

    threads.set_compute_threads()
    list(load_batches(chunks_in_order(scan(root).samples), counting))  # type: ignore[arg-type]
    later: list[int] = []
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert (set(in_decoder), torch.get_num_threads(), later) == ({1}, NUM_THREADS, [NUM_THREADS])


def _blas_threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_blocks_of_two_threads_that_overlap_limit_blas_until_both_are_over() -> None:
    with ThreadpoolController().select(user_api="blas").limit(limits=2):
        first, second = threads.single_threaded(), threads.single_threaded()
        first.__enter__()
        thread = threading.Thread(target=second.__enter__)
        thread.start()
        thread.join()
        first.__exit__(None, None, None)
        assert _blas_threads() == {1}
        second.__exit__(None, None, None)
        assert _blas_threads() == {2}


@pytest.mark.parametrize(("variable", "expected"), [("", 2), ("8", 8)])
def test_the_count_is_limited_by_the_cores_unless_the_user_sets_it(
    variable: str, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", variable)
    monkeypatch.setattr(threads, "_TORCH_DEFAULT", 8)
    monkeypatch.setattr(threads, "num_cores", lambda: 2)
    assert threads.num_compute_threads() == expected
