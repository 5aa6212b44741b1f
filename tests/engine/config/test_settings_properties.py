"""Property tests of the settings and their file."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.config.settings import RunConfig
from engine.config.settings_file import read_config
from engine.core.errors import EngineError
from tests.engine.strategies import check_sentence, configs, json_values, texts


@given(configs())
@settings(max_examples=40)
def test_settings_are_unchanged_after_writing_and_reading(tmp_path_factory: Any, config: RunConfig) -> None:
    path = tmp_path_factory.getbasetemp() / "config.json"
    path.write_text(config.model_dump_json(indent=2), encoding="utf-8")
    assert read_config(path) == config


@given(
    st.dictionaries(st.sampled_from([*RunConfig.model_fields, "other"]) | texts, json_values, max_size=4) | json_values
)
@settings(max_examples=100)
def test_any_json_file_is_read_or_raises_one_sentence(tmp_path_factory: Any, document: object) -> None:
    path = tmp_path_factory.getbasetemp() / "other.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    try:
        read_config(path)
    except EngineError as error:
        check_sentence(error, "The settings file is not valid: ")


@given(configs(), st.data())
@settings(max_examples=30)
def test_the_error_about_a_value_outside_its_limits_names_the_setting(config: RunConfig, data: st.DataObject) -> None:
    section = data.draw(st.sampled_from([*RunConfig.model_fields]))
    fields = type(getattr(config, section)).model_fields
    name = data.draw(st.sampled_from([name for name, field in fields.items() if field.annotation in (int, float)]))
    with pytest.raises(ValidationError, match=rf"{section}.{name}"):
        config.changed(section, **{name: data.draw(st.sampled_from([-1, 10**10, float("nan"), "x", None]))})
