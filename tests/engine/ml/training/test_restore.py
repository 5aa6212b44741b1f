"""Tests of the content of a checkpoint: everything that was saved is restored, on a tiny network."""

import gc
import os
from pathlib import Path

import pytest
import torch
from torch import Tensor

from engine.core.errors import EngineError
from engine.core.events import ValScores
from engine.ml.training.checkpoint import open_checkpoint, read_checkpoint, write_checkpoint
from engine.ml.training.checkpoint_file import (
    read_checkpoint_metadata,
    read_checkpoint_tensors,
    write_checkpoint_file,
)
from engine.ml.training.checkpoint_state import decode_paths, encode_paths
from engine.ml.training.optim import make_optimizer
from engine.ml.training.phases import Phase
from engine.ml.training.state import TrainState
from engine.ml.training.step import train_step
from engine.runs.run_folder import Run
from tests.engine.ml.training.tiny_state import make_batch, make_phase, make_state

SUMS = torch.tensor([1.0, 2.0, 3.0])


def _make_run(optimizer: str = "adamw", seed: int = 0) -> tuple[TrainState, Phase]:
    """Return the state of a run with a moving average and its phase, before the first step."""
    torch.manual_seed(seed)
    state = make_state(ema_decay=0.5, early_stopping=4)
    phase = make_phase(state)
    groups = [{"params": list(state.setup.model.parameters()), "lr": 0.1, "initial_lr": 0.1}]
    phase.optimizer = make_optimizer(optimizer, groups, 0.1, 0.9)  # type: ignore[arg-type]
    return state, phase


def _make_trained_run(optimizer: str = "adamw") -> tuple[TrainState, Phase]:
    """Return a state and a phase after two steps, in which every value differs from its initial value."""
    state, phase = _make_run(optimizer)
    for seed in range(2):
        train_step(state, phase, make_batch(), seed)
    phase.kind = "quick"
    phase.first_epoch, phase.began = 3, state.started + 7.0
    phase.optimizer.param_groups[0]["lr"] = 0.05
    state.epoch, state.num_batches_done, state.accumulation_steps = 5, 11, 4
    state.step_seconds, state.validation_seconds, state.work_done = 0.25, 3.5, 123.5
    state.stopping.update(4, ValScores(loss=0.5, accuracy=0.75))
    state.stopping.update(5, ValScores(loss=0.5, accuracy=0.25))
    state.warned = {"b.png", "ä.png"}
    return state, phase


def _assert_equal(first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    assert list(first) == list(second)
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd"])
def test_a_restored_run_continues_with_the_same_bits(tmp_path: Path, optimizer: str) -> None:
    state, phase = _make_trained_run(optimizer)
    write_checkpoint(tmp_path / "checkpoint.safetensors", state, phase, SUMS)
    checkpoint = open_checkpoint(tmp_path / "checkpoint.safetensors")
    resumed, resumed_phase = _make_run(optimizer)
    checkpoint.restore_model(resumed.setup.model)
    checkpoint.restore(resumed, resumed_phase)
    for run, run_phase in ((state, phase), (resumed, resumed_phase)):
        run.accumulation_steps = 1
        train_step(run, run_phase, make_batch(), seed=2)
    _assert_equal(state.setup.model.state_dict(), resumed.setup.model.state_dict())
    assert state.averaged is not None
    assert resumed.averaged is not None
    _assert_equal(state.averaged.state_dict(), resumed.averaged.state_dict())


def test_the_progress_of_the_run_is_restored(tmp_path: Path) -> None:
    state, phase = _make_trained_run()
    write_checkpoint(tmp_path / "checkpoint.safetensors", state, phase, SUMS)
    checkpoint = open_checkpoint(tmp_path / "checkpoint.safetensors")
    resumed, resumed_phase = _make_run()
    resumed.started = 1000.0
    checkpoint.restore(resumed, resumed_phase)
    assert checkpoint.kind == "quick"
    assert (resumed_phase.first_epoch, resumed_phase.began) == (3, pytest.approx(1007.0))
    assert [group["lr"] for group in resumed_phase.optimizer.param_groups] == [0.05]
    assert (resumed.epoch, resumed.num_batches_done, resumed.num_steps_done) == (5, 11, 2)
    assert (resumed.accumulation_steps, resumed.work_done) == (4, 123.5)
    assert (resumed.step_seconds, resumed.validation_seconds) == (0.25, 3.5)
    assert resumed.stopping == state.stopping
    assert resumed.stopping.num_since_best == 1
    assert resumed.warned == {"b.png", "ä.png"}
    assert torch.equal(resumed.sums, SUMS)


def test_the_duration_and_the_precision_of_the_run_are_saved(tmp_path: Path) -> None:
    state, phase = _make_trained_run()
    state.started -= 60.0
    write_checkpoint(tmp_path / "checkpoint.safetensors", state, phase, SUMS)
    checkpoint = open_checkpoint(tmp_path / "checkpoint.safetensors")
    assert checkpoint.seconds == pytest.approx(60.0, abs=5.0)
    assert checkpoint.precision == state.setup.precision


def test_the_random_state_is_restored(tmp_path: Path) -> None:
    state, phase = _make_trained_run()
    write_checkpoint(tmp_path / "checkpoint.safetensors", state, phase, SUMS)
    expected = torch.rand(4)
    torch.manual_seed(99)
    open_checkpoint(tmp_path / "checkpoint.safetensors").restore(*_make_run())
    assert torch.equal(torch.rand(4), expected)


@pytest.mark.parametrize("is_saved", [True, False])
def test_the_random_state_of_a_gpu_is_restored_if_the_run_was_interrupted_on_one(
    tmp_path: Path, is_saved: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu = torch.device("cuda", 1)
    restored: list[tuple[list[int], torch.device]] = []
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda device: torch.tensor([7, device.index], dtype=torch.uint8))
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda state, device: restored.append((state.tolist(), device)))
    monkeypatch.setattr("engine.ml.runtime.distributed.rank", lambda: 1)  # the sums are not moved to the GPU
    state, phase = _make_trained_run()
    if is_saved:
        object.__setattr__(state.setup, "device", gpu)
    write_checkpoint(tmp_path / "checkpoint.safetensors", state, phase, SUMS)
    for device in (torch.device("cpu"), gpu):
        resumed, resumed_phase = _make_run()
        object.__setattr__(resumed.setup, "device", device)
        open_checkpoint(tmp_path / "checkpoint.safetensors").restore(resumed, resumed_phase)
    assert restored == ([([7, 1], gpu)] if is_saved else [])


