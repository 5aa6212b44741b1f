"""Tests of layer records and convolution output sizes."""

import itertools

import pytest
import torch
from torch import nn

from engine.results.model_summary import Layer, conv_output_size


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "expected"),
    [(224, 7, 2, 3, 112), (112, 3, 2, 1, 56), (224, 11, 4, 2, 55), (224, 16, 16, 0, 14), (32, 3, 1, 1, 32)],
)
def test_output_sizes_of_common_first_layers(size, kernel, stride, padding, expected):
    assert conv_output_size(size, kernel, stride, padding) == (size + 2 * padding - kernel) // stride + 1 == expected


def test_the_formula_matches_torch_convolutions():
    for size, kernel, stride, padding, dilation in itertools.product((9, 16), (1, 2, 3), (1, 2, 3), (0, 1), (1, 2)):
        convolution = nn.Conv2d(1, 1, kernel, stride, padding, dilation, device="meta")
        shape = convolution(torch.empty(1, 1, size, size, device="meta")).shape
        assert conv_output_size(size, kernel, stride, padding, dilation) == shape[-1]


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_the_formula_matches_torch_pooling(ceil_mode):
    for size, kernel, stride, padding in itertools.product(range(5, 18), (2, 3), (1, 2, 3), (0, 1)):
        pool = nn.MaxPool2d(kernel, stride, padding, ceil_mode=ceil_mode)
        shape = pool(torch.empty(1, 1, size, size, device="meta")).shape
        assert conv_output_size(size, kernel, stride, padding, ceil_mode=ceil_mode) == shape[-1]


def test_a_layer_is_converted_to_a_dictionary():
    layer = Layer("stem.0", "Conv2d", (32, 48, 48), 864, 1990656)
    assert layer.as_dict() == {
        "name": "stem.0",
        "kind": "Conv2d",
        "output": (32, 48, 48),
        "num_parameters": 864,
        "multiply_adds": 1990656,
    }
