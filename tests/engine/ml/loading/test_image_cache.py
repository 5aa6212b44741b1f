"""Tests of the cache of decoded images."""

import errno
import os
from pathlib import Path

import pytest
import torch
from torch import Tensor

from engine.core import cache
from engine.data.dataset import Sample, scan
from engine.ml.loading import row_file
from engine.ml.loading.image_cache import ImageCache
from tests.images import write_classes

CPU = torch.device("cpu")
SHAPE = (3, 4, 4)


class _Maker:
    """Makes rows and counts them."""

    def __init__(self) -> None:
        self.num_made = 0

    def __call__(self) -> tuple[Tensor, float]:
        self.num_made += 1
        return torch.full(SHAPE, 100 + self.num_made, dtype=torch.uint8), 1.5


@pytest.fixture
def samples(tmp_path: Path) -> tuple[Path, tuple[Sample, ...]]:
    root = write_classes(tmp_path / "data", {"red": 3})
    return root, scan(root).samples


@pytest.mark.parametrize(("budget", "storage"), [(10**6, "memory"), (0, "file")])
def test_an_image_is_decoded_once(samples: tuple[Path, tuple[Sample, ...]], budget: int, storage: str) -> None:
    root, (first, second, _) = samples
    cached, make = ImageCache(root, samples[1], SHAPE, "", CPU, budget), _Maker()
    assert cached.storage == storage
    rows = [cached.get(sample, make) for sample in (first, second, first)]
    assert make.num_made == 2
    assert [int(row.max()) for row, _ in rows] == [101, 102, 101]
    assert [aspect for _, aspect in rows] == [1.5] * 3


def test_a_file_cache_is_used_by_the_next_run_until_an_image_changes(
    samples: tuple[Path, tuple[Sample, ...]],
) -> None:
    root, all_samples = samples
    make = _Maker()
    for _ in range(2):
        cached = ImageCache(root, all_samples, SHAPE, "", CPU, 0)
        cached.get(all_samples[0], make)
        cached.save()
    assert make.num_made == 1
    (root / all_samples[2].path).write_bytes(b"another image")
    ImageCache(root, all_samples, SHAPE, "", CPU, 0).get(all_samples[0], make)
    assert make.num_made == 2


def test_rows_that_were_not_saved_are_decoded_again_by_the_next_run(samples: tuple[Path, tuple[Sample, ...]]) -> None:
    root, all_samples = samples
    make = _Maker()
    for _ in range(2):
        ImageCache(root, all_samples, SHAPE, "", CPU, 0).get(all_samples[0], make)
    assert make.num_made == 2


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="this system reserves space by writing")
def test_without_disk_space_for_the_file_nothing_is_cached(
    samples: tuple[Path, tuple[Sample, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", fail)
    cached = ImageCache(samples[0], samples[1], SHAPE, "", CPU, 0)
    assert cached.storage == "none"
    assert cached.get(samples[1][0], _Maker())[1] == 1.5
    assert not list(cache.cache_folder().iterdir())


def test_without_any_storage_each_image_is_decoded_again(
    samples: tuple[Path, tuple[Sample, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_file, "reserve_space", lambda _: False)
    root, all_samples = samples
    cached, make = ImageCache(root, all_samples, SHAPE, "", CPU, 0), _Maker()
    for _ in range(2):
        cached.get(all_samples[0], make)
    assert (cached.storage, make.num_made) == ("none", 2)


def test_rows_that_another_process_has_saved_are_used_after_the_next_save(
    samples: tuple[Path, tuple[Sample, ...]],
) -> None:
    root, all_samples = samples
    first, second = (ImageCache(root, all_samples, SHAPE, "", CPU, 0) for _ in range(2))
    make = _Maker()
    first.get(all_samples[0], make)
    first.save()
    second.get(all_samples[1], make)
    second.save()
    assert [second.get(sample, make)[0].max() for sample in all_samples] == [101, 102, 103]
    assert make.num_made == 3
