"""Tests of the headline of runs and evaluations."""

import numpy as np

from engine.core.events import Best, ClassRecall, RunStarted
from engine.results.confusion_matrix import class_results, confusion_matrix
from engine.results.evaluation import Evaluation, ImageResult
from engine.results.headline import evaluation_headline, run_headline

STARTED = RunStarted(
    run="r", classes=("good", "scratch", "stain"), num_train=800, num_val=201, device="cpu", precision="float32",
    parameters=1, trainable=1, epochs=1, criterion="balanced_loss", unmeasured=("stain",), num_unmeasured=1,
)  # fmt: skip


def make_evaluation(classes: tuple[str, ...], pairs: list[tuple[int, int]]) -> Evaluation:
    """Return an evaluation of these pairs of true and predicted class."""
    truth, predicted = np.array(pairs).T
    matrix = confusion_matrix(truth, predicted, len(classes))
    images = tuple(
        ImageResult(path=f"{number}.png", label=classes[one], predicted=classes[other], confidence=0.9)
        for number, (one, other) in enumerate(pairs)
    )
    return Evaluation(
        root="/data", classes=classes, loss=0.1, accuracy=float((truth == predicted).mean()), top5=1.0,
        confusion=matrix, per_class=class_results(matrix, classes), images=images,
    )  # fmt: skip


def test_the_headline_of_a_run_names_classes_at_zero_and_classes_that_are_not_measured() -> None:
    scratch = ClassRecall(name="scratch", num_correct=0, num_images=1)
    best = Best(
        epoch=1, accuracy=200 / 201, loss=0.1, balanced_accuracy=0.5, criterion="balanced_loss", weakest=(scratch,),
        num_weak=1,
    )  # fmt: skip
    headline = run_headline(best, STARTED)
    assert headline.balanced_accuracy == 0.5
    assert headline.num_correct == 200
    assert headline.caveats() == [
        "'scratch': 0 of 1 validation images are found.",
        "1 of 3 classes is not measured, because it has no validation images: 'stain'.",
    ]


def test_the_headline_of_an_evaluation_agrees_with_that_of_the_run() -> None:
    evaluation = make_evaluation(("good", "scratch", "stain"), [(0, 0)] * 200 + [(1, 0)])
    headline = evaluation_headline(evaluation)
    assert headline.balanced_accuracy == evaluation.balanced_accuracy == 0.5
    assert headline.caveats() == [
        "'scratch': 0 of 1 validation images are found.",
        "1 of 3 classes is not measured, because it has no validation images: 'stain'.",
    ]
    assert headline.caveats("test")[0] == "'scratch': 0 of 1 test images are found."
    assert headline.caveats("")[1] == "1 of 3 classes is not measured, because it has no images: 'stain'."


def test_classes_of_similar_size_have_no_balanced_headline_and_good_results_no_caveats() -> None:
    headline = evaluation_headline(make_evaluation(("a", "b"), [(0, 0)] * 15 + [(1, 1)] * 9 + [(1, 0)]))
    assert headline.balanced_accuracy is None
    assert headline.caveats() == []
    assert not headline.has_few_images


def test_few_images_are_the_first_caveat() -> None:
    headline = evaluation_headline(make_evaluation(("a", "b"), [(0, 0), (1, 1)]))
    assert headline.has_few_images
    assert headline.caveats() == [
        "2\N{NO-BREAK SPACE}validation images are too few to judge the model; use at least 20."
    ]
