"""Tests of the order of the training images and of balanced sampling."""

from collections import Counter

from engine.data.dataset import Sample
from engine.ml.loading.loader import RepeatedSample
from engine.ml.training.epoch_order import draw_evenly, epoch_chunks
from tests.engine.ml.training.tiny_state import make_plan

SAMPLES = [
    Sample(f"{label}/{number}.png", label) for label, total in ((0, 50), (2, 3), (3, 7)) for number in range(total)
]


def _drawn(balance: str, epoch: int = 1) -> list[Sample]:
    chunks = epoch_chunks(SAMPLES, make_plan(balance=balance, batch_size=8), epoch)
    return [sample for chunk in chunks for sample in chunk]


def test_under_imbalance_an_epoch_holds_each_class_equally_often() -> None:
    for balance in ("auto", "sampling"):
        drawn = _drawn(balance)
        assert len(drawn) == len(SAMPLES)
        assert Counter(sample.label for sample in drawn) == {0: 20, 2: 20, 3: 20}


def test_without_balanced_sampling_an_epoch_holds_each_image_once() -> None:
    for balance in ("off", "loss"):
        assert sorted(sample.path for sample in _drawn(balance)) == sorted(sample.path for sample in SAMPLES)
        assert not any(isinstance(sample, RepeatedSample) for sample in _drawn(balance))


def test_the_images_of_a_class_are_drawn_evenly_and_those_of_a_large_class_change_with_the_epoch() -> None:
    drawn = draw_evenly(SAMPLES, seed=0, epoch=1)
    times = Counter(sample.path for sample in drawn)
    for label in (0, 2, 3):
        of_class = [times[sample.path] for sample in SAMPLES if sample.label == label]
        assert max(of_class) - min(of_class) <= 1
    assert draw_evenly(SAMPLES, 0, 1) == drawn
    assert {s.path for s in drawn} != {s.path for s in draw_evenly(SAMPLES, 0, 2)}


def test_each_copy_of_an_image_has_its_own_number() -> None:
    copies = [(sample.path, getattr(sample, "repeat", 0)) for sample in draw_evenly(SAMPLES, 0, 1)]
    assert len(set(copies)) == len(copies)


def test_classes_that_do_not_divide_the_epoch_differ_by_at_most_one_image() -> None:
    counts = Counter(sample.label for sample in draw_evenly(SAMPLES[:-2], 0, 1)).values()
    assert sum(counts) == len(SAMPLES) - 2
    assert max(counts) - min(counts) <= 1
