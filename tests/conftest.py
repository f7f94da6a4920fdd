"""Fixtures that more than one folder of tests needs."""

import os
from pathlib import Path

import pytest

PROJECT_ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared():
    """The folder of real data: $DRIVECNN_SHARED, else `shared` beside the project."""
    folder = Path(os.environ.get("DRIVECNN_SHARED", PROJECT_ROOT / ".." / "shared"))
    if not (folder / "data").is_dir():
        pytest.fail(f"expected real data in {folder / 'data'}: set DRIVECNN_SHARED to its parent")
    return folder


@pytest.fixture(scope="session", autouse=True)
def world_cache(tmp_path_factory):
    """A folder of its own for built worlds, so that tests neither find nor leave any."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("worlds")
        patch.setenv("DRIVECNN_CACHE", str(folder))
        yield folder