def test_the_scale_of_the_loss_is_restored(tmp_path: Path) -> None:
    scales = []
    for scale in (64.0, 1.0):
        state, phase = _make_run()
        scaler = torch.amp.GradScaler("cpu", init_scale=scale)
        scaler.scale(torch.ones(()))  # creates the scale
        object.__setattr__(state.setup, "scaler", scaler)
        if not scales:
            write_checkpoint(tmp_path / "checkpoint.safetensors", state, phase, SUMS)
        else:
            open_checkpoint(tmp_path / "checkpoint.safetensors").restore(state, phase)
        scales.append(scaler.get_scale())
    assert scales == [64.0, 64.0]


def test_only_the_first_process_restores_the_sums_because_they_are_those_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_checkpoint(tmp_path / "checkpoint.safetensors", *_make_trained_run(), SUMS)
    monkeypatch.setattr("engine.ml.runtime.distributed.rank", lambda: 1)
    resumed, phase = _make_run()
    open_checkpoint(tmp_path / "checkpoint.safetensors").restore(resumed, phase)
    assert resumed.sums.tolist() == [0.0, 0.0, 0.0]


def test_a_checkpoint_without_a_moving_average_is_restored_too(tmp_path: Path) -> None:
    state = make_state()
    write_checkpoint(tmp_path / "checkpoint.safetensors", state, make_phase(state), SUMS)
    assert not any(
        name.startswith("averaged.") for name in read_checkpoint_tensors(tmp_path / "checkpoint.safetensors")
    )
    resumed = make_state()
    open_checkpoint(tmp_path / "checkpoint.safetensors").restore(resumed, make_phase(resumed))
    assert resumed.averaged is None


def test_a_checkpoint_with_another_number_of_parameter_groups_is_damaged(tmp_path: Path) -> None:
    state, phase = _make_trained_run()
    write_checkpoint(tmp_path / "checkpoint.safetensors", state, phase, SUMS)
    resumed, resumed_phase = _make_run()
    resumed_phase.optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))]})
    with pytest.raises(EngineError, match="The checkpoint of this run is damaged") as failure:
        open_checkpoint(tmp_path / "checkpoint.safetensors").restore(resumed, resumed_phase)
    assert failure.value.path == tmp_path / "checkpoint.safetensors"


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")])
def test_a_lack_of_memory_does_not_count_as_damage(
    tmp_path: Path, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Path) -> None:
        raise error

    monkeypatch.setattr("engine.ml.training.checkpoint.read_checkpoint_metadata", fail)
    with pytest.raises(type(error)):
        open_checkpoint(tmp_path / "checkpoint.safetensors")


