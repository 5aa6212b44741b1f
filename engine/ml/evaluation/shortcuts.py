"""Find cues beside what the images show that give their class away."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import scipy
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.tree import DecisionTreeClassifier

from engine.audit.findings import DuplicateGroup, Shortcut
from engine.audit.fingerprint import Records
from engine.data.dataset import Dataset, Sample
from engine.ml.evaluation.shortcut_features import ShortcutFeature, shortcut_features

_FOLDS = 5
_FEWEST = 10
"""A class with fewer images, copies counted once, is not judged: a tree that splits on chance looks good on them."""
_DEVIATIONS = 3.0
"""The worth of a cue must be this many standard errors above `_LEAST_SURE`: eight cues are tried, for many classes."""
_LEAST_SURE = 0.4
_Labels = npt.NDArray[np.int64]


def find_shortcuts(
    dataset: Dataset, samples: Sequence[Sample], records: Records, duplicates: Sequence[DuplicateGroup]
) -> tuple[Shortcut, ...]:
    """Return the cues that alone predict the class, or one class against the others, far better than guessing.

    For each cue a shallow decision tree sees that cue only and is cross-validated, with copies kept in one fold. Its
    worth for a class is Youden's J, recall minus the share of other images taken for it: 0 for guessing, 1 for certain.
    """
    labels = np.array([sample.label for sample in samples], np.int64)
    groups = _folding_groups(samples, duplicates)
    counts = np.array([len(set(groups[labels == label].tolist())) for label in range(len(dataset.classes))])
    rows = np.flatnonzero(counts[labels] >= _FEWEST)
    if np.count_nonzero(counts >= _FEWEST) < 2:
        return ()
    found: list[Shortcut] = []
    for cue in shortcut_features(records[rows]):
        if not {shortcut.feature for shortcut in found} & set(cue.follows):
            found += _judge(dataset.classes, cue, labels[rows], groups[rows])
    return tuple(sorted(found, key=lambda shortcut: -(shortcut.accuracy - shortcut.chance) / (1 - shortcut.chance)))


def _judge(classes: Sequence[str], cue: ShortcutFeature, labels: _Labels, groups: _Labels) -> Iterator[Shortcut]:
    if (cue.columns == cue.columns[0]).all():
        return
    tree = DecisionTreeClassifier(max_depth=5, min_samples_leaf=3, class_weight="balanced", random_state=0)
    folds = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=0)
    guesses = cross_val_predict(tree, cue.columns, labels, groups=groups, cv=folds)
    present = np.unique(labels)
    worths = [_worth(labels == label, guesses == label, groups) for label in present]
    sure = [worth >= cue.enough and worth - _DEVIATIONS * error >= _LEAST_SURE for worth, error in worths]
    if not any(sure):
        return
    chance = 1 / len(present)
    accuracy = float(np.mean([(guesses[labels == label] == label).mean() for label in present]))
    if all(sure):
        yield Shortcut(
            feature=cue.name,
            accuracy=accuracy,
            chance=chance,
            sentence=f"The class can be told by {cue.words}: right in {accuracy:.0%} of cases without seeing what the "
            f"images show, where guessing gives {chance:.0%}. {cue.advice}",
        )
        return
    best = max(range(len(present)), key=lambda position: worths[position][0])
    accuracy = (1 + worths[best][0]) / 2
    yield Shortcut(
        feature=cue.name,
        accuracy=accuracy,
        chance=0.5,
        sentence=f"Class '{classes[present[best]]}' can be told from the others by {cue.words}: right in "
        f"{accuracy:.0%} of cases without seeing what the images show, where guessing gives 50%. {cue.advice}",
    )


def _worth(truth: npt.NDArray[np.bool_], guess: npt.NDArray[np.bool_], groups: _Labels) -> tuple[float, float]:
    """Return Youden's J (1950) and its standard error, copies counted once, half a success and failure added."""
    recall, false = float(guess[truth].mean()), float(guess[~truth].mean())
    error = 0.0
    for share, here in ((recall, truth), (false, ~truth)):
        number = len(np.unique(groups[here]))
        smoothed = (share * number + 0.5) / (number + 1)
        error += smoothed * (1 - smoothed) / number
    return recall - false, float(np.sqrt(error))


def _folding_groups(samples: Sequence[Sample], duplicates: Sequence[DuplicateGroup]) -> _Labels:
    rows = {sample.path: row for row, sample in enumerate(samples)}
    linked = scipy.cluster.hierarchy.DisjointSet(range(len(samples)))
    for group in duplicates:
        present = [rows[path] for path in group.paths if path in rows]
        for other in present[1:]:
            linked.merge(present[0], other)
    labels = np.empty(len(samples), np.int64)
    for members in linked.subsets():
        labels[list(members)] = min(members)
    return labels
