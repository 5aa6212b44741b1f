"""Settings of tests that train a tiny network from scratch, whatever the presets are."""

from engine.config.settings import RunConfig


def scratch_config() -> RunConfig:
    """Return settings for SE-ResNet from scratch in which every field is set to its default, so no preset applies."""
    return RunConfig.model_validate(RunConfig().changed("model", backbone="se_resnet", weights="none").model_dump())
