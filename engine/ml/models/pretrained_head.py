"""Load rows of a pretrained classification head, matched by class name."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from engine.core.formatting import listing
from engine.data.class_names import match_class_names
from engine.ml.models.build import Classifier


def load_head(
    model: Classifier, tensors: Mapping[str, Tensor], file_classes: Sequence[str], classes: Sequence[str]
) -> tuple[int, list[str]]:
    """Copy the rows of known classes into the head of `model`; rows of other classes stay as initialised.

    Rows are never matched by number, since the order of the classes depends on their names.

    Args:
        model: The network, whose head has one row per class of `classes`.
        tensors: `head.weight`, shape (F, D), and `head.bias`, shape (F,), of a file; other tensors are ignored.
        file_classes: Names of the F classes of the file; empty if the file does not name them.
        classes: Names of the K classes of the model.

    Returns:
        Number of classes whose rows were copied, and at most one sentence for the user, about the others.
    """
    weight, bias = tensors.get("head.weight"), tensors.get("head.bias")
    if weight is None or bias is None or not file_classes:
        return 0, []
    if weight.shape != (len(file_classes), model.head.in_features) or bias.shape != (len(file_classes),):
        return 0, []
    matches = match_class_names(classes, file_classes)
    rows = {name: file_classes.index(match) for name, match in matches.items()}
    with torch.no_grad():
        for row, name in enumerate(classes):
            if name in rows:
                model.head.weight[row] = weight[rows[name]]
                model.head.bias[row] = bias[rows[name]]
    new = [name for name in classes if name not in rows]
    if not rows or not new:
        return len(rows), []
    return len(rows), [
        f"The head starts with {len(rows)} of {len(classes)} classes from this file. New: {listing(new)}."
    ]
