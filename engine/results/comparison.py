"""Comparison of two runs on the same images by McNemar's test."""

from dataclasses import dataclass

from engine.results.evaluation import Evaluation
from engine.results.statistics import mcnemar_p_value

SIGNIFICANCE_LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class Comparison:
    """Result of McNemar's test on the images that two evaluations have in common."""

    num_images: int
    num_only_first: int
    """Number of images that only the first model classifies correctly."""
    num_only_second: int
    p_value: float
    """Two-sided p-value of McNemar's exact test."""

    @property
    def is_significant(self) -> bool:
        """Return True if the p-value is below 0.05."""
        return self.p_value < SIGNIFICANCE_LEVEL

    def sentence(self, first: str, second: str) -> str:
        """Return the result as one sentence with the names of the two runs."""
        if not self.num_images:
            return f"'{first}' and '{second}' were not evaluated on the same images, so they cannot be compared."
        counts = (
            f"Of {self.num_images:,} common images, '{first}' alone is right on {self.num_only_first:,}, '{second}' "
            f"alone on {self.num_only_second:,}"
        )
        if not self.is_significant:
            return f"{counts}: not significant (p = {self.p_value:.2g})."
        better = first if self.num_only_first > self.num_only_second else second
        return f"{counts}: '{better}' is significantly better (p = {self.p_value:.2g})."


def compare(first: Evaluation, second: Evaluation) -> Comparison:
    """Compare two evaluations on the images that both contain with the same true class."""
    second_images = {image.path: image for image in second.images} if first.root == second.root else {}
    pairs = [
        (image, second_images[image.path])
        for image in first.images
        if image.path in second_images and second_images[image.path].label == image.label
    ]
    num_only_first = sum(not one.is_wrong and other.is_wrong for one, other in pairs)
    num_only_second = sum(one.is_wrong and not other.is_wrong for one, other in pairs)
    return Comparison(len(pairs), num_only_first, num_only_second, mcnemar_p_value(num_only_first, num_only_second))
