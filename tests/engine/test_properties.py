"""What holds whatever the input is: settings, events, splits, schedules, tables, cards, journals, figures."""

import contextlib
import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.cli import training
from engine.cli.main import main
from engine.config.schedule import planned_multipliers, rate_multiplier
from engine.config.settings import RunConfig, read_config
from engine.core.errors import EngineError
from engine.core.events import (
    Best,
    EpochDone,
    Progress,
    RunDone,
    RunStarted,
    Scores,
    TrainScores,
    Warned,
    from_line,
    to_line,
)
from engine.data.dataset import Dataset, Sample
from engine.data.label_overrides import append_decision, label_log_path, read_decisions
from engine.data.splits import split
from engine.ml.training.early_stopping import EarlyStopping
from engine.results.calibration import Calibration, CoveragePoint
from engine.results.evaluation import ImageResult, images_to_csv
from engine.results.model_metadata import METADATA_KEY, ModelMetadata, read_metadata
from engine.results.predictions import Prediction, to_csv
from engine.results.statistics import wilson_interval
from engine.runs.history import History

# Halves of characters, which no file name is after `as_text`, cannot be written as UTF-8
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
FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def _check_sentence(error: EngineError, start: str = "") -> None:
    assert error.message.startswith(start)
    assert len(error.message) < 600
    assert error.message.endswith(".")


# Settings


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
    if kind is str:
        return st.sampled_from(["", "5m", "90s"]) if field.metadata else texts
    return st.sampled_from(kind.__args__)


@st.composite
def configs(draw: st.DrawFn) -> RunConfig:
    document = {
        section: {name: draw(_values(field)) for name, field in info.annotation.model_fields.items()}
        for section, info in RunConfig.model_fields.items()
        if info.annotation is not None
    }
    return RunConfig.model_validate(document)


@given(configs())
@settings(max_examples=40)
def test_settings_come_back_from_their_file_as_they_were(tmp_path_factory: Any, config: RunConfig) -> None:
    path = tmp_path_factory.getbasetemp() / "config.json"
    path.write_text(config.model_dump_json(indent=2), encoding="utf-8")
    assert read_config(path) == config


@given(
    st.dictionaries(st.sampled_from([*RunConfig.model_fields, "other"]) | texts, json_values, max_size=4) | json_values
)
@settings(max_examples=100)
def test_any_json_is_settings_or_one_plain_sentence(tmp_path_factory: Any, document: object) -> None:
    path = tmp_path_factory.getbasetemp() / "other.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    try:
        read_config(path)
    except EngineError as error:
        _check_sentence(error, "The settings file is not valid: ")


@given(configs(), st.data())
@settings(max_examples=30)
def test_one_value_out_of_its_limits_is_a_sentence_that_names_it(config: RunConfig, data: st.DataObject) -> None:
    section = data.draw(st.sampled_from([*RunConfig.model_fields]))
    fields = type(getattr(config, section)).model_fields
    name = data.draw(st.sampled_from([name for name, field in fields.items() if field.annotation in (int, float)]))
    with pytest.raises(ValidationError, match=rf"{section}.{name}"):
        config.changed(section, **{name: data.draw(st.sampled_from([-1, 10**10, float("nan"), "x", None]))})


@given(configs())
@settings(max_examples=8)
def test_flags_of_the_command_line_become_the_settings_they_name(config: RunConfig) -> None:
    sections = {name: getattr(config, name).model_dump() for name in RunConfig.model_fields}
    flags = [
        (f"--{section}.{name.replace('_', '-')}", value)
        for section, values in sections.items()
        for name, value in values.items()
        if not isinstance(value, bool | str | None) or name in ("geometry", "mode")
    ]
    taken: list[RunConfig] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "_train", lambda _console, _data, settings, _out, _on_event: taken.append(settings))
        patch.setattr(training, "is_rank_zero", lambda: False)
        assert main(["train", "data", "--out", "run", *(str(word) for flag in flags for word in flag)]) == 0
    for flag, value in flags:
        section, _, name = flag.removeprefix("--").partition(".")
        assert getattr(getattr(taken[0], section), name.replace("-", "_")) == value


# Events

scores = st.builds(Scores, loss=floats, accuracy=floats)
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


@given(events)
def test_an_event_is_one_line_and_comes_back_from_it(event: Any) -> None:
    line = to_line(event)
    assert "\n" not in line
    assert from_line(line) == event


@given(texts | json_values.map(json.dumps))
def test_any_other_line_is_no_event_and_nothing_worse(line: str) -> None:
    with contextlib.suppress(ValidationError):
        from_line(line)


@given(st.lists(events, max_size=20))
def test_a_history_takes_any_events_in_any_order(told: list[Any]) -> None:
    history = History.from_events(told)
    numbers = [epoch.epoch for epoch in history.epochs]
    assert numbers == sorted(set(numbers))
    assert history.interval.low >= 0
    assert history.interval.high <= 1


