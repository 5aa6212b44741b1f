"""Tests of paths that are spelled differently, in corrections and on the command line."""

import os
import unicodedata
from pathlib import Path

import pytest

from engine.cli.main import main
from engine.core.path_text import path_to_text
from engine.data.dataset import Dataset, scan
from engine.data.label_overrides import append_decision, read_decisions
from engine.data.similar_paths import SimilarPaths
from tests.engine.data.folders.test_layouts import write_files

NFC = unicodedata.normalize("NFC", "Käfer")
NFD = unicodedata.normalize("NFD", "Käfer")


@pytest.fixture
def ignores_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulate a file system on which letter case and Unicode form do not matter."""

    def is_same(path: Path, other: Path) -> bool:
        spellings = {unicodedata.normalize("NFC", str(each)).casefold() for each in (path, other)}
        return len(spellings) == 1

    monkeypatch.setattr(os.path, "samefile", is_same)


def label_of(dataset: Dataset, path: str) -> str:
    """Return the class of an image."""
    (label,) = [sample.label for sample in dataset.samples if sample.path == path]
    return dataset.classes[label]


@pytest.mark.parametrize(("folder", "typed"), [(NFC, NFD), (NFD, NFC)])
def test_a_correction_survives_another_unicode_form(tmp_path: Path, folder: str, typed: str) -> None:
    write_files(tmp_path, [f"{folder}/3", "bee/3"])
    (name,) = set(os.listdir(tmp_path)) - {"bee"}
    append_decision(tmp_path, f"{typed}/0.jpg", "relabel", "bee")
    append_decision(tmp_path, f"{typed}/1.jpg", "exclude")
    append_decision(tmp_path, "bee/0.jpg", "relabel", typed)
    dataset = scan(tmp_path)
    assert label_of(dataset, f"{name}/0.jpg") == "bee"
    assert label_of(dataset, "bee/0.jpg") == NFC
    assert len(dataset.samples) == 5
    assert set(read_decisions(tmp_path, dataset.paths)) == {f"{name}/0.jpg", f"{typed}/1.jpg", "bee/0.jpg"}


@pytest.mark.usefixtures("ignores_case")
def test_a_correction_survives_a_folder_renamed_in_letter_case(tmp_path: Path) -> None:
    write_files(tmp_path, ["Ants/3", "bees/3"])
    append_decision(tmp_path, "ants/0.JPG", "relabel", "Bees")
    append_decision(tmp_path, "Ants/0.jpg", "exclude")
    append_decision(tmp_path, "ANTS/1.jpg", "relabel", "bees")
    dataset = scan(tmp_path)
    assert dataset.counts() == [1, 4]
    assert label_of(dataset, "Ants/1.jpg") == "bees"


def test_letter_case_tells_images_apart_where_the_file_system_does(tmp_path: Path) -> None:
    write_files(tmp_path, ["ants/a.jpg", "ants/b.jpg", "bees/2"])
    if (tmp_path / "ANTS").exists():
        pytest.skip("this file system ignores letter case")
    append_decision(tmp_path, "ants/A.jpg", "exclude")
    assert len(scan(tmp_path).samples) == 4


def test_a_path_that_may_mean_two_images_means_none(tmp_path: Path) -> None:
    paths = SimilarPaths(tmp_path, [f"{NFC}/a.jpg", f"{NFD}/a.jpg"])
    assert paths.find(f"{NFC}/a.jpg") == f"{NFC}/a.jpg"
    assert SimilarPaths(tmp_path, ["Ä/Ä.jpg", "Ä/A\u0308.jpg"]).find("A\u0308/A\u0308.jpg") is None


def test_relabel_finds_an_image_and_a_class_in_another_unicode_form(tmp_path: Path) -> None:
    write_files(tmp_path, [f"{NFD}/2", "bee/2"])
    assert main(["relabel", str(tmp_path), f"{NFC}/0.jpg", "--to", "Bee"]) == 0
    assert main(["relabel", str(tmp_path), str(tmp_path / "bee" / "0.jpg"), "--to", NFD]) == 0
    dataset = scan(tmp_path)
    assert dataset.classes == ("bee", NFC)
    assert label_of(dataset, "bee/0.jpg") == NFC


@pytest.mark.usefixtures("ignores_case")
def test_relabel_finds_an_image_in_another_letter_case(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_files(tmp_path / "data", ["ants/2", "bees/2"])
    assert main(["relabel", str(tmp_path / "data"), str(tmp_path / "DATA" / "Ants" / "0.JPG"), "--exclude"]) == 0
    assert capsys.readouterr().out == "ants/0.jpg: excluded\n"


def test_relabel_does_not_take_a_folder_whose_name_begins_alike_for_the_data(tmp_path: Path) -> None:
    write_files(tmp_path, ["set/ants/2", "set/bees/2", "set2/ants/2"])
    assert main(["relabel", str(tmp_path / "set"), str(tmp_path / "set2" / "ants" / "0.jpg"), "--exclude"]) == 1
    assert len(scan(tmp_path / "set").samples) == 4


@pytest.mark.skipif(os.name == "nt", reason="names are text on Windows")
def test_relabel_finds_an_image_whose_name_is_not_utf8(tmp_path: Path) -> None:
    write_files(tmp_path, ["ants/1", "bees/2"])
    path = tmp_path / "ants" / os.fsdecode(b"\xff.jpg")
    path.touch()
    assert main(["relabel", str(tmp_path), str(path), "--to", "bees"]) == 0
    assert label_of(scan(tmp_path), path_to_text(os.path.join("ants", path.name))) == "bees"
