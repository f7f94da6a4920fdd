"""Colour grading of camera images."""

import numpy as np
import pytest

from drivecnn_envs.grading import LUMA, draw_grades, grade


@pytest.fixture
def cameras():
    return np.random.default_rng(0).integers(0, 256, (40, 2, 3, 8, 12), dtype=np.uint8)


def graded(cameras, strength, seed=0):
    images = cameras.copy()
    grade(images, draw_grades(len(images), strength, np.random.default_rng(seed)))
    return images


def test_no_strength_leaves_images_as_they_are(cameras):
    assert np.abs(graded(cameras, 0.0).astype(int) - cameras).max() <= 1


def test_most_images_change_and_some_stay(cameras):
    change = np.abs(graded(cameras, 1.0).astype(int) - cameras).mean(axis=(1, 2, 3, 4))
    assert 0.05 < (change < 1.0).mean() < 0.45
    assert np.median(change) > 10.0


def test_all_cameras_of_a_car_are_graded_alike(cameras):
    cameras[:, 1] = cameras[:, 0]
    images = graded(cameras, 1.0)
    assert np.array_equal(images[:, 0], images[:, 1])


def test_the_same_draw_gives_the_same_grading(cameras):
    assert np.array_equal(graded(cameras, 0.7, seed=3), graded(cameras, 0.7, seed=3))
    assert not np.array_equal(graded(cameras, 0.7, seed=3), graded(cameras, 0.7, seed=4))


def test_turning_hues_keeps_grey_grey():
    """Without gains of single channels a grey has equal channels; with them nearly so."""
    grey = np.full((200, 1, 3, 1, 1), 120, np.uint8)
    images = graded(grey, 0.5).astype(float)[:, 0, :, 0, 0]
    assert np.ptp(images, axis=1).mean() < 25.0
    assert (images @ LUMA).std() > 5.0