# Splits


@st.composite
def datasets(draw: st.DrawFn) -> tuple[Dataset, list[list[str]]]:
    sizes = draw(st.lists(st.integers(1, 25), min_size=1, max_size=5))
    paths = [(f"c{label}/{number}.jpg", label) for label, size in enumerate(sizes) for number in range(size)]
    samples = tuple(Sample(path, label) for path, label in paths)
    all_paths = st.sampled_from([path for path, _ in paths])
    groups = draw(st.lists(st.lists(all_paths, min_size=1, max_size=6, unique=True), max_size=6))
    for label, size in enumerate(sizes):  # and bursts that leave no image of a class alone
        block = draw(st.integers(1, 25))
        own = [path for path, of_class in paths if of_class == label]
        groups += [own[start : start + block] for start in range(0, size, block)] if block > 1 else []
    return Dataset(Path("/data"), tuple(f"c{label}" for label in range(len(sizes))), samples), groups


def _units(dataset: Dataset, groups: list[list[str]]) -> list[set[str]]:
    """Return what stays together: groups that share an image are one."""
    units: list[set[str]] = []
    for group in [*map(set, groups), *({sample.path} for sample in dataset.samples)]:
        tied = [unit for unit in units if unit & group]
        units = [unit for unit in units if unit not in tied] + [group.union(*tied)]
    return units


@given(datasets(), st.floats(0.01, 0.99), st.integers(0, 2**32 - 1))
def test_a_split_is_a_partition_drawn_alike_each_time(
    drawn: tuple[Dataset, list[list[str]]], share: float, seed: int
) -> None:
    dataset, groups = drawn
    done = split(dataset, share, seed, groups)
    assert [(sample.path, sample.label) for sample in done.samples] == [(s.path, s.label) for s in dataset.samples]
    assert {sample.split for sample in done.samples} <= {"train", "val"}
    assert done == split(dataset, share, seed, groups)
    of_path = {sample.path: sample.split for sample in done.samples}
    assert all(len({of_path[path] for path in group}) == 1 for group in groups)
    assert all(number >= 1 for number in done.counts("train"))
    vals = done.counts("val")
    units = _units(dataset, groups)
    for label, total in enumerate(dataset.counts()):
        wanted = min(max(1, round(total * share)), total - 1)
        own = [len(unit) for unit in units if {path.split("/")[0] for path in unit} == {f"c{label}"}]
        smallest = min((size for size in own if size < total), default=0)
        # One image at the least, unless all that could be taken is tied to another class, or is all of this one
        assert min(1, smallest) <= vals[label] <= max(wanted, smallest)


@given(datasets(), st.floats(0.01, 0.99), st.integers(0, 2**32 - 1))
def test_without_groups_each_class_gives_its_share_and_one_at_the_least(
    drawn: tuple[Dataset, list[list[str]]], share: float, seed: int
) -> None:
    dataset, _ = drawn
    done = split(dataset, share, seed)
    for total, val in zip(dataset.counts(), done.counts("val")):
        assert val == min(max(1, round(total * share)), total - 1)


# Schedules


@given(st.integers(1, 3000), st.integers(0, 3000))
@settings(max_examples=60)
def test_the_rate_climbs_then_falls_to_nearly_nothing(total: int, warmup: int) -> None:
    assume(warmup < total)
    rates = [rate_multiplier(step, total, warmup) for step in range(total)]
    assert all(0 < rate <= 1 for rate in rates)
    up, down = rates[:warmup], rates[warmup:]
    assert up == sorted(up)
    assert down == sorted(down, reverse=True)
    assert down[0] == 1
    assert len(down) < 20 or down[-1] < 0.01


@given(st.integers(1, 200), st.floats(0, 1000))
@settings(max_examples=40)
def test_a_planned_schedule_stays_between_nothing_and_all(epochs: int, warmup_epochs: float) -> None:
    planned = planned_multipliers(epochs, warmup_epochs)
    assert len(planned) == 20 * epochs
    assert all(0 <= rate <= 1 for rate in planned)


# Tables


def _recovered(cell: str) -> str:
    return cell.removeprefix("'")


cells = texts | st.builds(lambda start, rest: start + rest, st.sampled_from([*FORMULAS, '"', ",", "\n", "\r\n"]), texts)


@given(cells, cells, cells.filter(bool))
def test_no_cell_of_answers_is_a_formula_and_each_can_be_read_back(path: str, label: str, error: str) -> None:
    rows = list(
        csv.reader(io.StringIO(to_csv([Prediction(path, ((label, 0.5),)), Prediction(path, error=error)]), newline=""))
    )
    assert not any(cell.startswith(FORMULAS) for row in rows for cell in row)
    assert [len(row) for row in rows] == [7, 7, 7]
    assert _recovered(rows[1][0]) == path
    assert _recovered(rows[1][2]) == label
    assert _recovered(rows[2][6]) == error


