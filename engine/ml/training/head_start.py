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
from engine.ml.training.feature_source import MAX_FITTED_EMBEDDINGS, other_view, stack_views
from engine.ml.training.head_fit import replace_head
from engine.ml.training.state import TrainState


def start_with_fitted_head(state: TrainState) -> Generator[Event, None, None]:
    """Replace the head by a linear discriminant analysis of the embeddings of training images; counts as no epoch.

    Each process computes its share of the embeddings, and all of them fit the same head.
    """
    setup, train = state.setup, state.dataset.of_split("train")
    preprocessings = [setup.preprocessing]
    if 2 * len(train) <= MAX_FITTED_EMBEDDINGS:
        preprocessings.append(other_view(setup.preprocessing))
    samples = distributed.shard(stratified_subset(train, MAX_FITTED_EMBEDDINGS))
    setup.model.eval()
    views = []
    for preprocessing in preprocessings:
        work = compute_features(
            state.dataset.root,
            samples,
            setup.model.backbone,
            preprocessing,
            setup.device,
            setup.inference_dtype,
        )
        views.append((yield from map_events(work, state.warn_once)))
    features = stack_views(views)
    own = (features.rows.float(), features.labels) if features.samples else None
    shares = [share for share in distributed.all_gather(own) if share is not None]
    if shares:  # the first epoch raises the error if no image can be read
        rows, labels = (torch.cat(parts) for parts in zip(*shares, strict=True))
        numbers, num_views = torch.arange(len(labels)), rows.shape[1]
        embeddings = rows.flatten(0, 1)
        replace_head(state, embeddings, labels.repeat_interleave(num_views), numbers.repeat_interleave(num_views))
