"""Base classes of immutable records that are stored as JSON or passed between layers."""

from pydantic import BaseModel, ConfigDict


class FrozenModel(BaseModel):
    """An immutable record that rejects unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FiniteModel(FrozenModel):
    """An immutable record that rejects unknown fields, NaN and infinity."""

    model_config = ConfigDict(allow_inf_nan=False)


class ExtensibleModel(FiniteModel):
    """An immutable record that rejects NaN and infinity but ignores unknown fields, so files of newer versions open."""

    model_config = ConfigDict(extra="ignore")
