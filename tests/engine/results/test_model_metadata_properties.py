"""Property tests of model metadata in the header of a model file."""

import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.errors import EngineError
from engine.results.calibration import Calibration, CoveragePoint
from engine.results.model_metadata import METADATA_KEY, ModelMetadata, read_metadata
from tests.engine.strategies import bests, check_sentence, configs, counts, json_values, names, shares, texts


@st.composite
def metadata_records(draw: st.DrawFn) -> ModelMetadata:
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


def _write_header(path: Path, metadata: str) -> None:
    header = json.dumps({"__metadata__": {METADATA_KEY: metadata}}).encode("utf-8", "surrogatepass")
    path.write_bytes(len(header).to_bytes(8, "little") + header)


@given(metadata_records())
@settings(max_examples=40)
def test_metadata_are_unchanged_after_writing_and_reading(tmp_path_factory: Any, metadata: ModelMetadata) -> None:
    path = tmp_path_factory.getbasetemp() / "metadata.safetensors"
    _write_header(path, metadata.model_dump_json())
    assert read_metadata(path) == metadata


@given(metadata_records(), st.sampled_from([*ModelMetadata.model_fields]), json_values, st.integers(0, 10**6))
@settings(max_examples=60)
def test_altered_or_truncated_metadata_are_read_or_raise_one_sentence(
    tmp_path_factory: Any, metadata: ModelMetadata, name: str, value: object, cut: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "altered.safetensors"
    text = json.dumps(metadata.model_dump(mode="json") | {name: value})
    for altered in (text, text[: cut % len(text)]):
        _write_header(path, altered)
        try:
            read_metadata(path)
        except EngineError as error:
            check_sentence(error)
