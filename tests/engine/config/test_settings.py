"""Tests of the settings of a run."""

from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from engine.config.settings import RunConfig
from engine.config.settings_file import read_config
from engine.core.errors import EngineError


def test_settings_survive_writing_and_reading(tmp_path: Path) -> None:
    config = RunConfig().changed("optim", lr=0.02).changed("training", epochs=7)
    path = tmp_path / "config.json"
    path.write_text(config.model_dump_json())
    assert read_config(path) == config


def test_settings_that_an_editor_saved_with_a_byte_order_mark_are_read_and_other_encodings_are_named(
    tmp_path: Path,
) -> None:
    config = RunConfig().changed("model", weights="C:/José/a.pth")
    text, path = config.model_dump_json(indent=2).replace("\n", "\r\n"), tmp_path / "config.json"
    path.write_text(text, "utf-8-sig", newline="")
    assert read_config(path) == config
    path.write_text(text, "utf-16")
    with pytest.raises(EngineError, match="saved as UTF-16"):
        read_config(path)
    path.write_text(text, "cp1252")
    with pytest.raises(EngineError, match="not saved as UTF-8"):
        read_config(path)


def test_settings_are_immutable() -> None:
    with pytest.raises(ValidationError):
        RunConfig().training.epochs = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("section", "values"),
    [
        ("training", {"epochs": 0}),
        ("training", {"batch_size": 1}),
        ("data", {"val_fraction": 1.0}),
        ("optim", {"lr": float("nan")}),
        ("model", {"backbon": "resnet18"}),
    ],
)
def test_values_outside_their_limits_and_unknown_names_are_rejected(section: str, values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RunConfig().changed(section, **values)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"optim": {"lr": "fast"}}', '{"colour": 1}'])
def test_a_bad_settings_file_is_one_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(EngineError) as caught:
        read_config(path)
    assert caught.value.message.startswith("The settings file is not valid")
    assert "\n" not in caught.value.message


def test_a_missing_settings_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="could not be read"):
        read_config(tmp_path / "none.json")


def test_every_setting_has_a_title_and_a_description() -> None:
    for section in RunConfig.model_fields.values():
        model = section.annotation
        assert section.title
        assert isinstance(model, type)
        assert issubclass(model, BaseModel)
        for name, field in model.model_fields.items():
            assert field.title, name
            assert field.description, name
            assert field.description.endswith("."), name
