"""Tests of the warnings of few images."""

from engine.results.few_images import few_images_warning, few_training_images_warning


def test_fewer_than_20_images_are_too_few_to_judge_a_model() -> None:
    assert few_images_warning(19, "validation image") == (
        "19\N{NO-BREAK SPACE}validation images are too few to judge the model; use at least 20."
    )
    assert few_images_warning(1, "image").startswith("1\N{NO-BREAK SPACE}image is too few")
    assert few_images_warning(20, "image") == ""


def test_classes_with_fewer_than_10_training_images_are_named_smallest_first() -> None:
    assert few_training_images_warning(("a", "b"), (10, 11)) == ""
    assert few_training_images_warning(("a", "b"), (9, 11)).startswith(
        "Class 'a' has only 9\N{NO-BREAK SPACE}training images; a model hardly learns"
    )
    names = tuple(f"{number}" for number in range(8))
    warning = few_training_images_warning(names, (8, 7, 6, 5, 4, 3, 2, 30))
    assert "7 classes have fewer than 10 training images ('6', '5', '4', '3', '2' and 2 more)" in warning
