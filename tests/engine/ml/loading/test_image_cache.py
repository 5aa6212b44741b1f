"""Tests of keeping decoded pictures."""

import errno
import os
from pathlib import Path

import pytest
import torch
from torch import Tensor

from engine.core import cache
from engine.data.dataset import Sample, scan
from engine.ml.loading import image_cache as store_module
from engine.ml.loading.image_cache import ImageCache
from tests.pictures import write_classes

CPU = torch.device("cpu")
SHAPE = (3, 4, 4)


class _Maker:
    """Makes rows and counts how often."""

    def __init__(self) -> None:
        self.num_made = 0

    def __call__(self) -> tuple[Tensor, float]:
        self.num_made += 1
        return torch.full(SHAPE, 100 + self.num_made, dtype=torch.uint8), 1.5


@pytest.fixture
def samples(tmp_path: Path) -> tuple[Path, tuple[Sample, ...]]:
    root = write_classes(tmp_path / "data", {"red": 3})
    return root, scan(root).samples


@pytest.mark.parametrize(("budget", "place"), [(10**6, "memory"), (0, "file")])
def test_a_picture_is_made_once(samples: tuple[Path, tuple[Sample, ...]], budget: int, place: str) -> None:
    root, (first, second, _) = samples
    store, make = ImageCache(root, samples[1], SHAPE, "", CPU, budget), _Maker()
    assert store.storage == place
    rows = [store.get(sample, make) for sample in (first, second, first)]
    assert make.num_made == 2
    assert [int(row.max()) for row, _ in rows] == [101, 102, 101]
    assert [aspect for _, aspect in rows] == [1.5] * 3


def test_a_file_of_pictures_outlives_the_run_and_not_a_change_of_a_picture(
    samples: tuple[Path, tuple[Sample, ...]],
) -> None:
    root, all_samples = samples
    make = _Maker()
    for _ in range(2):
        store = ImageCache(root, all_samples, SHAPE, "", CPU, 0)
        store.get(all_samples[0], make)
        store.save()
    assert make.num_made == 1
    (root / all_samples[2].path).write_bytes(b"another picture")
    ImageCache(root, all_samples, SHAPE, "", CPU, 0).get(all_samples[0], make)
    assert make.num_made == 2


def test_a_picture_that_was_not_safely_on_the_disk_is_made_anew(samples: tuple[Path, tuple[Sample, ...]]) -> None:
    root, all_samples = samples
    make = _Maker()
    for _ in range(2):
        ImageCache(root, all_samples, SHAPE, "", CPU, 0).get(all_samples[0], make)
    assert make.num_made == 2


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="this system reserves by writing")
def test_a_disk_that_has_no_room_for_the_pictures_leaves_them_in_their_files(
    samples: tuple[Path, tuple[Sample, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    store = ImageCache(samples[0], samples[1], SHAPE, "", CPU, 0)
    assert store.storage == "none"
    assert store.get(samples[1][0], _Maker())[1] == 1.5
    assert not list(cache.cache_folder().glob("*.rows"))


def test_where_nothing_fits_each_picture_is_made_anew(
    samples: tuple[Path, tuple[Sample, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "reserve_space", lambda _: False)
    root, all_samples = samples
    store, make = ImageCache(root, all_samples, SHAPE, "", CPU, 0), _Maker()
    for _ in range(2):
        store.get(all_samples[0], make)
    assert (store.storage, make.num_made) == ("none", 2)


def test_the_oldest_files_make_room_for_new_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MAX_CACHE_BYTES", 100)
    old, new = cache.cache_folder() / "old", cache.cache_folder() / "new"
    for age, path in ((1000, old), (2000, new)):
        path.write_bytes(b"x" * 40)
        os.utime(path, (age, age))
    assert cache.reserve_space(50)
    assert (old.exists(), new.exists()) == (False, True)
    assert not cache.reserve_space(101)
    assert new.exists()
