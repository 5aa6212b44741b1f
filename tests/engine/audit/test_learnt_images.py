"""Tests of recognising copies of images that a model learnt from."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.audit.fingerprint import Records, empty_records, fingerprint
from engine.audit.image_digests import DIGEST
from engine.audit.learnt_images import Copies, LearntImages
from engine.core.event_stream import run_to_end
from engine.data.sample_dataset import PAINTERS, draw_sample
from tests.images import draw_image, draw_scene


def _records(paths: list[Path]) -> Records:
    records = empty_records(len(paths))
    for number, path in enumerate(paths):
        records[number] = fingerprint(path)
    return records


def _save(images: list[Image.Image], folder: Path, suffix: str = ".png") -> list[Path]:
    folder.mkdir()
    paths = [folder / f"{number}{suffix}" for number in range(len(images))]
    for image, path in zip(images, paths):
        image.save(path)
    return paths


def _find(learnt: list[Path], others: list[Path]) -> Copies:
    return run_to_end(LearntImages.from_records(_records(learnt)).find_copies(_records(others)))


def _faint_page(seed: int) -> Image.Image:
    """Return a white page with a short line at a random place."""
    page, generator = Image.new("L", (210, 297), 254), np.random.default_rng(seed)
    across, down = generator.integers(10, 150), generator.integers(10, 280)
    page.paste(200, (int(across), int(down), int(across) + 40, int(down) + 4))
    return page


@pytest.fixture
def scenes() -> list[Image.Image]:
    return [draw_scene(seed) for seed in range(8)]


def test_the_same_bytes_are_recognised_under_any_name(scenes: list[Image.Image], tmp_path: Path) -> None:
    learnt = _save(scenes, tmp_path / "learnt")
    renamed = [path.rename(path.with_name(f"other {path.name}")) for path in learnt]
    copies = _find(renamed, renamed[2:5])
    assert copies.is_same.all()
    assert not copies.is_resaved.any()


@pytest.mark.parametrize(
    "save",
    [
        lambda image, path: image.save(path.with_suffix(".jpg"), quality=80),
        lambda image, path: image.save(path.with_suffix(".webp"), quality=85),
        lambda image, path: image.resize((image.width // 2, image.height // 2)).save(path.with_suffix(".png")),
        lambda image, path: image.resize((224, 224)).save(path.with_suffix(".jpg"), quality=90),
        lambda image, path: image.save(path.with_suffix(".png"), optimize=True, compress_level=1),
    ],
    ids=["jpeg", "webp", "half size", "stretched", "png"],
)
def test_resaved_copies_are_recognised(
    save: Callable[[Image.Image, Path], None], scenes: list[Image.Image], tmp_path: Path
) -> None:
    learnt = _save(scenes, tmp_path / "learnt", ".bmp")
    (tmp_path / "copies").mkdir()
    for number, image in enumerate(scenes):
        save(image, tmp_path / "copies" / str(number))
    copies = _find(learnt, sorted((tmp_path / "copies").iterdir()))
    assert copies.is_resaved.all()


@pytest.mark.parametrize(
    "draw",
    [
        draw_scene,
        lambda seed: draw_image((200, 40, 40), seed),
        lambda seed: draw_sample(list(PAINTERS.values())[seed % len(PAINTERS)], np.random.default_rng(seed)),
        lambda seed: Image.new("RGB", (64, 64), (100, 100, 100 + seed)),
        lambda seed: Image.fromarray(np.random.default_rng(seed).integers(0, 255, (12, 12), np.uint8)),
        lambda seed: _faint_page(seed),
    ],
    ids=["scenes", "noise of one colour", "drawn shapes", "plain colours", "tiny images", "pages with one word"],
)
def test_different_images_are_never_taken_for_copies(draw: Callable[[int], Image.Image], tmp_path: Path) -> None:
    learnt = _save([draw(seed) for seed in range(60)], tmp_path / "learnt")
    others = _save([draw(seed) for seed in range(60, 120)], tmp_path / "others")
    assert not _find(learnt, others).is_any.any()


def test_photos_of_real_datasets_are_not_taken_for_each_other(shared: Path) -> None:
    paths = sorted((shared / "data" / "sign_digits").rglob("*.*"))[::3]
    assert not _find(paths[::2], paths[1::2]).is_any.any()


def test_a_tiny_image_is_recognised_if_its_pixels_are_the_same(tmp_path: Path) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (12, 12), np.uint8))
    learnt = _save([image], tmp_path / "learnt", ".bmp")
    assert _find(learnt, _save([image], tmp_path / "copy")).is_resaved.all()


def test_an_image_of_one_colour_is_recognised_by_its_colour(tmp_path: Path) -> None:
    image = Image.new("RGB", (64, 64), (10, 200, 30))
    learnt = _save([image], tmp_path / "learnt", ".bmp")
    assert _find(learnt, _save([image], tmp_path / "copy")).is_resaved.all()


def test_digests_are_sorted_unique_and_hold_no_pixels(scenes: list[Image.Image], tmp_path: Path) -> None:
    paths = _save(scenes, tmp_path / "learnt")
    learnt = LearntImages.from_records(_records([*paths[::-1], *paths]))
    assert len(learnt) == len(paths)
    assert (np.diff(learnt.digests["digest"].astype(object)) > 0).all()
    assert DIGEST.itemsize == 28
    both = learnt.union(LearntImages.from_records(_records(paths[:3])))
    assert len(both) == len(paths)


def test_nothing_is_a_copy_of_nothing(scenes: list[Image.Image], tmp_path: Path) -> None:
    copies = _find([], _save(scenes, tmp_path / "learnt"))
    assert copies.is_any.shape == (8,)
    assert not copies.is_any.any()


@pytest.mark.parametrize("seed", range(5))
def test_bands_find_the_pairs_that_comparing_all_hashes_finds(seed: int) -> None:
    generator = np.random.default_rng(seed)
    learnt, others = empty_records(200), empty_records(200)
    for records in (learnt, others):
        records["digest"] = generator.integers(1, 2**63, (200, 2))
        records["contrast"], records["width"], records["height"] = 30, 100, 100
    learnt["hashes"] = generator.integers(0, 2**63, (200, 2), np.uint64)
    others["hashes"] = learnt["hashes"][::-1]
    for row in range(200):  # up to 12 bits of each pair differ
        for bit in generator.integers(0, 128, generator.integers(0, 13)):
            others["hashes"][row, bit // 64] ^= np.uint64(1) << np.uint64(bit % 64)
    copies = run_to_end(LearntImages.from_records(learnt).find_copies(others))
    distances = np.bitwise_count(others["hashes"] ^ learnt["hashes"][::-1]).sum(1)
    assert copies.is_resaved.tolist() == (distances <= 6).tolist()


def test_photos_of_a_fixed_camera_are_doubtful_and_not_taken_for_copies(tmp_path: Path) -> None:
    """Parts on a production line differ in a few pixels only."""
    photos = []
    for seed in range(40):
        photo, generator = draw_scene(0), np.random.default_rng(seed)
        position = tuple(int(value) for value in generator.integers(5, 140, 2))
        photo.paste((20, 20, 20), (*position, position[0] + 4, position[1] + 4))
        photos.append(photo)
    learnt, others = _save(photos[:20], tmp_path / "learnt"), _save(photos[20:], tmp_path / "others")
    copies = _find(learnt, others)
    assert not copies.is_any.any()
    assert copies.is_doubtful.sum() >= 15
    assert _find(learnt, learnt).is_same.all()


def test_many_equal_hashes_are_compared_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.audit.image_digests._MAX_PAIRS", 7)
    records = empty_records(20)
    records["digest"] = np.arange(40).reshape(20, 2) + 1
    records["hashes"], records["contrast"] = 5, 30
    other = records.copy()
    other["digest"] += 1000
    assert run_to_end(LearntImages.from_records(records).find_copies(other)).is_doubtful.all()
