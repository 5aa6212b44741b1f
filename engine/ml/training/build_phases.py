"""Build the phases of a run: the quick phase on cached features, and training on images."""

from collections.abc import Generator
from functools import partial

from engine.core.errors import EngineError
from engine.core.event_stream import map_events
from engine.core.events import Event
from engine.ml.models.build import set_trainable
from engine.ml.runtime import distributed
from engine.ml.runtime.ddp import wrap_ddp
from engine.ml.training.batch_source import ImageBatchSource
from engine.ml.training.feature_source import make_feature_source
from engine.ml.training.optim import make_run_optimizer
from engine.ml.training.phases import (
    FEATURE_FRACTION,
    FITTED_HEAD_LR_SCALE,
    QUICK_EPOCHS,
    QUICK_FRACTION,
    Phase,
)
from engine.ml.training.state import TrainState


def make_quick_phase(state: TrainState) -> Generator[Event, None, Phase]:
    """Compute features of all images and return the phase that trains the last block and the head on them."""
    setup, plan = state.setup, state.setup.plan
    if distributed.world_size() > 1:
        raise EngineError("Quick mode runs in one process only. Start it without torchrun, or choose mode full.")
    is_only_phase = plan.mode == "quick"
    budget = plan.budget_seconds
    max_seconds = None if budget is None else budget * FEATURE_FRACTION
    work = make_feature_source(setup, state.dataset, max_seconds)
    source = yield from map_events(work, state.warn_once)
    return Phase(
        kind="quick",
        source=source,
        make_optimizer=partial(make_run_optimizer, setup.model, setup.optimizer),
        num_epochs=plan.epochs - 1 if is_only_phase else QUICK_EPOCHS,  # the fitted head is the first epoch
        batch_size=plan.batch_size,
        warmup_epochs=plan.warmup_epochs,
        deadline=None if budget is None else state.started + budget * (1.0 if is_only_phase else QUICK_FRACTION),
    )


def make_image_phase(state: TrainState) -> Phase:
    """Return the phase that trains on images: all layers, or only the head in mode "head"."""
    setup, plan = state.setup, state.setup.plan
    set_trainable(setup.model, head_only=plan.mode == "head")
    if plan.batch_size < 2 * distributed.world_size():
        raise EngineError("Each process needs at least two images of a batch. Choose a larger batch size.")
    network = wrap_ddp(setup.model)
    lr_scale = FITTED_HEAD_LR_SCALE if plan.fits_head else 1.0
    budget = plan.budget_seconds
    return Phase(
        kind="head" if plan.mode == "head" else "full",
        source=ImageBatchSource(setup, state.dataset, network),
        make_optimizer=partial(make_run_optimizer, setup.model, setup.optimizer, lr_scale),
        freezes_norms=plan.fits_head,
        num_epochs=plan.epochs if budget is None else None,
        batch_size=plan.batch_size,
        warmup_epochs=plan.warmup_epochs,
        first_epoch=state.epoch + 1,
        deadline=None if budget is None else state.started + budget,
    )
