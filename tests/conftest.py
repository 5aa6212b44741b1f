"""Fixtures and settings of all tests: a home folder per test, one thread per library, and the shared images."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# Networks in tests are tiny: more threads would mostly wait. Must be set before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.pop("DBUS_SESSION_BUS_ADDRESS", None)  # trainings in tests must not keep the computer awake

# Same examples in every run and no time limit per example; a failure prints how to reproduce it.
settings.register_profile("classifold", derandomize=True, deadline=None, database=None, print_blob=True)
settings.load_profile("classifold")

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(autouse=True, scope="session")
def home_of_shared_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Redirect the home folder of fixtures that several tests share."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLASSIFOLD_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Redirect the program's home folder and torch's cache to a temporary folder."""
    folder = tmp_path / "home"
    monkeypatch.setenv("CLASSIFOLD_HOME", str(folder))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return folder


@pytest.fixture
def shared() -> Path:
    """Return the folder of real images and weights; skip the test if it does not exist."""
    if not SHARED.is_dir():
        pytest.skip("needs the folder `shared` of real images and weights next to the checkout")
    return SHARED


@pytest.fixture
def symlinks(tmp_path: Path) -> None:
    """Skip the test if this user may not create symbolic links, as on Windows without developer mode."""
    link = tmp_path / "link that is tried"
    try:
        link.symlink_to(tmp_path)
    except OSError:
        pytest.skip("this user may not create symbolic links")
    link.unlink()
