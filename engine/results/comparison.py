"""Whether one run is really better than another: both are asked about the same images."""

from dataclasses import dataclass

from engine.results.evaluation import Evaluation
from engine.results.statistics import mcnemar_p_value

SIGNIFICANT = 0.05
"""A difference that chance makes less often than this is called real."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two evaluations on the images they have in common."""

    num_images: int
    num_only_first: int
    """Images that only the first has right."""
    num_only_second: int
    p_value: float
    """How often chance alone makes so large a difference (McNemar's exact test)."""

    @property
    def is_real(self) -> bool:
        """Say whether chance is a poor explanation."""
        return self.p_value < SIGNIFICANT

    def sentence(self, first: str, second: str) -> str:
        """Say in words what was found, with the names of the two runs."""
        if not self.num_images:
            return f"'{first}' and '{second}' were not measured on the same images, so they cannot be compared."
        counts = (
            f"On the {self.num_images:,} images that both were measured on, only '{first}' is right on "
            f"{self.num_only_first:,} and only '{second}' on {self.num_only_second:,}"
        )
        if not self.is_real:
            return f"{counts}: the difference may well be chance (p = {self.p_value:.2g})."
        better = first if self.num_only_first > self.num_only_second else second
        return f"{counts}: '{better}' is really better (p = {self.p_value:.2g})."


def compare(first: Evaluation, second: Evaluation) -> Comparison:
    """Compare two evaluations on the images that both judged and gave the same true class."""
    same_root = first.root == second.root
    others = {image.path: image for image in second.images} if same_root else {}
    pairs = [
        (image, others[image.path])
        for image in first.images
        if image.path in others and others[image.path].label == image.label
    ]
    only_first = sum(not one.is_wrong and other.is_wrong for one, other in pairs)
    only_second = sum(one.is_wrong and not other.is_wrong for one, other in pairs)
    return Comparison(len(pairs), only_first, only_second, mcnemar_p_value(only_first, only_second))
