"""Hypothesis strategies and assertions that several property tests share."""

from typing import Any

from hypothesis import strategies as st

from engine.config.settings import RunConfig
from engine.core.errors import EngineError
from engine.core.events import Best, EpochDone, Progress, RunDone, RunStarted, TrainScores, ValScores, Warned

# Without surrogates: `path_to_text` never returns them, and they cannot be written as UTF-8
texts = st.text(st.characters(exclude_categories=["Cs"]))
names = texts.filter(lambda name: 0 < len(name) <= 255 and not {"/", "\0"} & set(name) and name not in (".", ".."))
counts = st.integers(0, 2**53)
floats = st.floats(allow_nan=False, allow_infinity=False)
shares = st.floats(0, 1)
seconds = st.floats(0, 1e12)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda values: st.lists(values, max_size=4) | st.dictionaries(texts, values, max_size=4),
    max_leaves=20,
)


def check_sentence(error: EngineError, start: str = "") -> None:
    """Assert that the message of an error is one short sentence that begins with `start`."""
    assert error.message.startswith(start)
    assert len(error.message) < 600
    assert error.message.endswith(".")


def _limits(field: Any) -> tuple[float, float]:
    limits = {
        name: getattr(rule, name) for rule in field.metadata for name in ("ge", "gt", "le", "lt") if hasattr(rule, name)
    }
    low, high = limits.get("ge", limits.get("gt")), limits.get("le", limits.get("lt"))
    inset = (high - low) / 1000
    return low + inset * ("gt" in limits), high - inset * ("lt" in limits)


def _values(field: Any) -> st.SearchStrategy[Any]:
    kind = field.annotation
    if kind is bool:
        return st.booleans()
    if kind is float:
        return st.floats(*_limits(field))
    if kind in (int, int | None):
        low, high = _limits(field)
        return st.integers(int(low), int(high)) | (st.nothing() if kind is int else st.none())
    if kind == tuple[str, ...]:
        return st.lists(st.sampled_from(["se_resnet", "resnet18"]), max_size=3).map(tuple)
    if kind is str:
        return st.sampled_from(["", "5m", "90s"]) if field.metadata else texts
    return st.sampled_from(kind.__args__)


@st.composite
def configs(draw: st.DrawFn) -> RunConfig:
    """Return valid settings with random values in all fields."""
    document = {
        section: {name: draw(_values(field)) for name, field in info.annotation.model_fields.items()}
        for section, info in RunConfig.model_fields.items()
        if info.annotation is not None
    }
    return RunConfig.model_validate(document)


scores = st.builds(ValScores, loss=floats, accuracy=floats)
bests = st.builds(Best, epoch=counts, accuracy=floats, loss=floats)
events = st.one_of(
    st.builds(
        RunStarted,
        run=texts,
        classes=st.lists(texts).map(tuple),
        num_train=counts,
        num_val=counts,
        device=texts,
        precision=texts,
        precision_reason=texts,
        parameters=counts,
        trainable=counts,
        epochs=counts,
    ),
    st.builds(
        Progress, stage=st.just("train"), done=counts, total=counts, epoch=st.none() | counts, loss=st.none() | floats
    ),
    st.builds(
        EpochDone,
        epoch=counts,
        epochs=counts,
        train=st.builds(TrainScores, loss=floats, accuracy=floats, plain_accuracy=floats),
        val=scores,
        lr=floats,
        seconds=seconds,
        best=st.booleans(),
    ),
    st.builds(Warned, message=texts, path=st.none() | texts),
    st.builds(RunDone, model=texts, seconds=seconds, stopped=st.booleans(), best=st.none() | bests),
)
