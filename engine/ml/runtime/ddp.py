"""Distributed data parallel (DDP) training: averaged gradients and synchronised BatchNorm.

Tested with gloo on the CPU. The CUDA path (nccl, torch.nn.SyncBatchNorm) has not been run.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from engine.ml.runtime.distributed import all_reduce_, world_size


def wrap_ddp(model: nn.Module) -> nn.Module:
    """Return `model` wrapped in DistributedDataParallel, or `model` itself in a single process.

    The BatchNorm layers of `model` are replaced in place by synchronised ones, so that training statistics are those
    of the global batch.
    """
    if world_size() == 1:
        return model
    if next(model.parameters()).is_cuda:
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
    else:
        for module in model.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.__class__ = _SyncBatchNorm
    # Running statistics are equal on all ranks, so buffers need no broadcast
    return DistributedDataParallel(model, forward_sync_buffers=False)


class _AllReduceSum(torch.autograd.Function):
    """Differentiable sum over all processes; the gradient is summed over all processes too."""

    @staticmethod
    def forward(_context: Any, values: Tensor) -> Tensor:
        return all_reduce_(values.clone())

    @staticmethod
    def backward(_context: Any, gradients: Tensor) -> Tensor:
        return all_reduce_(gradients.clone())


class _SyncBatchNorm(nn.BatchNorm2d):
    """Synchronised BatchNorm for the CPU; torch.nn.SyncBatchNorm supports GPUs only."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or x.shape[0] == 0:
            return super().forward(x)
        axes = [axis for axis in range(x.ndim) if axis != 1]
        values = x.float()
        local_count = values.new_full((1,), x.numel() / x.shape[1])
        sums = torch.cat([values.sum(axes), values.square().sum(axes), local_count])
        means, squares, count = _AllReduceSum.apply(sums).split([x.shape[1], x.shape[1], 1])
        mean = means / count
        variance = (squares / count - mean.square()).clamp_min(0)
        self._update_running_stats(mean.detach(), variance.detach(), float(count))
        shape = [1, -1, *[1] * (x.ndim - 2)]
        scaled: Tensor = (values - mean.view(shape)) * (variance.view(shape) + self.eps).rsqrt()
        scaled = scaled * self.weight.view(shape) + self.bias.view(shape)
        return scaled.to(x.dtype)

    def _update_running_stats(self, mean: Tensor, variance: Tensor, count: float) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        momentum = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance * count / max(1.0, count - 1), momentum)

    def _check_input_dim(self, input: Tensor) -> None:
        """Accept the input shapes of both BatchNorm1d and BatchNorm2d."""
