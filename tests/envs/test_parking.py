"""Parked cars stand beside the lanes, and nowhere where something else stands."""

from itertools import combinations

import numpy as np
import pytest

from drivecnn_envs.materials import SHADED, Material
from drivecnn_envs.world import RESOLUTION, build_world

KERB_HEIGHT = 1  # height units
SEEDS = range(12)


@pytest.fixture(scope="module")
def worlds(town):
    """Worlds of many seeds around one town."""
    return [build_world(town, seed) for seed in SEEDS]


def outline(car, margin=0.0):
    """Points (N, 2) [m] all over a car and a margin around it."""
    along, across = np.meshgrid(np.linspace(-0.5, 0.5, 25), np.linspace(-0.5, 0.5, 11))
    along = along.ravel() * (car["length"] + 2 * margin)
    across = across.ravel() * (car["width"] + 2 * margin)
    cos, sin = np.cos(car["yaw"]), np.sin(car["yaw"])
    return np.stack(
        [car["x"] + along * cos - across * sin, car["y"] + along * sin + across * cos], axis=1
    )


def test_some_towns_have_parked_cars_and_some_have_none(worlds):
    counts = [len(world.parked) for world in worlds]
    assert 0 in counts
    assert max(counts) > 30


def test_parked_cars_keep_their_distance_from_every_lane(town, worlds):
    points = np.concatenate([lane.points for lane in town.lanes.values()])
    halves = np.concatenate([lane.widths for lane in town.lanes.values()]) / 2
    for world in worlds:
        for car in world.parked:
            near = np.abs(points - (car["x"], car["y"])).max(axis=1) < 8.0
            away = np.linalg.norm(outline(car)[:, None] - points[near], axis=-1) - halves[near]
            assert away.min() >= 0.35


def test_parked_cars_stand_on_flat_ground_under_no_low_crown(worlds):
    for world in worlds:
        for car in world.parked:
            columns, rows = ((outline(car) - world.origin) / RESOLUTION).astype(int).T
            texels = world.levels[0][rows, columns]
            hangs = texels[:, 0] & ~np.uint8(SHADED) == Material.CROWN
            assert (texels[hangs, 2] * 0.1 > car["height"]).all()
            assert (texels[~hangs, 3] <= KERB_HEIGHT).all()


def test_parked_cars_do_not_meet(worlds):
    for world in worlds:
        for one, other in combinations(world.parked, 2):
            gap = np.hypot(one["x"] - other["x"], one["y"] - other["y"])
            if gap < 8.0:
                spread = outline(one)[:, None] - outline(other)[None]
                assert np.linalg.norm(spread, axis=-1).min() > 0.1


def test_parked_cars_have_the_sizes_of_cars_and_vans(worlds):
    cars = np.concatenate([world.parked for world in worlds])
    assert ((cars["length"] >= 4.2) & (cars["length"] <= 6.4)).all()
    assert ((cars["width"] >= 1.6) & (cars["width"] <= 2.1)).all()
    assert 0.0 < (cars["length"] > 5.0).mean() < 0.3
    assert (cars["height"] > 1.2).all()
    assert len(np.unique(cars["seed"])) > 0.9 * len(cars)