def test_a_run_without_a_checkpoint_has_none_and_the_current_format_comes_before_the_old_one(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert read_checkpoint(run) is None
    run.legacy_checkpoint_path.write_bytes(b"old")
    with pytest.raises(EngineError, match="damaged"):
        read_checkpoint(run)
    write_checkpoint(run.checkpoint_path, *_make_trained_run(), SUMS)
    checkpoint = read_checkpoint(run)
    assert checkpoint is not None
    assert checkpoint.path == run.checkpoint_path


def test_a_checkpoint_of_this_version_opens_and_one_of_the_next_version_does_not(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    write_checkpoint(path, *_make_trained_run(), SUMS)
    metadata = open_checkpoint(path).metadata
    newer = metadata.model_copy(update={"version": metadata.version + 1})
    write_checkpoint_file(path, newer, {})
    with pytest.raises(EngineError, match="started by a newer Classifold") as failure:
        open_checkpoint(path)
    assert failure.value.path == path


def test_a_checkpoint_that_cannot_be_read_is_an_error_with_the_reason_of_the_system(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    with pytest.raises(EngineError, match="cannot be read: No such file or directory") as failure:
        open_checkpoint(path)
    assert failure.value.path == path


@pytest.mark.parametrize("name", ["checkpoint.safetensors", "checkpoint.pt"])
def test_a_file_that_is_larger_than_any_checkpoint_is_not_read(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    write_checkpoint(path, *_make_trained_run(), SUMS)
    for module in ("checkpoint_file", "legacy_checkpoint"):
        monkeypatch.setattr(f"engine.ml.training.{module}.MAX_CHECKPOINT_BYTES", path.stat().st_size - 1)
    with pytest.raises(EngineError, match="it is larger than any checkpoint"):
        open_checkpoint(path)


def test_a_file_of_the_largest_size_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "checkpoint.safetensors"
    write_checkpoint(path, *_make_trained_run(), SUMS)
    monkeypatch.setattr("engine.ml.training.checkpoint_file.MAX_CHECKPOINT_BYTES", path.stat().st_size)
    assert read_checkpoint_metadata(path).epoch == 5


@pytest.mark.parametrize("name", ["checkpoint.safetensors", "checkpoint.pt"])
def test_a_named_pipe_in_place_of_a_checkpoint_is_an_error_and_does_not_block(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(EngineError):
        open_checkpoint(tmp_path / name)


def test_tensors_of_every_type_and_shape_are_read_as_they_were_written(tmp_path: Path) -> None:
    dtypes = (torch.bool, torch.uint8, torch.float16, torch.bfloat16, torch.int32, torch.float32, torch.int64)
    tensors = {str(dtype): torch.tensor([[0, 1], [1, 1], [0, 1]]).to(dtype).T for dtype in (*dtypes, torch.float64)}
    tensors |= {"scalar": torch.tensor(2.5), "empty": torch.zeros(0, 3), "odd": torch.ones(3, dtype=torch.uint8)}
    write_checkpoint(tmp_path / "base", *_make_trained_run(), SUMS)
    metadata = read_checkpoint_metadata(tmp_path / "base")
    write_checkpoint_file(tmp_path / "file", metadata, tensors)
    assert read_checkpoint_metadata(tmp_path / "file") == metadata
    read = read_checkpoint_tensors(tmp_path / "file")
    assert set(read) == set(tensors)
    for name, tensor in tensors.items():
        assert read[name].dtype == tensor.dtype
        assert torch.equal(read[name], tensor)
        assert read[name].data_ptr() % read[name].element_size() == 0, "every tensor is aligned"


def test_the_hash_covers_every_byte_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    write_checkpoint(path, *_make_trained_run(), SUMS)
    content = path.read_bytes()
    for position in range(0, len(content), 97):
        path.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
        with pytest.raises(EngineError):
            open_checkpoint(path).restore(*_make_run())


def test_a_file_of_more_than_one_chunk_is_hashed_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.ml.training.checkpoint_file._CHUNK_BYTES", 100)
    path = tmp_path / "checkpoint.safetensors"
    write_checkpoint(path, *_make_trained_run(), SUMS)
    assert read_checkpoint_metadata(path).epoch == 5


@pytest.mark.parametrize("paths", [set(), {"a.png"}, {"ä/\udce4.png", "b.png"}])
def test_paths_survive_encoding(paths: set[str]) -> None:
    encoded = encode_paths(paths)
    assert encoded.dtype == torch.uint8
    assert decode_paths(encoded) == paths


def test_the_encoding_of_paths_does_not_depend_on_their_order() -> None:
    assert torch.equal(encode_paths(["b", "a"]), encode_paths(["a", "b"]))


def _live_bytes() -> int:
    """Return the size of all tensors in memory."""
    gc.collect()
    storages = {
        tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes()
        for tensor in gc.get_objects()
        if type(tensor) in (Tensor, torch.nn.Parameter) and tensor.layout == torch.strided and not tensor.is_meta
    }
    return sum(storages.values())


def test_an_open_checkpoint_holds_no_tensors(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "checkpoint.safetensors", *_make_trained_run(), SUMS)
    (legacy,) = Path(__file__).parent.glob("old_run/checkpoint.pt")
    for path in (tmp_path / "checkpoint.safetensors", legacy):
        before = _live_bytes()
        checkpoint = open_checkpoint(path)
        assert _live_bytes() == before, path
        checkpoint.read_tensors()
        assert _live_bytes() == before, path


def test_a_restored_run_takes_the_memory_of_one_that_was_not_interrupted(tmp_path: Path) -> None:
    state, phase = _make_trained_run()
    write_checkpoint(tmp_path / "checkpoint.safetensors", state, phase, SUMS)
    before = _live_bytes()
    phase.optimizer.state.clear()
    checkpoint = open_checkpoint(tmp_path / "checkpoint.safetensors")
    checkpoint.restore_model(state.setup.model)
    checkpoint.restore(state, phase)
    assert _live_bytes() == before
