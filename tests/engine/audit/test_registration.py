"""Tests of the registration of thumbnails."""

import numpy as np
from PIL import Image

from engine.audit.registration import aligned_similarity, similarity
from tests.images import draw_scene

Box = tuple[float, float, float, float]


def _thumbnails(*images: Image.Image) -> np.ndarray:
    small = [image.convert("L").resize((32, 32), Image.Resampling.BOX) for image in images]
    return np.stack([np.asarray(image, np.float32) for image in small])


def _crop(image: Image.Image, fractions: Box) -> Image.Image:
    width, height = image.size
    left, top, right, bottom = fractions
    edges = (left * width, top * height, (1 - right) * width, (1 - bottom) * height)
    return image.crop(tuple(map(round, edges)))  # type: ignore[arg-type]


def test_an_image_is_similar_to_itself_at_any_brightness() -> None:
    ours = _thumbnails(draw_scene(0), draw_scene(1))
    for compare in (similarity, aligned_similarity):
        correlation, detail = compare(ours, 0.5 * ours + 30)
        assert correlation.min() > 0.999
        assert detail.min() > 0.99


def test_an_off_centre_crop_is_similar_only_after_alignment() -> None:
    whole = draw_scene(3, (400, 300))
    ours, theirs = _thumbnails(whole), _thumbnails(_crop(whole, (0.06, 0.0, 0.01, 0.05)))
    before, after = similarity(ours, theirs), aligned_similarity(ours, theirs)
    assert before[1][0] < 0.72 <= after[1][0]
    assert after[0][0] > 0.94


def test_different_and_constant_images_are_not_similar() -> None:
    ours = _thumbnails(*(draw_scene(seed) for seed in range(20)))
    theirs = _thumbnails(*(draw_scene(seed) for seed in range(20, 40)))
    assert aligned_similarity(ours, theirs)[1].max() < 0.6
    plain = np.full((1, 32, 32), 128, np.float32)
    assert abs(aligned_similarity(plain, plain)[0][0]) < 0.1
