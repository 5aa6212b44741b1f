"""Tests of the classes that are named beside an accuracy."""

from engine.core.events import ClassRecall
from engine.results.class_recalls import describe_unmeasured, describe_weak, weak_classes


def _recalls(**counts: tuple[int, int]) -> list[ClassRecall]:
    return [ClassRecall(name=name, num_correct=correct, num_images=total) for name, (correct, total) in counts.items()]


def test_a_class_at_zero_is_named_first_and_classes_without_images_never() -> None:
    weak = weak_classes(_recalls(good=(200, 200), dent=(9, 20), scratch=(0, 20), other=(0, 0)), accuracy=0.95)
    assert [each.name for each in weak] == ["scratch", "dent"]


def test_a_class_at_half_of_the_accuracy_is_not_low_and_a_low_accuracy_names_only_lower_classes() -> None:
    assert not weak_classes(_recalls(a=(90, 100), b=(45, 100)), accuracy=0.9)
    assert [each.name for each in weak_classes(_recalls(a=(15, 100), b=(4, 100)), accuracy=0.095)] == ["b"]


def test_a_rare_class_with_few_images_is_named_even_if_all_are_found_but_not_in_a_small_balanced_dataset() -> None:
    assert [each.name for each in weak_classes(_recalls(good=(200, 200), scratch=(1, 1)), 1.0)] == ["scratch"]
    assert not weak_classes(_recalls(good=(3, 3), scratch=(1, 1)), 1.0)


def test_the_sentence_names_three_classes_and_counts_the_others() -> None:
    weak = _recalls(a=(0, 1), b=(0, 2), c=(1, 8), d=(1, 5))
    assert describe_weak(weak[:1], 1) == "'a': 0 of 1 validation images are found."
    assert describe_weak(weak, 9) == (
        "'a': 0 of 1 validation images are found; 'b': 0 of 2 validation images are found; "
        "'c': 1 of 8 validation images are found; 6 more classes have a low recall or few images."
    )
    assert describe_weak((), 0) == ""


def test_hundreds_of_classes_that_are_not_measured_are_one_sentence() -> None:
    names = [f"class {number}" for number in range(5)]
    assert describe_unmeasured(names, 879, 1100) == (
        "879 of 1,100 classes are not measured, because they have no validation images: "
        "'class 0', 'class 1', 'class 2', 'class 3', 'class 4' and 874 more."
    )
    assert describe_unmeasured(["a"], 1, 3, "images") == (
        "1 of 3 classes is not measured, because it has no images: 'a'."
    )
    assert describe_unmeasured((), 0, 3) == ""
