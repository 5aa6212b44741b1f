"""Tests of the collectives in a single process; test_ddp.py runs them on two."""

import torch
from torch import nn

from engine.ml.runtime import distributed
from engine.ml.runtime.ddp import wrap_ddp


def test_a_single_process_gets_its_own_values_back() -> None:
    values, model = torch.ones(2), nn.Linear(2, 2)
    with distributed.process_group():
        assert (distributed.rank(), distributed.world_size()) == (0, 1)
        assert distributed.shard("abc") == ["a", "b", "c"]
        assert distributed.all_gather("a") == ["a"]
        assert distributed.all_reduce_sum(2.0) == 2.0
        assert distributed.all_reduce_(values) is values
        assert distributed.broadcast_from_rank0("a") == "a"
        assert wrap_ddp(model) is model
