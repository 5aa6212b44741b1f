"""Findings of an audit as sentences, each with the images it is about."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.audit.findings import Audit, DuplicateGroup, OutlierKind
from engine.core.formatting import count
from engine.data.dataset import Dataset, Sample
from engine.data.groups.photo_groups import PhotoGroups
from engine.data.splits import cut_warning
from engine.results.imbalance import MAX_IMBALANCE
from gui.models.image_model import GridItem

_EXAMPLES_PER_CLASS, _EXAMPLE_GROUPS = 12, 20
_OUTLIER_TITLES: dict[OutlierKind, tuple[str, str]] = {
    "blurred": ("image is blurred", "images are blurred"),
    "dark": ("image is nearly black", "images are nearly black"),
    "bright": ("image is nearly white", "images are nearly white"),
    "tiny": ("image is tiny", "images are tiny"),
    "shape": ("image has an unusual aspect ratio", "images have an unusual aspect ratio"),
}
_GROUP_NOTE = "Each group stays on one side of the split."


@dataclass(frozen=True)
class FindingRow:
    """One finding: a title, an explanation, and the images it is about."""

    title: str
    explanation: str
    items: tuple[GridItem, ...] = ()


def make_finding_rows(dataset: Dataset, audit: Audit) -> list[FindingRow]:
    """Return the findings of an audit, the most serious first."""
    return list(_FindingRows(dataset, audit).rows())


class _FindingRows:
    def __init__(self, dataset: Dataset, audit: Audit) -> None:
        self._dataset, self._audit = dataset, audit
        self._samples = {sample.path: sample for sample in dataset.samples}

    def rows(self) -> Iterator[FindingRow]:
        yield from self._duplicates()
        if self._audit.unreadable:
            yield FindingRow(
                f"{count(len(self._audit.unreadable), 'file')} cannot be read",
                "Training skips unreadable files. Replace or delete them.",
                tuple(self._item(file.path, note=file.reason) for file in self._audit.unreadable),
            )
        yield from self._photo_groups()
        yield from self._outliers()
        yield from self._shortcuts()
        if self._audit.imbalance > MAX_IMBALANCE:
            yield self._imbalance()
        if self._audit.caveats:
            yield FindingRow("Few images", " ".join(self._audit.caveats))

    def _duplicates(self) -> Iterator[FindingRow]:
        groups = self._audit.duplicates
        yield from self._groups(
            [group for group in groups if group.is_conflict],
            ("image has conflicting labels", "images have conflicting labels"),
            "Duplicates of the image are in different classes. One of the labels is wrong, or the image belongs to "
            "both classes.",
            is_marked=True,
        )
        yield from self._groups(
            [group for group in groups if group.crosses_splits],
            ("image is in both training and validation", "images are in both training and validation"),
            "The validation accuracy is too high because of this leak. The folder has its own split, so nothing was "
            "moved: remove one image of each group.",
            is_marked=True,
        )
        remaining = [group for group in groups if not group.is_conflict and not group.crosses_splits]
        yield from self._groups(
            [group for group in remaining if group.kind == "exact"],
            ("exact duplicate", "exact duplicates"),
            f"The files are identical. {_GROUP_NOTE}",
        )
        yield from self._groups(
            [group for group in remaining if group.kind == "near"],
            ("near-duplicate", "near-duplicates"),
            f"The same image in another size, quality, colour or crop. {_GROUP_NOTE}",
        )

    def _groups(
        self, groups: Sequence[DuplicateGroup], nouns: tuple[str, str], explanation: str, is_marked: bool = False
    ) -> Iterator[FindingRow]:
        """Yield one row for the groups, if there are any. `nouns` are the singular and the plural of the title."""
        if groups:
            yield FindingRow(count(len(groups), *nouns), explanation, self._numbered(groups, is_marked))

    def _numbered(self, groups: Sequence[DuplicateGroup], is_marked: bool) -> tuple[GridItem, ...]:
        return tuple(
            self._item(path, prefix=f"{number}: ", is_marked=is_marked)
            for number, group in enumerate(groups, start=1)
            for path in group.paths
        )

    def _photo_groups(self) -> Iterator[FindingRow]:
        found = self._audit.photo_groups
        description = found.describe()
        if description:
            explanation = cut_warning(self._dataset) or (
                f"Photos of one event, patient or place show nearly the same. {_GROUP_NOTE} Nothing needs to be "
                "deleted. The setting Group photos turns this off."
            )
            yield FindingRow(f"Groups of photos: {description}", explanation, tuple(self._examples(found)))

    def _examples(self, found: PhotoGroups) -> Iterator[GridItem]:
        for number, group in enumerate(found.groups[:_EXAMPLE_GROUPS], start=1):
            for path in group.paths[:_EXAMPLES_PER_CLASS]:
                yield self._item(path, prefix=f"{number}: ")

    def _outliers(self) -> Iterator[FindingRow]:
        for kind, nouns in _OUTLIER_TITLES.items():
            outliers = [outlier for outlier in self._audit.outliers if outlier.kind == kind]
            if outliers:
                yield FindingRow(
                    count(len(outliers), *nouns),
                    "Compared with the rest of this folder. Check that they belong to their class.",
                    tuple(self._item(outlier.path, note=outlier.reason) for outlier in outliers),
                )

    def _shortcuts(self) -> Iterator[FindingRow]:
        by_class: dict[int, list[Sample]] = {}
        for sample in self._dataset.samples:
            by_class.setdefault(sample.label, []).append(sample)
        examples = [sample for samples in by_class.values() for sample in samples[:_EXAMPLES_PER_CLASS]]
        for shortcut in self._audit.shortcuts:
            yield FindingRow(
                f"Shortcut feature: {shortcut.feature}",
                f"{shortcut.sentence} The model may use this instead of the content of the images.",
                tuple(self._item(sample.path) for sample in examples),
            )

    def _imbalance(self) -> FindingRow:
        counts = self._dataset.counts()
        rarest = min((number, label) for label, number in enumerate(counts) if number)[1]
        name = self._dataset.classes[rarest]
        return FindingRow(
            f"The largest class has {self._audit.imbalance:.1f} times the images of the smallest",
            f"Training draws each class equally often unless the settings turn this off. More images of '{name}' "
            "would help most.",
            tuple(self._item(sample.path) for sample in self._dataset.samples if sample.label == rarest),
        )

    def _item(self, path: str, prefix: str = "", note: str = "", is_marked: bool = False) -> GridItem:
        sample = self._samples.get(path)
        name = self._dataset.classes[sample.label] if sample is not None else path.rpartition("/")[2]
        tooltip = f"{path}\n{note}" if note else path
        return GridItem(self._dataset.root / path, f"{prefix}{name}", tooltip, is_marked)
