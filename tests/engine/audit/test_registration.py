"""Tests of laying thumbnails over one another."""

import numpy as np
from PIL import Image

from engine.audit.registration import aligned_similarity, similarity
from tests.pictures import draw_scene

Box = tuple[float, float, float, float]


def _thumbnails(*pictures: Image.Image) -> np.ndarray:
    small = [picture.convert("L").resize((32, 32), Image.Resampling.BOX) for picture in pictures]
    return np.stack([np.asarray(picture, np.float32) for picture in small])


def _cut(picture: Image.Image, shares: Box) -> Image.Image:
    width, height = picture.size
    left, top, right, bottom = shares
    edges = (left * width, top * height, (1 - right) * width, (1 - bottom) * height)
    return picture.crop(tuple(map(round, edges)))  # type: ignore[arg-type]


def test_a_picture_is_like_itself_however_its_brightness_is_scaled() -> None:
    ours = _thumbnails(draw_scene(0), draw_scene(1))
    for compare in (similarity, aligned_similarity):
        correlation, detail = compare(ours, 0.5 * ours + 30)
        assert correlation.min() > 0.999
        assert detail.min() > 0.99


def test_a_crop_off_centre_is_alike_only_once_it_is_aligned() -> None:
    whole = draw_scene(3, (400, 300))
    ours, theirs = _thumbnails(whole), _thumbnails(_cut(whole, (0.06, 0.0, 0.01, 0.05)))
    before, after = similarity(ours, theirs), aligned_similarity(ours, theirs)
    assert before[1][0] < 0.72 <= after[1][0]
    assert after[0][0] > 0.94


def test_other_pictures_stay_unlike_and_plain_ones_are_like_nothing() -> None:
    ours = _thumbnails(*(draw_scene(seed) for seed in range(20)))
    theirs = _thumbnails(*(draw_scene(seed) for seed in range(20, 40)))
    assert aligned_similarity(ours, theirs)[1].max() < 0.6
    plain = np.full((1, 32, 32), 128, np.float32)
    assert abs(aligned_similarity(plain, plain)[0][0]) < 0.1
