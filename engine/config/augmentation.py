"""Settings of the random augmentation of training images; settings.py holds the other sections."""

from pydantic import Field

from engine.core.records import FiniteModel


class AugmentConfig(FiniteModel):
    """Random augmentation of the training images."""

    crop_scale: float = Field(
        0.5, gt=0, le=1, title="Min. crop area", description="Smallest random crop, as a fraction of the area. 1: off."
    )
    horizontal_flip: float = Field(
        0.5,
        ge=0,
        le=1,
        title="Horizontal flip",
        description="Probability of flipping left and right. 0: off, as needed for text and digits.",
    )
    vertical_flip: float = Field(
        0.0, ge=0, le=1, title="Vertical flip", description="Probability of flipping top and bottom. 0: off."
    )
    rotation: float = Field(
        0.0,
        ge=0,
        le=180,
        title="Rotation",
        description="Largest random rotation in either direction, in degrees. 0: off.",
    )
    brightness: float = Field(
        0.2, ge=0, le=1, title="Brightness", description="Largest relative change of brightness. 0: off."
    )
    contrast: float = Field(
        0.2, ge=0, le=1, title="Contrast", description="Largest relative change of contrast. 0: off."
    )
    saturation: float = Field(
        0.2, ge=0, le=1, title="Saturation", description="Largest relative change of saturation. 0: off."
    )
    hue: float = Field(
        0.0, ge=0, le=0.5, title="Hue", description="Largest hue shift, as a fraction of the colour circle. 0: off."
    )
    random_erasing: float = Field(
        0.0, ge=0, le=1, title="Random erasing", description="Probability of covering a random rectangle. 0: off."
    )
    mixup_alpha: float = Field(
        0.0,
        ge=0,
        le=10,
        title="MixUp",
        description="Parameter alpha of the Beta distribution for blending two images. 0: off.",
    )
    cutmix_alpha: float = Field(
        0.0,
        ge=0,
        le=10,
        title="CutMix",
        description="Parameter alpha of the Beta distribution for pasting a box of another image. 0: off.",
    )
    mix_switch: float = Field(
        0.5, ge=0, le=1, title="CutMix share", description="Fraction of batches with CutMix if MixUp is on too."
    )
