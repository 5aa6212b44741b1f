"""What an audit found, as a few sentences with the images that belong to each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.audit.class_balance import MAX_UNWEIGHTED_RATIO
from engine.audit.findings import Audit, DuplicateGroup, OutlierKind
from engine.core.formatting import count
from engine.data.dataset import Dataset, Sample
from gui.models.image_model import GridItem

_NUM_EXAMPLES = 12
_ODD_WORDS: dict[OutlierKind, tuple[str, str]] = {
    "blurred": ("is blurred", "are blurred"),
    "dark": ("is nearly black", "are nearly black"),
    "bright": ("is nearly white", "are nearly white"),
    "tiny": ("is tiny", "are tiny"),
    "shape": ("has an unusual shape", "have an unusual shape"),
}
_COPY_ADVICE = "They are kept together: all of a group are learnt from, or all are measured on."


@dataclass(frozen=True)
class FindingRow:
    """One finding: a sentence, what it means, and its images."""

    title: str
    explanation: str
    items: tuple[GridItem, ...] = ()


def make_finding_rows(dataset: Dataset, audit: Audit) -> list[FindingRow]:
    """Return the findings of an audit, the gravest first."""
    return list(_Finder(dataset, audit).rows())


class _Finder:
    def __init__(self, dataset: Dataset, audit: Audit) -> None:
        self._dataset, self._audit = dataset, audit
        self._samples = {sample.path: sample for sample in dataset.samples}

    def rows(self) -> Iterator[FindingRow]:
        yield from self._duplicates()
        if self._audit.unreadable:
            number = len(self._audit.unreadable)
            items = tuple(self._item(bad.path, note=bad.reason) for bad in self._audit.unreadable)
            yield FindingRow(
                f"{count(number, 'file')} cannot be read",
                "Training leaves out what cannot be read. Replace or delete it.",
                items,
            )
        yield from self._oddities()
        yield from self._shortcuts()
        if self._audit.imbalance > MAX_UNWEIGHTED_RATIO:
            yield self._imbalance()

    def _duplicates(self) -> Iterator[FindingRow]:
        groups = self._audit.duplicates
        yield from self._groups(
            [group for group in groups if group.is_conflict],
            "stands in different classes",
            "stand in different classes",
            "One of the labels must be wrong, or both classes are right and the image belongs to neither alone.",
            is_marked=True,
        )
        yield from self._groups(
            [group for group in groups if group.crosses_splits],
            "is both learnt from and measured on",
            "are both learnt from and measured on",
            "The accuracy looks better than it is. The folder brings its own split, so nothing was moved: "
            "remove one of each.",
            is_marked=True,
        )
        rest = [group for group in groups if not group.is_conflict and not group.crosses_splits]
        yield from self._groups(
            [group for group in rest if group.kind == "exact"],
            "is there more than once",
            "are there more than once",
            f"The files are the same, byte for byte. {_COPY_ADVICE}",
        )
        yield from self._groups(
            [group for group in rest if group.kind == "near"],
            "has another version",
            "have other versions",
            f"The same picture in another size, quality, colour or crop. {_COPY_ADVICE}",
        )
        bursts = [group for group in rest if group.kind == "burst"]
        if bursts:
            yield FindingRow(
                f"{count(len(bursts), 'burst')} of shots within seconds",
                f"Such shots show nearly the same. {_COPY_ADVICE}",
                self._numbered(bursts, is_marked=False),
            )

    def _groups(
        self, groups: Sequence[DuplicateGroup], verb: str, verbs: str, explanation: str, is_marked: bool = False
    ) -> Iterator[FindingRow]:
        if groups:
            title = f"{count(len(groups), 'picture')} {verb if len(groups) == 1 else verbs}"
            yield FindingRow(title, explanation, self._numbered(groups, is_marked))

    def _numbered(self, groups: Sequence[DuplicateGroup], is_marked: bool) -> tuple[GridItem, ...]:
        return tuple(
            self._item(path, before=f"{number}: ", is_marked=is_marked)
            for number, group in enumerate(groups, start=1)
            for path in group.paths
        )

    def _oddities(self) -> Iterator[FindingRow]:
        for kind, (verb, verbs) in _ODD_WORDS.items():
            odd = [one for one in self._audit.outliers if one.kind == kind]
            if odd:
                yield FindingRow(
                    f"{count(len(odd), 'image')} {verb if len(odd) == 1 else verbs}",
                    "Measured beside the other images of this folder. CamResult whether they show what their class is.",
                    tuple(self._item(one.path, note=one.reason) for one in odd),
                )

    def _shortcuts(self) -> Iterator[FindingRow]:
        by_class: dict[int, list[Sample]] = {}
        for sample in self._dataset.samples:
            by_class.setdefault(sample.label, []).append(sample)
        examples = [sample for samples in by_class.values() for sample in samples[:_NUM_EXAMPLES]]
        for shortcut in self._audit.shortcuts:
            yield FindingRow(
                f"The class is given away by: {shortcut.feature}",
                f"{shortcut.sentence} A network may learn this in place of what the images show.",
                tuple(self._item(sample.path) for sample in examples),
            )

    def _imbalance(self) -> FindingRow:
        counts = self._dataset.counts()
        rarest = min((number, label) for label, number in enumerate(counts) if number)[1]
        name = self._dataset.classes[rarest]
        return FindingRow(
            f"The largest class has {self._audit.imbalance:.1f} times the images of the smallest",
            f"Images of rare classes count more in training, unless the settings say otherwise. More images of "
            f"'{name}' would help most.",
            tuple(self._item(sample.path) for sample in self._dataset.samples if sample.label == rarest),
        )

    def _item(self, path: str, before: str = "", note: str = "", is_marked: bool = False) -> GridItem:
        sample = self._samples.get(path)
        name = self._dataset.classes[sample.label] if sample is not None else path.rpartition("/")[2]
        tooltip = f"{path}\n{note}" if note else path
        return GridItem(self._dataset.root / path, f"{before}{name}", tooltip, is_marked)
