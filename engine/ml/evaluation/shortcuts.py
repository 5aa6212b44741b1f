"""Detection of shortcuts: classes that can be predicted from properties of the file instead of its content.

Geirhos et al. (2020), "Shortcut Learning in Deep Neural Networks".
"""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import scipy
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.tree import DecisionTreeClassifier

from engine.audit.findings import Shortcut
from engine.audit.fingerprint import Records
from engine.core.formatting import percent
from engine.data.dataset import Dataset, Sample
from engine.ml.evaluation.shortcut_features import ShortcutFeature, shortcut_features

_NUM_FOLDS = 5
_MIN_IMAGES = 10
"""Classes with fewer images, each group counted once, are skipped: their scores are too noisy."""
_NUM_STANDARD_ERRORS = 3.0
"""Informedness must exceed `_MIN_LOWER_BOUND` by this many standard errors: a correction for multiple tests."""
_MIN_LOWER_BOUND = 0.4
_Labels: TypeAlias = npt.NDArray[np.int64]
_Mask: TypeAlias = npt.NDArray[np.bool_]


def find_shortcuts(
    dataset: Dataset, samples: Sequence[Sample], records: Records, groups: Sequence[Sequence[str]]
) -> tuple[Shortcut, ...]:
    """Return the features that alone predict all classes, or one class, much better than chance.

    For each feature a shallow decision tree is fitted on that feature and cross-validated, with groups of photos in one
    fold. The score of a class is its informedness, Youden's J = recall - false positive rate.

    Args:
        dataset: Source of the class names.
        samples: The N readable images.
        records: Fingerprint records of the samples, shape (N,).
        groups: Groups of duplicates and of photos of one event, by path.

    Returns:
        Shortcuts, the strongest first; none if fewer than two classes are large enough.
    """
    labels = np.array([sample.label for sample in samples], np.int64)
    numbers = _group_numbers(samples, groups)
    counts = np.array([len(set(numbers[labels == label].tolist())) for label in range(len(dataset.classes))])
    rows = np.flatnonzero(counts[labels] >= _MIN_IMAGES)
    if np.count_nonzero(counts >= _MIN_IMAGES) < 2:
        return ()
    shortcuts: list[Shortcut] = []
    for feature in shortcut_features(records[rows]):
        if not {shortcut.feature for shortcut in shortcuts} & set(feature.implied_by):
            shortcuts += _evaluate_feature(dataset.classes, feature, labels[rows], numbers[rows])
    return tuple(sorted(shortcuts, key=lambda shortcut: -(shortcut.accuracy - shortcut.chance) / (1 - shortcut.chance)))


def _evaluate_feature(
    classes: Sequence[str], feature: ShortcutFeature, labels: _Labels, groups: _Labels
) -> Iterator[Shortcut]:
    if (feature.values == feature.values[0]).all():
        return
    tree = DecisionTreeClassifier(max_depth=5, min_samples_leaf=3, class_weight="balanced", random_state=0)
    folds = StratifiedGroupKFold(_NUM_FOLDS, shuffle=True, random_state=0)
    predicted = cross_val_predict(tree, feature.values, labels, groups=groups, cv=folds)
    present = np.unique(labels)
    scores = [_informedness(labels == label, predicted == label, groups) for label in present]
    is_shortcut = [
        score >= feature.min_informedness and score - _NUM_STANDARD_ERRORS * error >= _MIN_LOWER_BOUND
        for score, error in scores
    ]
    if not any(is_shortcut):
        return
    if all(is_shortcut):
        subject, chance = "The class", 1 / len(present)
        accuracy = float(np.mean([(predicted[labels == label] == label).mean() for label in present]))
    else:
        best = max(range(len(present)), key=lambda position: scores[position][0])
        subject, chance = f"Class '{classes[present[best]]}'", 0.5
        accuracy = (1 + scores[best][0]) / 2
    yield Shortcut(
        feature=feature.name,
        accuracy=accuracy,
        chance=chance,
        sentence=f"{subject} can be predicted from {feature.description}, without the content of the image: balanced "
        f"accuracy {percent(accuracy)}, {percent(chance)} by chance. {feature.advice}",
    )


def _informedness(truth: _Mask, predicted: _Mask, groups: _Labels) -> tuple[float, float]:
    """Return Youden's J (1950) of one class and its standard error.

    For the error each group is counted once, and half a success and half a failure are added to each rate.
    """
    recall, false_positive_rate = float(predicted[truth].mean()), float(predicted[~truth].mean())
    variance = 0.0
    for rate, mask in ((recall, truth), (false_positive_rate, ~truth)):
        num_groups = len(np.unique(groups[mask]))
        smoothed = (rate * num_groups + 0.5) / (num_groups + 1)
        variance += smoothed * (1 - smoothed) / num_groups
    return recall - false_positive_rate, float(np.sqrt(variance))


def _group_numbers(samples: Sequence[Sample], groups: Sequence[Sequence[str]]) -> _Labels:
    """Return the group number of each image, shape (N,), equal for images of one group."""
    rows = {sample.path: row for row, sample in enumerate(samples)}
    linked = scipy.cluster.hierarchy.DisjointSet(range(len(samples)))
    for paths in groups:
        present = [rows[path] for path in paths if path in rows]
        for other in present[1:]:
            linked.merge(present[0], other)
    labels = np.empty(len(samples), np.int64)
    for members in linked.subsets():
        labels[list(members)] = min(members)
    return labels
