"""Under which licences the program and everything it is shipped with may be used."""

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
_MOST_LETTERS = 2_000_000
_QT_NOTICE = """\
Qt and PySide6 (Qt for Python) are used under the GNU Lesser General Public
License, version 3. They are separate libraries that the program is linked
with when it starts: you may replace the files in the folders PySide6 and
shiboken6 by your own builds of the same version. Their source code is to be
had at https://download.qt.io and
https://code.qt.io/cgit/pyside/pyside-setup.git. The licences follow.

"""


@dataclass(frozen=True, slots=True)
class Licence:
    """A part of the program, and the terms it comes under."""

    name: str
    version: str
    terms: str
    """In few words, such as `MIT`; empty where the part does not say."""
    text: str


def all_licences() -> list[Licence]:
    """Return the licences of the program, of Python and of every package it needs, which are installed with it."""
    try:
        own = distribution(_PROGRAM)
    except PackageNotFoundError:  # run from a folder of sources that was never installed
        return [_python()]
    packages = _needed(own, {})
    rest = [_licence(package) for name, package in sorted(packages.items()) if name != _PROGRAM]
    return [_own(own.version), _python(), *rest]


def _own(version: str) -> Licence:
    try:
        text = (Path(__file__).parents[2] / "LICENSE").read_text(encoding="utf-8")
    except OSError:
        text = "\n".join(_texts(distribution(_PROGRAM)))
    return Licence("Classifold", version, "MIT", text)


def _python() -> Licence:
    return Licence("Python", platform.python_version(), "PSF-2.0", _resource("Python.txt"))


def _needed(
    package: Distribution, found: dict[str, Distribution], extras: frozenset[str] = frozenset()
) -> dict[str, Distribution]:
    """Add a package and all that it needs here to `found`; what is not installed is passed over."""
    name = _normalised(package.metadata["Name"])
    if name in found and not extras:
        return found
    found[name] = package
    for line in package.requires or ():
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is not None and not any(marker.evaluate({"extra": extra}) for extra in extras | {""}):
            continue
        try:
            needed = distribution(requirement.name)
        except PackageNotFoundError:
            continue
        _needed(needed, found, frozenset(requirement.extras))
    return found


def _licence(package: Distribution) -> Licence:
    name = package.metadata["Name"]
    text = "\n\n".join(_texts(package))[:_MOST_LETTERS]
    if _normalised(name) in ("pyside6-essentials", "shiboken6"):
        text = _QT_NOTICE + _resource("LGPL-3.0.txt") + "\n\n" + _resource("GPL-3.0.txt")
    return Licence(name, package.version, _terms(package), text or "This package comes with no text of its licence.")


def _terms(package: Distribution) -> str:
    stated, old = (_first(package, field) for field in ("License-Expression", "License"))
    lines = package.metadata.get_all("Classifier") or ()
    classifiers = [line.rsplit("::", 1)[1].strip() for line in lines if line.startswith("License ::")]
    return stated or ", ".join(classifiers) or old.split("\n", 1)[0][:60]


def _first(package: Distribution, field: str) -> str:
    return str((package.metadata.get_all(field) or [""])[0]).strip()


def _texts(package: Distribution) -> Iterator[str]:
    """Yield the licences that lie with the package's metadata, else those within the package itself."""
    paths = [path for path in package.files or () if _LICENCE_FILE.search(path.as_posix())]
    beside = [path for path in paths if ".dist-info/" in path.as_posix()]
    for path in beside or paths:
        try:
            yield Path(str(path.locate())).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue


def _resource(name: str) -> str:
    return (files("resources") / "licences" / name).read_text(encoding="utf-8")


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
