"""Random numbers that belong to places, however rasters are cut."""

import numpy as np
import pytest

from drivecnn_envs.canvas import fill_noise, noise_at, place_bits, place_key
from drivecnn_envs.materials import RESOLUTION

SEED = np.uint64(11)


def noise_row(west, row, columns, cell):
    out = np.empty(columns, np.float32)
    fill_noise(out, SEED, west, row, cell)
    return out


@pytest.mark.parametrize(("west", "row", "cell"), [(0, 0, 8), (-37, 5, 8), (123, -9, 32)])
def test_a_row_of_noise_is_the_noise_at_its_texels(west, row, cell):
    at_texels = [
        noise_at(SEED, (west + k + 0.5) * RESOLUTION, (row + 0.5) * RESOLUTION, cell * RESOLUTION)
        for k in range(100)
    ]
    assert noise_row(west, row, 100, cell) == pytest.approx(np.array(at_texels), abs=1e-5)


def test_noise_belongs_to_the_place_and_not_to_the_raster():
    assert np.array_equal(noise_row(-50, 3, 200, 32)[60:], noise_row(10, 3, 140, 32))


def test_noise_is_smooth_and_fills_its_range():
    rows = np.array([noise_row(0, row, 800, 16) for row in range(400)])
    assert np.abs(np.diff(rows)).max() < 0.12
    assert np.abs(np.diff(rows, axis=0)).max() < 0.12
    assert rows.mean() == pytest.approx(0.5, abs=0.03)
    assert rows.min() < 0.05
    assert rows.max() > 0.95


def test_bits_of_neighbouring_places_have_nothing_in_common():
    bits = np.array([[place_bits(SEED, x, y) for x in range(-40, 40)] for y in range(-40, 40)])
    unit = bits / 2.0**32
    assert unit.mean() == pytest.approx(0.5, abs=0.02)
    for near in (unit[:, 1:] - unit[:, :-1], unit[1:] - unit[:-1]):
        assert np.abs(near).mean() == pytest.approx(1 / 3, abs=0.02)
    assert len(np.unique(bits)) == bits.size


def test_key_is_the_same_within_a_texel_and_another_in_the_next():
    assert place_key(SEED, 3.01, -7.01) == place_key(SEED, 3.24, -7.24)
    assert place_key(SEED, 3.01, -7.01) != place_key(SEED, 3.26, -7.01)
