"""Fixtures for the tests of OpenDRIVE maps."""

import pytest

from drivecnn_envs.maps.opendrive import read_opendrive


@pytest.fixture(scope="session")
def esmini(shared):
    """The folder of esmini's test roads."""
    return shared / "data" / "maps" / "opendrive" / "esmini"


@pytest.fixture
def read_xodr(tmp_path):
    """A function that reads a document as a file."""

    def read_text(text):
        path = tmp_path / "town.xodr"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_opendrive(path)

    return read_text
