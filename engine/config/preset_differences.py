"""Settings that the user chose and that make a difference to the presets, and settings without them."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from engine.config.presets import DatasetFacts, resolve
from engine.config.settings import RunConfig

FieldKey: TypeAlias = tuple[str, str]
"""Names of a section and of a field in it, such as ("training", "epochs")."""

_NETWORK_SECTIONS = ("training", "optim", "schedule")
_NETWORK_FIELDS = (("data", "image_size"),)


def find_differences(
    settings: RunConfig, start: RunConfig, facts: DatasetFacts
) -> dict[FieldKey, dict[FieldKey, object]]:
    """Return the chosen fields without which the resolved settings would be different.

    The section "model" is left out, because the presets of all other fields follow from it.

    Args:
        settings: The settings that were chosen.
        start: The settings before the user chose any.
        facts: Properties of the dataset that the presets depend on.

    Returns:
        For each such field the fields that would change without it, itself or others, with their values then. A chosen
        number of epochs, for example, replaces the time budget of the presets.
    """
    config = resolve(settings, facts)
    settings = _without_preset_values(settings, start, facts)
    found = {}
    for key in _chosen_fields(settings):
        other = resolve(without(settings, start, [key]), facts)
        if other != config:
            found[key] = _changes(config, other)
    return found


def without(settings: RunConfig, start: RunConfig, fields: Iterable[FieldKey]) -> RunConfig:
    """Return `settings` in which `fields` are as they are in `start`: left to the presets, or a given value."""
    chosen, initial = _chosen(settings), _chosen(start)
    for section, name in fields:
        chosen.get(section, {}).pop(name, None)
        if name in initial.get(section, {}):
            chosen.setdefault(section, {})[name] = initial[section][name]
    return RunConfig.model_validate(chosen)


def with_network_choice(
    settings: RunConfig, start: RunConfig, facts: DatasetFacts, backbone: str, weights: str
) -> tuple[RunConfig, RunConfig]:
    """Choose a network, and leave to the presets what `start` or the presets gave for another network.

    Args:
        settings: The settings that were chosen.
        start: The settings before the user chose any.
        facts: Properties of the dataset that the presets depend on.
        backbone: Name of the backbone, or "auto".
        weights: "auto", "none", "default" or the path of a file.

    Returns:
        The new settings, and the new `start`. Values that make a difference to the presets stay, except the other
        candidates of a race.
    """
    chosen, initial = _chosen(_without_preset_values(settings, start, facts)), _chosen(start)
    initial.pop("model", None)
    for section, name in _network_fields(initial):
        if chosen.get(section, {}).get(name) == initial[section].pop(name):
            chosen[section].pop(name)
    model = {name: value for name, value in chosen.get("model", {}).items() if name not in ("candidates", "reason")}
    chosen["model"] = model | {"backbone": backbone, "weights": weights}
    return RunConfig.model_validate(chosen), RunConfig.model_validate(initial)


def _without_preset_values(settings: RunConfig, start: RunConfig, facts: DatasetFacts) -> RunConfig:
    """Drop the choices that equal the presets, as in the settings of an earlier run, if this changes nothing else."""
    config = resolve(settings, facts)
    presets = resolve(without(settings, start, _chosen_fields(settings)), facts)
    different = _changes(config, presets)
    fewer = without(settings, start, [key for key in _chosen_fields(settings) if key not in different])
    return fewer if resolve(fewer, facts) == config else settings


def _chosen_fields(settings: RunConfig) -> list[FieldKey]:
    return [(section, name) for section, values in _chosen(settings).items() if section != "model" for name in values]


def _network_fields(initial: Mapping[str, Mapping[str, object]]) -> list[FieldKey]:
    fields = [(section, name) for section in _NETWORK_SECTIONS for name in initial.get(section, {})]
    return fields + [(section, name) for section, name in _NETWORK_FIELDS if name in initial.get(section, {})]


def _chosen(settings: RunConfig) -> dict[str, dict[str, object]]:
    return settings.model_dump(exclude_unset=True)


def _changes(config: RunConfig, other: RunConfig) -> dict[FieldKey, object]:
    """Return the fields that differ, with their values in `other`."""
    before, after = config.model_dump(), other.model_dump()
    return {
        (section, name): value
        for section, values in after.items()
        for name, value in values.items()
        if before[section][name] != value
    }
