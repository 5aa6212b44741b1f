"""Tests of comparing two runs on the same images."""

from engine.results.comparison import compare
from engine.results.evaluation import Evaluation, ImageResult


def _evaluation(outcomes: str, root: str = "/data") -> Evaluation:
    """Return an evaluation with one image per letter: `y` is correct, `n` is misclassified."""
    images = tuple(
        ImageResult(path=f"{number}.png", label="ant", predicted="ant" if letter == "y" else "bee", confidence=0.9)
        for number, letter in enumerate(outcomes)
    )
    return Evaluation(
        root=root, classes=("ant", "bee"), loss=1, accuracy=outcomes.count("y") / len(outcomes), top5=1, confusion=(),
        per_class=(), images=images,
    )  # fmt: skip


def test_only_images_on_which_the_models_disagree_are_counted() -> None:
    comparison = compare(_evaluation("yyyn"), _evaluation("ynnn"))
    assert (comparison.num_images, comparison.num_only_first, comparison.num_only_second) == (4, 2, 0)
    assert not comparison.is_significant
    assert comparison.sentence("a", "b") == (
        "Of 4 common images, 'a' alone is right on 2, 'b' alone on 0: not significant (p = 0.5)."
    )


def test_a_large_difference_is_significant_and_the_better_run_is_named() -> None:
    comparison = compare(_evaluation("n" * 20 + "y"), _evaluation("y" * 20 + "n"))
    assert comparison.is_significant
    assert "'b' is significantly better" in comparison.sentence("a", "b")


def test_runs_on_different_images_are_not_compared() -> None:
    comparison = compare(_evaluation("yn"), _evaluation("yn", root="/other"))
    assert "cannot be compared" in comparison.sentence("a", "b")
