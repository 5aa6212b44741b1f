"""Process group and collectives for training under torchrun; in a single process they return their argument."""

import gc
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

Item = TypeVar("Item")


@contextmanager
def process_group() -> Iterator[None]:
    """Initialise the process group when started by torchrun, and destroy it at the end of the block.

    Its threads end with it, unless something still refers to it, as DistributedDataParallel does. Threads that are at
    work when the interpreter ends may abort the process (https://github.com/pytorch/pytorch/issues/38228).
    """
    if int(os.environ.get("WORLD_SIZE", "1")) <= 1 or dist.is_initialized():
        yield
        return
    # Imported later, by DistributedDataParallel, its functions would keep the group as a default argument
    import torch.distributed.nn  # noqa: PLC0415

    dist.init_process_group("cuda:nccl,cpu:gloo" if torch.cuda.is_available() else "gloo")
    try:
        yield
    finally:
        gc.collect()  # DistributedDataParallel is part of reference cycles
        dist.destroy_process_group()


def rank() -> int:
    """Return the rank of this process, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """Return the number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


def shard(items: Sequence[Item]) -> list[Item]:
    """Return this rank's share of `items`: every world_size-th item, starting at the rank."""
    return list(items[rank() :: world_size()])


def all_gather(value: Item) -> list[Item]:
    """Return the values of all processes in rank order, on every process; `value` must be picklable."""
    if world_size() == 1:
        return [value]
    values: list[Item | None] = [None] * world_size()
    dist.all_gather_object(values, value)
    return values  # type: ignore[return-value]


def all_reduce_sum(number: float) -> float:
    """Return the sum of a number over all processes."""
    if world_size() == 1:
        return number
    summed = torch.tensor(number, dtype=torch.float64)
    dist.all_reduce(summed)
    return float(summed)


def all_reduce_(values: Tensor) -> Tensor:
    """Sum a tensor over all processes in place, element by element, and return it."""
    if world_size() > 1:
        dist.all_reduce(values)
    return values


def broadcast_from_rank0(value: Item) -> Item:
    """Return rank 0's value on every process, so that all take the same decision."""
    if world_size() == 1:
        return value
    box = [value]
    dist.broadcast_object_list(box)
    return box[0]
