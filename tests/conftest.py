"""What every test gets: a home of its own, and the shared images where they are."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.pop("DBUS_SESSION_BUS_ADDRESS", None)  # a training in a test must not keep the desktop awake

# The same examples each time, and no timed assertions; a failure tells how to see it again
settings.register_profile("classifold", derandomize=True, deadline=None, database=None, print_blob=True)
settings.load_profile("classifold")

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(autouse=True, scope="session")
def home_of_shared_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what runs leave that several tests share away from the user's home too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLASSIFOLD_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the runs and the log of a test away from the user's."""
    folder = tmp_path / "home"
    monkeypatch.setenv("CLASSIFOLD_HOME", str(folder))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return folder


@pytest.fixture
def shared() -> Path:
    """Return the folder of real images and weights; skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("the folder of real images and weights is not beside this checkout")
    return SHARED
