"""Find out which settings the user chose on the command line, since presets fill in the others."""

from collections.abc import Sequence

from engine.config.settings import RunConfig


def keep_given(settings: RunConfig, defaults: RunConfig, arguments: Sequence[str]) -> RunConfig:
    """Return `settings` with only those fields set that have a flag in `arguments` or are set in `defaults`.

    Args:
        settings: The parsed settings, in which every field is set.
        defaults: The defaults of the flags; those of a settings file are set.
        arguments: The arguments of the command, with flags such as `--optim.lr` or `--training.no-keep-awake`.
    """
    flags = {argument.partition("=")[0].replace("_", "-") for argument in arguments}
    given: dict[str, dict[str, object]] = {}
    for section in RunConfig.model_fields:
        values = getattr(settings, section)
        for name in type(values).model_fields:
            flag = name.replace("_", "-")
            is_given = bool({f"--{section}.{flag}", f"--{section}.no-{flag}"} & flags)
            if is_given or name in getattr(defaults, section).model_fields_set:
                given.setdefault(section, {})[name] = getattr(values, name)
    return RunConfig.model_validate(given)
