"""Tests of heat maps: valid for every backbone family, dependent on the weights, and located on the object."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from scipy.ndimage import binary_dilation
from scipy.stats import spearmanr
from torch import nn

from engine import jobs
from engine.config.backbones import BACKBONES
from engine.config.presets import demo_config
from engine.core.event_stream import run_to_end
from engine.data import sample_dataset as painting
from engine.data.dataset import scan
from engine.ml.evaluation.gradcam import SE_RESNET_MIN_SIDE, compute_cam, find_target_layer
from engine.ml.models.build import Classifier, build_model
from engine.ml.models.model_file import load_model
from engine.ml.models.preprocessing import Preprocessing, normalise, preprocess
from tests.engine.ml.networks import SMALL, min_image_side, shared_file

LARGE = {"maxvit_t", "wide_resnet50_2", "inception_v3", "vgg11", "resnext50_32x4d"}
QUICK = [name for name in SMALL if name not in LARGE]
MAX_CORRELATION = 0.5
"""Largest rank correlation of the heat maps of trained and random weights (sanity check, Adebayo et al., 2018)."""


def _model(name: str, side: int, num_classes: int = 4) -> Classifier:
    torch.manual_seed(0)
    return build_model(name, num_classes, side, 0.0).eval()


def _assert_is_heat_map(heat: torch.Tensor, side: int) -> None:
    assert heat.shape == (side, side)
    assert heat.dtype == torch.float32
    assert torch.isfinite(heat).all()
    assert heat.min() >= 0
    assert heat.max() == pytest.approx(1)
    assert heat.std() > 0.01


@pytest.mark.parametrize("name", QUICK)
def test_every_family_has_a_heat_map_at_its_smallest_size(name: str) -> None:
    side = min_image_side(name)
    model = _model(name, side)
    batch = torch.randn(1, 3, side, side)
    cam = compute_cam(model, find_target_layer(model, batch), batch)
    _assert_is_heat_map(cam.heat, side)
    assert cam.label == int(cam.logits.argmax())


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_every_family_has_a_heat_map_at_its_default_size(name: str) -> None:
    side = BACKBONES[name].image_size
    model = _model(name, side)
    batch = torch.randn(1, 3, side, side)
    cam = compute_cam(model, find_target_layer(model, batch), batch, label=1)
    _assert_is_heat_map(cam.heat, side)
    assert cam.label == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_has_a_heat_map_at_its_smallest_size(name: str) -> None:
    side = min_image_side(name)
    model = _model(name, side)
    batch = torch.randn(1, 3, side, side)
    _assert_is_heat_map(compute_cam(model, find_target_layer(model, batch), batch).heat, side)


def test_logits_and_embedding_are_those_of_a_plain_forward_pass() -> None:
    for name, side in (("vit_b_32", 64), ("resnet18", 64)):
        model = _model(name, side)
        batch = torch.randn(1, 3, side, side)
        cam = compute_cam(model, find_target_layer(model, batch), batch)
        with torch.inference_mode():
            torch.testing.assert_close(cam.logits, model(batch)[0], atol=1e-4, rtol=1e-4)
            torch.testing.assert_close(cam.embedding, model.embed(batch)[0], atol=1e-4, rtol=1e-4)


def test_before_global_pooling_the_heat_map_equals_grad_cam() -> None:
    model = _model("se_resnet", 16 * SE_RESNET_MIN_SIDE)
    batch = torch.randn(1, 3, 16 * SE_RESNET_MIN_SIDE, 16 * SE_RESNET_MIN_SIDE)
    layer = find_target_layer(model, batch)
    assert layer.module is model.backbone.stages
    cam = compute_cam(model, layer, batch, label=2)
    weights = model.head.weight[2] - model.head.weight.mean(0)  # gradient of a pooled channel times H * W
    with torch.no_grad():
        activation = model.backbone.stages(model.backbone.stem(batch))[0]
        heat = torch.einsum("c,chw->hw", weights, activation)[None, None]
        heat = nn.functional.interpolate(heat, batch.shape[2:], mode="bilinear", align_corners=False)[0, 0].clamp_min(0)
    torch.testing.assert_close(cam.heat, heat / heat.max(), atol=1e-4, rtol=1e-4)


def test_a_network_that_uses_only_the_left_half_has_heat_only_there() -> None:
    class LeftOnly(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU())

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.features(x)[..., :16].mean((2, 3))

    model = _model("se_resnet", 32)
    model.backbone = LeftOnly()
    model.head = nn.Linear(8, 3)
    batch = torch.randn(1, 3, 32, 32)
    heat = compute_cam(model.eval(), find_target_layer(model, batch), batch).heat
    assert heat[:, 16:].max() == 0
    assert heat[:, :16].max() == 1


def test_a_frozen_network_has_a_heat_map_inside_no_grad_and_keeps_no_hooks() -> None:
    model = _model("se_resnet", 64).requires_grad_(False)
    batch = torch.randn(1, 3, 64, 64)
    layer = find_target_layer(model, batch)
    with torch.no_grad():
        first, second = compute_cam(model, layer, batch), compute_cam(model, layer, batch)
    assert torch.equal(first.heat, second.heat)
    assert all(not module._forward_hooks for module in model.modules())


def test_random_weights_give_a_different_heat_map() -> None:
    weights = shared_file("weights", "mobilenet_v2.pth")
    photos = sorted((weights.parents[1] / "data" / "hymenoptera" / "val").rglob("*.jpg"))[::40]
    trained = _model("mobilenet_v2", 128, num_classes=1000)
    state = torch.load(weights, map_location="cpu", weights_only=True)
    names = {"classifier.1.weight": "head.weight", "classifier.1.bias": "head.bias"}
    trained.load_state_dict({names.get(key, f"backbone.{key}"): value for key, value in state.items()})
    random = _model("mobilenet_v2", 128, num_classes=1000)
    preprocessing = Preprocessing(128, "crop", BACKBONES["mobilenet_v2"].mean, BACKBONES["mobilenet_v2"].std)
    correlations = []
    for photo in photos:
        batch = normalise(preprocess(np.asarray(Image.open(photo).convert("RGB")), preprocessing)[None], preprocessing)
        one = compute_cam(trained, find_target_layer(trained, batch), batch)
        other = compute_cam(random, find_target_layer(random, batch), batch, one.label)
        correlations.append(spearmanr(one.heat.flatten(), other.heat.flatten()).statistic)
    assert len(correlations) >= 3
    assert abs(float(np.mean(correlations))) < MAX_CORRELATION


def _mask(name: str, seed: list[int], preprocessing: Preprocessing) -> np.ndarray:
    """Return the mask of the object, drawn by the painter with the random numbers of the image."""
    generator = np.random.default_rng(seed)
    _, front = painting._two_colours(generator)
    side = painting._CANVAS
    painting._scribble(ImageDraw.Draw(Image.new("RGB", (side, side))), generator, front)
    canvas = Image.new("RGB", (side, side))
    painting.PAINTERS[name](ImageDraw.Draw(canvas), generator, (255, 255, 255))
    pixels = np.asarray(canvas.resize((painting.SIDE, painting.SIDE), Image.Resampling.BOX))
    return preprocess(pixels, preprocessing)[0].numpy() > 127


@pytest.mark.slow
def test_the_heat_of_the_sample_dataset_is_on_the_object(tmp_path: Path) -> None:
    root = run_to_end(painting.write_sample_dataset(tmp_path / "sample"))
    config = demo_config().changed("training", device="cpu", precision="float32", epochs=12)
    run = run_to_end(jobs.train(scan(root), config, tmp_path / "run"))
    model, metadata = load_model(run.model_path)
    preprocessing = Preprocessing.from_metadata(metadata)
    shares = []
    for name in ("ring", "star", "triangle"):
        class_number = list(painting.PAINTERS).index(name)
        for number in range(painting.NUM_PER_CLASS["val"]):
            seed = [0, 1, class_number, number]
            image = painting.draw_sample(painting.PAINTERS[name], np.random.default_rng(seed))
            mask = binary_dilation(_mask(name, seed, preprocessing), iterations=3)
            batch = normalise(preprocess(np.asarray(image), preprocessing)[None], preprocessing)
            heat = compute_cam(model, find_target_layer(model, batch), batch, metadata.classes.index(name)).heat.numpy()
            shares.append((heat[mask].sum() / heat.sum(), mask.mean()))
    on_object, area = np.mean(shares, axis=0)
    assert on_object > 1.5 * area


def test_two_threads_may_explain_with_one_network_at_once() -> None:
    model = _model("se_resnet", 32)
    model.requires_grad_(False)
    batches = [torch.randn(1, 3, 32, 32) for _ in range(2)]
    layer = find_target_layer(model, batches[0])
    alone = [compute_cam(model, layer, batch, label) for label, batch in enumerate(batches)]
    both_have_hooks = threading.Barrier(2, timeout=30)

    def wait_for_the_other(*_: object) -> None:
        both_have_hooks.wait()

    next(module for module in model.modules() if isinstance(module, nn.Conv2d)).register_forward_hook(
        wait_for_the_other
    )
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda label: compute_cam(model, layer, batches[label], label), range(2)))
    for one, other in zip(alone, together):
        assert torch.equal(one.heat, other.heat)
        assert torch.equal(one.logits, other.logits)
