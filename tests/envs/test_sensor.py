"""The sensor adds noise, blur and rain, the same for a seed."""

import dataclasses

import numpy as np
import pytest
from looking import AHEAD, colours, look, seed_with, state

from drivecnn_envs.looks import LIGHTS, Light
from drivecnn_envs.sensor import STREAK_LENGTH, STREAK_LEVELS, STREAKS, expose

ROWS, COLUMNS = 60, 100


def exposed(sharp, seed=1, **effects):
    """What a sensor with only these effects makes of an image (3, H, W), as integers."""
    light = np.zeros(LIGHTS, np.float32)
    for name, value in effects.items():
        light[Light[name.upper()]] = value
    image = np.full_like(sharp, 77)
    red, green, blue = sharp.astype(np.uint32)
    packed = red | green << 8 | blue << 16
    level = np.zeros(sharp.shape[2], np.int32)
    expose(packed, level, 0, np.uint64(seed), light, np.empty_like(packed[0]), image)
    return image.astype(int)


@pytest.fixture(scope="module")
def grey():
    return np.full((3, ROWS, COLUMNS), 100, np.uint8)


@pytest.fixture(scope="module")
def dot(grey):
    """A white pixel on grey."""
    image = grey.copy()
    image[:, 30, 50] = 228
    return image


def test_sensor_without_faults_shows_the_image_as_it_is():
    image = np.random.default_rng(0).integers(256, size=(3, ROWS, COLUMNS)).astype(np.uint8)
    assert np.array_equal(exposed(image), image)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1), (2, 2), (3, 3)])
def test_images_of_any_size_are_exposed(size):
    image = np.full((3, *size), 100, np.uint8)
    seen = exposed(image, noise=2.0, blur=0.25, rain=1.0)
    assert np.abs(seen - 100).max() <= 2 + STREAK_LEVELS


@pytest.mark.parametrize("noise", [1.0, 2.5, 6.0])
def test_noise_is_even_and_within_its_limits(grey, noise):
    error = exposed(grey, noise=noise) - 100
    assert np.abs(error).max() <= noise
    assert error.mean() == pytest.approx(0.0, abs=0.1)
    levels = 2 * int(noise) + 1
    assert len(np.unique(error)) == levels
    assert error.std() == pytest.approx(np.sqrt((levels**2 - 1) / 12), rel=0.03)
    flat = error.reshape(3, -1)
    assert abs(np.corrcoef(flat[0], flat[1])[0, 1]) < 0.05
    assert abs(np.corrcoef(flat[0, 1:], flat[0, :-1])[0, 1]) < 0.05
    assert abs(np.corrcoef(error[0, 1:].ravel(), error[0, :-1].ravel())[0, 1]) < 0.05


def test_noise_differs_by_seed_and_is_the_same_for_one(grey):
    one, again, other = (exposed(grey, seed, noise=3.0) for seed in (1, 1, 2**63 + 7))
    assert np.array_equal(one, again)
    assert (one != other).mean() > 0.7


def test_noise_does_not_wrap_around_black_and_white(grey):
    for level in (0, 255):
        seen = exposed(np.full_like(grey, level), noise=8.0)
        assert np.abs(seen - level).max() <= 8


def test_blur_gives_a_share_of_each_pixel_to_its_neighbours(dot):
    blurred = exposed(dot, blur=0.125)[0] - 100
    share = 128 * 8 // 256
    expected = np.zeros((ROWS, COLUMNS), int)
    expected[[29, 31, 30, 30], [50, 50, 49, 51]] = share
    expected[30, 50] = 128 - 4 * share
    assert np.array_equal(blurred, expected)


def test_rain_is_short_bright_upright_strokes(grey):
    rain = exposed(grey, rain=1.0) - 100
    assert (rain[0] == rain[1]).all()
    assert rain.min() == 0
    drops = int(STREAKS * ROWS * COLUMNS)
    length = int(STREAK_LENGTH * ROWS)
    wet = (rain[0] > 0).sum()
    assert 0.4 * drops * length < wet <= drops * length
    columns = np.flatnonzero((rain[0] > 0).any(axis=0))
    assert 0.5 * drops < len(columns) <= drops
    assert STREAK_LEVELS // 2 <= rain.max() <= 2 * STREAK_LEVELS


def test_rain_falls_anew_in_every_frame_and_camera(make_world):
    seed = seed_with(Light.RAIN)
    frames = [colours(make_world(), state(seed=seed, step=step)) for step in (0, 1)]
    streaks = [(frame - np.minimum(*frames)).min(axis=0) > STREAK_LEVELS // 3 for frame in frames]
    assert streaks[0].sum() > 8
    assert streaks[1].sum() > 8
    assert not (streaks[0] & streaks[1]).any()


def test_noise_differs_between_frames_cameras_and_cars(make_world):
    states = state(3, seed=[4, 4, 4], step=[0, 1, 0])
    twice = dataclasses.replace(AHEAD, yaws=(0.0, 0.0))
    seen = look(make_world(), states, twice).rgb.astype(int)
    assert np.array_equal(seen[0], seen[2])
    for one, other in ((seen[0, 0], seen[0, 1]), (seen[0, 0], seen[1, 0])):
        assert 0.3 < np.abs(one - other).mean() < 12
        assert (one != other).mean() > 0.3
