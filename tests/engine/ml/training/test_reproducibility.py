"""Tests that a run does not depend on the load of the computer, and can be repeated from its config.json."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.nn.modules.module import register_module_forward_pre_hook

from engine import jobs
from engine.cli.main import main
from engine.core.event_stream import run_to_end
from engine.core.events import Event, Warned
from engine.core.free_cores import FreeCores
from engine.data.dataset import Dataset
from engine.ml.runtime import adaptive_threads, precision
from engine.runs.run_folder import Run
from tests.engine.ml.training.training_runs import TINY, make_dataset

CONFIG = TINY.changed("training", epochs=2, precision="auto")


@pytest.fixture(autouse=True)
def thread_count() -> Iterator[None]:
    """Restore torch's thread count, which a run leaves as it set it."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return make_dataset(tmp_path / "data")


def _use_machine(patch: pytest.MonkeyPatch, prefers_bfloat16: bool, num_cores: int) -> None:
    patch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    patch.setattr(precision, "MIN_MULTIPLY_ADDS", 0 if prefers_bfloat16 else math.inf)
    patch.setattr("engine.ml.runtime.threads.num_compute_threads", lambda: num_cores)


def _weights(run: Run) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in load_file(run.model_path).items()}


@pytest.mark.parametrize("mode", ["full", "quick"])
def test_the_weights_do_not_depend_on_the_speed_of_the_computer(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    _use_machine(monkeypatch, prefers_bfloat16=True, num_cores=1)
    now, results = time.perf_counter, []
    for factor in (1e-6, 1e6):
        with monkeypatch.context() as patch:
            for clock in ("perf_counter", "monotonic"):
                patch.setattr(time, clock, lambda factor=factor: factor * now())
            config = CONFIG.changed("training", mode=mode)
            results.append(_weights(run_to_end(jobs.train(dataset, config, tmp_path / str(factor)))))
    assert results[0] == results[1]


@pytest.mark.parametrize(("prefers_bfloat16", "expected"), [(True, "bfloat16"), (False, "float32")])
def test_a_run_repeated_from_its_settings_on_a_computer_with_other_defaults_has_the_same_bits(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefers_bfloat16: bool, expected: str
) -> None:
    with monkeypatch.context() as patch:
        _use_machine(patch, prefers_bfloat16, num_cores=2)
        first, second = Run(tmp_path / "first"), Run(tmp_path / "second")
        assert main(["train", str(dataset.root), "--out", str(first.path), *_flags()]) == 0
    assert (first.config.training.precision, first.config.training.threads) == (expected, 2)
    with monkeypatch.context() as patch:
        _use_machine(patch, not prefers_bfloat16, num_cores=1)
        config = str(first.config_path)
        assert main(["train", str(dataset.root), "--out", str(second.path), "--config", config]) == 0
    assert second.config == first.config
    assert _weights(second) == _weights(first)


def test_a_resumed_run_has_the_precision_and_the_threads_it_began_with(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run"
    with monkeypatch.context() as patch:
        _use_machine(patch, prefers_bfloat16=True, num_cores=2)
        expected = _weights(run_to_end(jobs.train(dataset, CONFIG, tmp_path / "undisturbed")))
        work = jobs.train(dataset, CONFIG, path)
        while next(work).event != "epoch_done":
            pass
        work.close()
    with monkeypatch.context() as patch:
        _use_machine(patch, prefers_bfloat16=False, num_cores=1)
        run = run_to_end(jobs.resume(path))
    assert (run.config.training.precision, run.config.training.threads) == ("bfloat16", 2)
    assert _weights(run) == expected


@pytest.mark.parametrize(
    ("mode", "threads", "adapts"), [("full", 2, False), ("quick", 0, False), ("quick", 2, False), ("full", 0, True)]
)
def test_on_a_busy_computer_only_a_fixed_number_of_threads_or_quick_mode_gives_the_same_bits(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, threads: int, adapts: bool
) -> None:
    _use_machine(monkeypatch, prefers_bfloat16=False, num_cores=2)
    monkeypatch.setattr(adaptive_threads, "num_compute_threads", lambda: 2)
    monkeypatch.setattr(adaptive_threads, "_MIN_SECONDS", 0.0)
    monkeypatch.delenv("OMP_NUM_THREADS")
    config = CONFIG.changed("training", mode=mode, threads=threads, epochs=4)
    weights, counts, messages = [], [], []
    for free_cores in (2.0, 1.0):
        monkeypatch.setattr(FreeCores, "since_last_call", lambda _, free_cores=free_cores: free_cores)
        work = jobs.train(dataset, config, tmp_path / str(free_cores))
        seen: list[Event] = []
        with forward_thread_counts() as counted:
            weights.append(_weights(run_to_end(work, seen.append)))
        counts.append(set(counted))
        messages.append([event.message for event in seen if isinstance(event, Warned) and "threads" in event.message])
    assert counts == [{2}, {1, 2} if adapts else {2}]
    assert [len(found) for found in messages] == [0, int(adapts)]
    assert adapts or weights[0] == weights[1]


@contextmanager
def forward_thread_counts() -> Iterator[list[int]]:
    """Collect torch's thread count in each forward pass of a convolution during the block."""
    counts: list[int] = []
    hook = register_module_forward_pre_hook(
        lambda module, _: counts.append(torch.get_num_threads()) if isinstance(module, torch.nn.Conv2d) else None
    )
    try:
        yield counts
    finally:
        hook.remove()


def _flags() -> list[str]:
    training, data = CONFIG.training, CONFIG.data
    return [
        *("--training.epochs", "1", "--training.device", "cpu", "--training.batch-size", str(training.batch_size)),
        *("--model.backbone", "se_resnet", "--data.image-size", str(data.image_size)),
    ]
