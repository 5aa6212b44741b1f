"""One run on many processes, as started by torchrun; alone, every function here does nothing."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

Item = TypeVar("Item")


@contextmanager
def process_group() -> Iterator[None]:
    """Join the processes that torchrun started with this one, until the end of the block."""
    if int(os.environ.get("WORLD_SIZE", "1")) <= 1 or dist.is_initialized():
        yield
        return
    dist.init_process_group("cuda:nccl,cpu:gloo" if torch.cuda.is_available() else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def rank() -> int:
    """Return the number of this process among all of the run, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """Return how many processes train."""
    return dist.get_world_size() if dist.is_initialized() else 1


def shard(items: Sequence[Item]) -> list[Item]:
    """Return every n-th item, so that all processes together have each item once."""
    return list(items[rank() :: world_size()])


def all_gather(value: Item) -> list[Item]:
    """Return the values of all processes, in the order of their rank, to each of them."""
    if world_size() == 1:
        return [value]
    values: list[Item | None] = [None] * world_size()
    dist.all_gather_object(values, value)
    return values  # type: ignore[return-value]


def all_reduce_sum(number: float) -> float:
    """Return the sum over all processes."""
    if world_size() == 1:
        return number
    summed = torch.tensor(number, dtype=torch.float64)
    dist.all_reduce(summed)
    return float(summed)


def all_reduce_(values: Tensor) -> Tensor:
    """Return the sum over all processes, element by element."""
    if world_size() > 1:
        dist.all_reduce(values)
    return values


def broadcast_from_rank0(value: Item) -> Item:
    """Return the value of the first process, so that all decide alike."""
    if world_size() == 1:
        return value
    box = [value]
    dist.broadcast_object_list(box)
    return box[0]


def wrap_ddp(model: nn.Module) -> nn.Module:
    """Return `model` with gradients averaged and BatchNorm taken over all processes; alone, as it is."""
    if world_size() == 1:
        return model
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.__class__ = _SyncedBatchNorm  # torch's own SyncBatchNorm is for GPUs alone
    # Averages of BatchNorm are equal everywhere, so none has to be sent
    return DistributedDataParallel(model, forward_sync_buffers=False)


class _Sum(torch.autograd.Function):
    """The sum over all processes; each has the sum of all gradients."""

    @staticmethod
    def forward(_context: Any, values: Tensor) -> Tensor:
        return all_reduce_(values.clone())

    @staticmethod
    def backward(_context: Any, gradients: Tensor) -> Tensor:
        return all_reduce_(gradients.clone())


class _SyncedBatchNorm(nn.BatchNorm2d):
    """BatchNorm whose mean and deviation are those of the images of all processes together."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or x.shape[0] == 0:
            return super().forward(x)
        axes = [axis for axis in range(x.ndim) if axis != 1]
        values = x.float()
        own_count = values.new_full((1,), x.numel() / x.shape[1])
        sums = torch.cat([values.sum(axes), values.square().sum(axes), own_count])
        means, squares, count = _Sum.apply(sums).split([x.shape[1], x.shape[1], 1])
        mean = means / count
        variance = (squares / count - mean.square()).clamp_min(0)
        self._remember(mean.detach(), variance.detach(), float(count))
        shape = [1, -1, *[1] * (x.ndim - 2)]
        scaled: Tensor = (values - mean.view(shape)) * (variance.view(shape) + self.eps).rsqrt()
        scaled = scaled * self.weight.view(shape) + self.bias.view(shape)
        return scaled.to(x.dtype)

    def _remember(self, mean: Tensor, variance: Tensor, count: float) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        momentum = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance * count / max(1.0, count - 1), momentum)

    def _check_input_dim(self, input: Tensor) -> None:
        """Take what BatchNorm1d and BatchNorm2d take."""
