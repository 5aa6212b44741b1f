"""Tests of comparing two runs on the same images."""

from engine.results.comparison import compare
from engine.results.evaluation import Evaluation, ImageResult


def _evaluation(right: str, root: str = "/data") -> Evaluation:
    """Return an evaluation of images whose answer is right where the letter is `y`."""
    images = tuple(
        ImageResult(path=f"{number}.png", label="ant", predicted="ant" if letter == "y" else "bee", confidence=0.9)
        for number, letter in enumerate(right)
    )
    return Evaluation(
        root=root, classes=("ant", "bee"), loss=1, accuracy=right.count("y") / len(right), top5=1, confusion=(),
        per_class=(), images=images,
    )  # fmt: skip


def test_only_images_that_one_has_right_and_the_other_wrong_count() -> None:
    found = compare(_evaluation("yyyn"), _evaluation("ynnn"))
    assert (found.num_images, found.num_only_first, found.num_only_second) == (4, 2, 0)
    assert not found.is_significant
    assert "may well be chance" in found.sentence("a", "b")


def test_a_large_difference_is_real_and_the_better_run_is_named() -> None:
    found = compare(_evaluation("n" * 20 + "y"), _evaluation("y" * 20 + "n"))
    assert found.is_significant
    assert "'b' is really better" in found.sentence("a", "b")


def test_runs_on_other_images_are_not_compared() -> None:
    found = compare(_evaluation("yn"), _evaluation("yn", root="/other"))
    assert "cannot be compared" in found.sentence("a", "b")
