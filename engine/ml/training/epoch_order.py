"""Order of the training images of an epoch; with balanced sampling, each class is drawn equally often."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import torch

from engine.audit.class_balance import uses_balanced_sampling
from engine.core.seeds import stable_seed
from engine.data.dataset import Sample
from engine.ml.loading.loader import RepeatedSample, shuffled_chunks
from engine.ml.training.options import LoopPlan


def epoch_chunks(samples: Sequence[Sample], plan: LoopPlan, epoch: int) -> list[list[Sample]]:
    """Return the batches of an epoch. They depend only on the samples, the seed, the epoch and the balance."""
    num_classes = max((sample.label for sample in samples), default=-1) + 1
    counter = Counter(sample.label for sample in samples)
    if uses_balanced_sampling(plan.balance, [counter[label] for label in range(num_classes)]):
        samples = draw_evenly(samples, plan.seed, epoch)
    return shuffled_chunks(samples, plan.batch_size, plan.seed, epoch)


def draw_evenly(samples: Sequence[Sample], seed: int, epoch: int) -> list[Sample]:
    """Return as many images as `samples` has, with the same number of each class, up to one.

    The images of a class are drawn in random order without replacement, again and again if the class is small.
    """
    by_class: dict[int, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_class[sample.label].append(sample)
    generator = torch.Generator().manual_seed(stable_seed(seed, epoch, "draw"))
    share, rest = divmod(len(samples), max(1, len(by_class)))
    order = torch.randperm(len(by_class), generator=generator).tolist()
    drawn: list[Sample] = []
    for position, members in zip(order, by_class.values()):
        for number in range(share + (position < rest)):
            turn, place = divmod(number, len(members))
            if place == 0:
                permutation = torch.randperm(len(members), generator=generator).tolist()
            sample = members[permutation[place]]
            drawn.append(sample if turn == 0 else _repeated(sample, turn))
    return drawn


def _repeated(sample: Sample, repeat: int) -> RepeatedSample:
    return RepeatedSample(sample.path, sample.label, sample.split, sample.group, repeat)
