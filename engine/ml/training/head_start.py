"""Fit the head of a pretrained network before all layers are trained, so that training starts from a good classifier.

The gradients of a random head would distort the pretrained features (Kumar et al. 2022, "Fine-Tuning can Distort
Pretrained Features and Underperform Out-of-Distribution").
"""

from collections.abc import Generator

import torch

from engine.core.event_stream import map_events
from engine.core.events import Event
from engine.ml.evaluation.stratified_subset import stratified_subset
from engine.ml.loading.feature_cache import compute_features
from engine.ml.runtime import distributed
from engine.ml.training.head_fit import replace_head
from engine.ml.training.state import TrainState

_MAX_IMAGES = 50_000
"""Largest number of images whose embeddings are held in memory; more would not change the head much."""


def start_with_fitted_head(state: TrainState) -> Generator[Event, None, None]:
    """Replace the head by a linear discriminant analysis of the embeddings of training images; counts as no epoch.

    Each process computes its share of the embeddings, and all of them fit the same head.
    """
    setup, dataset = state.setup, state.dataset
    setup.model.eval()
    work = compute_features(
        dataset.root,
        distributed.shard(stratified_subset(dataset.of_split("train"), _MAX_IMAGES)),
        setup.model.backbone,
        setup.preprocessing,
        setup.device,
        setup.inference_dtype,
    )
    features = yield from map_events(work, state.warn_once)
    own = (features.rows.float(), features.labels) if features.samples else None
    shares = [share for share in distributed.all_gather(own) if share is not None]
    if shares:  # the first epoch raises the error if no image can be read
        labels = torch.cat([share[1] for share in shares])
        replace_head(state, torch.cat([share[0] for share in shares]), labels, torch.arange(len(labels)))
