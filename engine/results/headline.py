"""Accuracy of a model, with the weak and the unmeasured classes that this number hides."""

from dataclasses import dataclass, replace

from engine.core.events import Best, ClassRecall, RunStarted
from engine.results.class_recalls import describe_unmeasured, describe_weak, weak_classes
from engine.results.confusion_matrix import ConfusionMatrix
from engine.results.evaluation import Evaluation
from engine.results.few_images import MIN_VAL_IMAGES, few_images_warning
from engine.results.imbalance import MAX_IMBALANCE, imbalance_ratio
from engine.results.statistics import Interval, count_successes, wilson_interval


@dataclass(frozen=True, slots=True)
class Headline:
    """Accuracy (0..1) on some images, the classes with a low recall, and the classes without images."""

    accuracy: float
    num_images: int
    balanced_accuracy: float | None = None
    """Mean recall (0..1) of the measured classes; None if they have similar numbers of images, or is not known."""
    weakest: tuple[ClassRecall, ...] = ()
    num_weak: int = 0
    unmeasured: tuple[str, ...] = ()
    num_unmeasured: int = 0
    num_classes: int = 0

    @property
    def num_correct(self) -> int:
        """Number of images that are classified correctly."""
        return count_successes(self.accuracy, self.num_images)

    @property
    def interval(self) -> Interval:
        """95 % confidence interval of the accuracy."""
        return wilson_interval(self.num_correct, self.num_images)

    @property
    def has_few_images(self) -> bool:
        """True if there are too few images to judge the model."""
        return self.num_images < MIN_VAL_IMAGES

    def caveats(self, split: str = "validation") -> list[str]:
        """Return sentences about what the accuracy hides: few images, weak classes, classes that are not measured.

        Args:
            split: Name of the images in the sentences, such as "validation"; empty for images of any folder.
        """
        noun = f"{split} image".strip()
        sentences = (
            few_images_warning(self.num_images, noun),
            describe_weak(self.weakest, self.num_weak, f"{noun}s"),
            describe_unmeasured(self.unmeasured, self.num_unmeasured, self.num_classes, f"{noun}s"),
        )
        return [sentence for sentence in sentences if sentence]


def best_headline(best: Best, num_images: int) -> Headline:
    """Return the headline of the best epoch on `num_images` validation images."""
    balanced = best.balanced_accuracy if best.criterion.startswith("balanced") else None
    return Headline(best.accuracy, num_images, balanced, best.weakest, best.num_weak)


def run_headline(best: Best, started: RunStarted) -> Headline:
    """Return the headline of the best epoch of a run."""
    return replace(
        best_headline(best, started.num_val),
        unmeasured=started.unmeasured,
        num_unmeasured=started.num_unmeasured,
        num_classes=len(started.classes),
    )


def evaluation_headline(evaluation: Evaluation) -> Headline:
    """Return the headline of an evaluation."""
    return matrix_headline(evaluation.confusion, evaluation.classes)


def matrix_headline(matrix: ConfusionMatrix, classes: tuple[str, ...]) -> Headline:
    """Return the headline of the images that a confusion matrix counts."""
    recalls = [
        ClassRecall(name=name, num_correct=row[label], num_images=sum(row))
        for label, (name, row) in enumerate(zip(classes, matrix))
    ]
    measured = [each for each in recalls if each.num_images]
    num_images = sum(each.num_images for each in measured)
    accuracy = sum(each.num_correct for each in measured) / max(1, num_images)
    is_imbalanced = imbalance_ratio([each.num_images for each in measured]) > MAX_IMBALANCE
    balanced = sum(each.num_correct / each.num_images for each in measured) / max(1, len(measured))
    weak = weak_classes(measured, accuracy)
    unmeasured = tuple(each.name for each in recalls if not each.num_images)
    return Headline(
        accuracy,
        num_images,
        balanced if is_imbalanced else None,
        tuple(weak),
        len(weak),
        unmeasured,
        len(unmeasured),
        len(classes),
    )
