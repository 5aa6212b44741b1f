"""Tests of MixUp and CutMix, compared with torchvision."""

import pytest
import torch
from torchvision.transforms import v2

from engine.ml.loading.mixup import box_around, cutmix, mix_batch, mixup

SEEDS = range(20)


def batch(num_images=6, height=20, width=28, num_classes=4):
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(num_images, 3, height, width, generator=generator)
    targets = torch.nn.functional.one_hot(torch.arange(num_images) % num_classes, num_classes).float()
    return images, targets


def run_torchvision(transform, images, targets, seed):
    torch.manual_seed(seed)
    return transform(images, targets)


def torchvision_lam(transform, seed):
    """Return the first number that torchvision draws with this seed, lam."""
    torch.manual_seed(seed)
    return float(transform._dist.sample(()))


@pytest.mark.parametrize("seed", SEEDS)
def test_mixup_equals_that_of_torchvision_with_the_same_lam(seed):
    images, targets = batch()
    transform = v2.MixUp(alpha=0.7, num_classes=4)
    expected = run_torchvision(transform, images, targets, seed)
    torch.testing.assert_close(mixup(images, targets, torchvision_lam(transform, seed)), expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_cutmix_equals_that_of_torchvision_with_the_same_lam_and_centre(seed):
    images, targets = batch()
    transform = v2.CutMix(alpha=1.0, num_classes=4)
    expected = run_torchvision(transform, images, targets, seed)
    lam = torchvision_lam(transform, seed)
    centre = (int(torch.randint(28, (1,))), int(torch.randint(20, (1,))))
    torch.testing.assert_close(cutmix(images, targets, lam, centre), expected)


def test_a_box_at_the_border_is_clipped_and_targets_are_weighted_by_the_remaining_area():
    images, targets = torch.zeros(2, 1, 10, 10), torch.eye(2)
    images[1] = 1
    mixed, mixed_targets = cutmix(images, targets, lam=0.36, centre=(0, 0))  # sides of 8, a quarter of it inside
    assert box_around((0, 0), 10, 10, 0.36) == (0, 0, 4, 4)
    assert mixed[0].sum() == 16
    torch.testing.assert_close(mixed_targets, torch.tensor([[0.84, 0.16], [0.16, 0.84]]))


def test_the_fraction_of_pixels_is_the_weight_of_the_target():
    images, targets = torch.zeros(2, 1, 31, 17), torch.eye(2)
    images[1] = 1
    for seed in range(50):
        mixed, mixed_targets = mix_batch(images, targets, 0.0, 1.0, 1.0, torch.Generator().manual_seed(seed))
        torch.testing.assert_close(mixed.mean((1, 2, 3)), mixed_targets[:, 1])


def test_targets_still_sum_to_one_and_the_input_is_not_modified():
    images, targets = batch()
    before = images.clone(), targets.clone()
    for alphas in ((0.4, 0.0), (0.0, 1.0), (0.4, 1.0)):
        mixed, mixed_targets = mix_batch(images, targets, *alphas, 0.5, torch.Generator().manual_seed(3))
        assert mixed.shape == images.shape
        torch.testing.assert_close(mixed_targets.sum(1), torch.ones(6))
    assert torch.equal(before[0], images)
    assert torch.equal(before[1], targets)


def test_without_alphas_nothing_is_mixed():
    images, targets = batch()
    mixed, mixed_targets = mix_batch(images, targets, 0.0, 0.0, 0.5, torch.Generator())
    assert mixed is images
    assert mixed_targets is targets


def test_all_randomness_comes_from_the_generator():
    images, targets = batch()

    def mixed(seed):
        return mix_batch(images, targets, 0.4, 1.0, 0.5, torch.Generator().manual_seed(seed))[0]

    torch.manual_seed(0)
    first = mixed(5)
    torch.manual_seed(1)
    assert torch.equal(first, mixed(5))
    assert not torch.equal(first, mixed(6))


def test_the_cutmix_probability_decides_between_mixup_and_cutmix():
    images, targets = batch()

    def is_cutmix(seed, probability):
        mixed, _ = mix_batch(images, targets, 1.0, 1.0, probability, torch.Generator().manual_seed(seed))
        return bool(((mixed == images) | (mixed == images.roll(1, 0))).all())

    assert not any(is_cutmix(seed, 0.0) for seed in range(30))
    assert all(is_cutmix(seed, 1.0) for seed in range(30))
    assert 5 < sum(is_cutmix(seed, 0.5) for seed in range(30)) < 25


@pytest.mark.parametrize("alpha", [0.1, 0.4, 1.0, 5.0])
def test_lam_follows_the_beta_distribution(alpha):
    images, targets = torch.zeros(2, 1, 1, 1), torch.eye(2)
    generator = torch.Generator().manual_seed(0)
    lams = torch.stack([mix_batch(images, targets, alpha, 0.0, 0.5, generator)[1][0, 0] for _ in range(4000)])
    assert lams.mean().item() == pytest.approx(0.5, abs=0.03)
    assert lams.var().item() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.08)


def test_the_memory_format_of_the_batch_is_kept():
    images, targets = batch()
    images = images.contiguous(memory_format=torch.channels_last)
    for alphas in ((0.4, 0.0), (0.0, 1.0)):
        mixed, _ = mix_batch(images, targets, *alphas, 0.5, torch.Generator().manual_seed(3))
        assert mixed.is_contiguous(memory_format=torch.channels_last)
