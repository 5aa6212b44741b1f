"""Property test of the flags of `classifold train`."""

import pytest
from hypothesis import given, settings

from engine.cli import training
from engine.cli.main import main
from engine.config.settings import RunConfig
from tests.engine.strategies import configs


@given(configs())
@settings(max_examples=8)
def test_each_flag_changes_the_setting_of_its_name(config: RunConfig) -> None:
    sections = {name: getattr(config, name).model_dump() for name in RunConfig.model_fields}
    flags = [
        (f"--{section}.{name.replace('_', '-')}", *(value if isinstance(value, tuple) else [value]))
        for section, values in sections.items()
        for name, value in values.items()
        if not isinstance(value, bool | str | None) or name in ("geometry", "mode")
        if value != ()
    ]
    parsed: list[RunConfig] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "_train", lambda _console, _data, settings, *_: parsed.append(settings))
        patch.setattr(training, "print_run_summary", lambda *_: None)
        assert main(["train", "data", "--out", "run", *(str(word) for flag in flags for word in flag)]) == 0
    for flag, *values in flags:
        section, _, name = flag.removeprefix("--").partition(".")
        value = getattr(getattr(parsed[0], section), name.replace("-", "_"))
        assert (list(value) if isinstance(value, tuple) else [value]) == values