@given(cells, cells, cells)
def test_no_cell_of_judged_images_is_a_formula_and_each_can_be_read_back(path: str, label: str, said: str) -> None:
    image = ImageResult(path=path, label=label, predicted=said, confidence=0.25)
    rows = list(csv.reader(io.StringIO(images_to_csv([image]), newline="")))
    assert not any(cell.startswith(FORMULAS) for row in rows for cell in row)
    assert len(rows) == 2
    for cell, original in zip(rows[1], (path, label, said)):
        assert _recovered(cell) == original


# Cards


@st.composite
def cards(draw: st.DrawFn) -> ModelMetadata:
    points = st.builds(CoveragePoint, threshold=shares, num_answered=counts, num_wrong=counts)
    calibration = st.builds(
        Calibration,
        temperature=st.floats(0.05, 20),
        error_before=shares,
        error_after=shares,
        num_images=counts,
        coverage=st.lists(points, max_size=5).map(tuple),
        ood_threshold=st.none() | st.floats(-1, 1),
    )
    return ModelMetadata(
        program=draw(texts),
        classes=tuple(draw(st.lists(names, min_size=1, max_size=6, unique=True))),
        backbone="squeezenet1_1",
        image_size=draw(st.integers(32, 1024)),
        geometry=draw(st.sampled_from(["crop", "squash", "pad"])),
        mean=draw(st.tuples(shares, shares, shares)),
        std=draw(st.tuples(*[st.floats(0.01, 1)] * 3)),
        config=draw(configs()),
        calibration=draw(st.none() | calibration),
        best=draw(st.none() | bests),
        created=draw(texts),
    )


def _write_card(path: Any, text: str) -> None:
    header = json.dumps({"__metadata__": {METADATA_KEY: text}}).encode("utf-8", "surrogatepass")
    path.write_bytes(len(header).to_bytes(8, "little") + header)


@given(cards())
@settings(max_examples=40)
def test_a_card_comes_back_from_its_file_as_it_was(tmp_path_factory: Any, card: ModelMetadata) -> None:
    path = tmp_path_factory.getbasetemp() / "card.safetensors"
    _write_card(path, card.model_dump_json())
    assert read_metadata(path) == card


@given(cards(), st.sampled_from([*ModelMetadata.model_fields]), json_values, st.integers(0, 10**6))
@settings(max_examples=60)
def test_an_altered_card_is_read_or_is_a_sentence(
    tmp_path_factory: Any, card: ModelMetadata, name: str, value: object, cut: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "altered.safetensors"
    text = json.dumps(card.model_dump(mode="json") | {name: value})
    for altered in (text, text[: cut % len(text)]):
        _write_card(path, altered)
        try:
            read_metadata(path)
        except EngineError as error:
            _check_sentence(error)


# The journal of corrections

decisions = st.lists(
    st.tuples(st.sampled_from(["a/1.jpg", "b/2.jpg", "ü/3.jpg"]), st.sampled_from(["exclude", "keep"])), max_size=6
)


@given(decisions, st.integers(0, 10**6))
@settings(max_examples=30)
def test_a_journal_cut_at_any_byte_holds_the_first_of_its_decisions(
    tmp_path_factory: Any, made: list[tuple[str, Any]], cut: int
) -> None:
    root = tmp_path_factory.mktemp("journal")
    standing = [read_decisions(root)]
    for path, action in made:
        append_decision(root, path, action)
        standing.append(read_decisions(root))
    whole = label_log_path(root).read_bytes() if made else b""
    label_log_path(root).write_bytes(whole[: cut % (len(whole) + 1)])
    assert read_decisions(root) in standing
    append_decision(root, "c/4.jpg", "keep")
    assert "c/4.jpg" in read_decisions(root)


# Stopping and figures


@given(st.lists(scores, max_size=30), st.integers(0, 5))
def test_the_best_epoch_is_the_best_and_patience_counts_since_it(told: list[Scores], patience: int) -> None:
    stopping = EarlyStopping(patience=patience)
    for epoch, val in enumerate(told, start=1):
        stopping.update(epoch, val)
    if told:
        best = max(told, key=lambda val: (val.accuracy, -val.loss))
        assert stopping.best is not None
        assert (stopping.best.accuracy, stopping.best.loss) == (best.accuracy, best.loss)
        assert stopping.num_since_best == len(told) - stopping.best.epoch
        assert stopping.best.epoch == told.index(best) + 1
    assert stopping.should_stop == (0 < patience <= stopping.num_since_best)
    assert EarlyStopping.model_validate_json(stopping.model_dump_json()) == stopping


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_the_interval_of_a_share_holds_it_and_lies_within_all_there_is(right: int, total: int) -> None:
    assume(right <= total)
    low, high = wilson_interval(right, total)
    assert 0 <= low <= right / total + 1e-12
    assert right / total - 1e-12 <= high <= 1
