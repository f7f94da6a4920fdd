"""Images agree with what projecting the world by hand says."""

import dataclasses

import numba
import numpy as np
import pytest

from drivecnn_envs.cameras import NOISE, CameraRig, Walk, render
from drivecnn_envs.errors import InputError
from drivecnn_envs.states import STATE, Atlas
from drivecnn_envs.world import RESOLUTION, Material, World

RIG = CameraRig()
AHEAD_ONLY = dataclasses.replace(RIG, yaws=(0.0,))
ROWS, COLUMNS = RIG.image_size
FOCAL = COLUMNS / 2 / np.tan(RIG.field_of_view / 2)  # px
HORIZON = RIG.horizon * ROWS
LEFT, CENTRE, RIGHT = 0, 1, 2


def state(seed=1, **values):
    states = np.zeros(1, STATE)
    states["seed"] = seed
    for name, value in values.items():
        states[name] = value
    return states


def look(world, states, rig=AHEAD_ONLY):
    return render(states, Atlas.of([world]), Walk.of(rig), rig.image_size)


def mark(world, other, rig=AHEAD_ONLY, **values):
    """Pixels (C, H, W) that differ between two worlds. Noise and colours are the same."""
    images = [look(w, state(**values), rig)[0].astype(int) for w in (world, other)]
    return np.abs(images[0] - images[1]).max(axis=1) > 2


def extent(mask):
    """First and last row, first and last column of a mask's pixels."""
    rows, columns = np.nonzero(mask)
    return rows.min(), rows.max(), columns.min(), columns.max()


def row_of(height, depth):
    return HORIZON + (RIG.height - height) * FOCAL / depth


def column_of(left, depth):
    return COLUMNS / 2 - left * FOCAL / depth


def mirrored(world):
    """The world with y negated."""
    levels = tuple(level[::-1].copy() for level in world.levels)
    north = world.origin[1] + len(levels[0]) * RESOLUTION
    return World(
        world.network, 0, levels, world.roads[::-1].copy(), world.origin * (1, 0) - (0, north)
    )


@pytest.fixture(scope="module")
def flat(make_world):
    return make_world()


def test_flat_world_has_a_straight_horizon_at_the_row_asked_for(make_world, flat):
    for horizon in (0.25, 0.4, 0.6):
        rig = dataclasses.replace(RIG, horizon=horizon)
        wide = {"low": (-208.0, -208.0), "high": (208.0, 208.0)}
        ground = mark(make_world(**wide), make_world(ground=Material.WALL_A, **wide), rig)
        first_row = ground.argmax(axis=1)  # (C, W)
        assert (first_row == first_row[0, 0]).all()
        assert horizon * ROWS <= first_row[0, 0] <= horizon * ROWS + 1.5
        assert ground[:, first_row[0, 0] :].all()


def test_wall_covers_the_pixels_it_projects_to(make_world, box, flat):
    wall = make_world(box(20.0, 30.0, 1.0, 5.0, 3.0))
    top, bottom, left, right = extent(mark(wall, flat)[0])
    depth = 20.0 - RIG.ahead
    assert top == pytest.approx(row_of(3.0, depth), abs=1.0)
    assert bottom == pytest.approx(row_of(0.0, depth) - 1, abs=1.0)
    assert left == pytest.approx(column_of(5.0, depth), abs=1.0)
    assert right == pytest.approx(column_of(1.0, 30.0 - RIG.ahead) - 1, abs=1.5)


@pytest.mark.parametrize("height", [2.5, 6.0, 20.0])
def test_taller_walls_reach_higher(make_world, box, flat, height):
    wall = make_world(box(40.0, 44.0, -2.0, 2.0, height))
    top = extent(mark(wall, flat)[0])[0]
    assert top == pytest.approx(max(row_of(height, 40.0 - RIG.ahead), 0.0), abs=1.0)


def test_wall_hides_what_is_behind_it(make_world, box):
    wall, shed = box(20.0, 22.0, -8.0, 8.0, 4.0), box(26.0, 30.0, -2.0, 2.0, 4.0, Material.WALL_A)
    assert not mark(make_world(wall, shed), make_world(wall)).any()
    assert mark(make_world(shed), make_world()).any()


def test_tower_is_seen_above_the_wall_in_front_of_it(make_world, box):
    wall, tower = box(20.0, 22.0, -8.0, 8.0, 2.0), box(30.0, 34.0, -2.0, 2.0, 12.0, Material.WALL_A)
    top, bottom, _, _ = extent(mark(make_world(wall, tower), make_world(wall))[0])
    depth = 30.0 - RIG.ahead
    assert top == pytest.approx(max(row_of(12.0, depth), 0.0), abs=1.0)
    assert bottom == pytest.approx(row_of(2.0, 20.0 - RIG.ahead) - 1, abs=1.0)


@pytest.mark.parametrize(("north", "camera"), [(25.0, LEFT), (-25.0, RIGHT)])
def test_side_cameras_see_what_is_beside_the_car(make_world, box, flat, north, camera):
    wall = make_world(box(10.0, 14.0, north - 2, north + 2, 5.0))
    seen = mark(wall, flat, RIG).any(axis=(1, 2))
    assert seen.tolist() == [number == camera for number in (LEFT, CENTRE, RIGHT)]


@pytest.mark.parametrize("yaw", [0.3, -0.3])
def test_turning_moves_what_is_ahead_to_the_other_side(make_world, box, yaw):
    low, high = (-64.0, -64.0), (64.0, 64.0)
    flat = make_world(low=low, high=high)
    wall = make_world(box(30.0, 32.0, -1.0, 1.0, 4.0), low=low, high=high)
    _, _, left, right = extent(mark(wall, flat, yaw=yaw)[0])
    depth = 31.0 * np.cos(yaw) - RIG.ahead
    expected = column_of(-31.0 * np.sin(yaw), depth)
    assert (left + right + 1) / 2 == pytest.approx(expected, abs=1.5)


def test_a_camera_at_a_yaw_sees_what_a_car_at_that_yaw_sees_ahead(world):
    turned = dataclasses.replace(AHEAD_ONLY, yaws=(0.5,), ahead=0.0)
    ahead = dataclasses.replace(AHEAD_ONLY, ahead=0.0)
    place = dict(
        zip("xy", world.network.lanes[next(iter(world.network.lanes))].points[5], strict=True)
    )
    assert np.array_equal(
        look(world, state(yaw=1.0, **place), turned), look(world, state(yaw=1.5, **place), ahead)
    )


def test_mirrored_world_gives_mirrored_images(world, simulator):
    states = simulator.start(range(5), range(5))  # the first five routes are in this fixture's town
    states["world"] = 0
    flipped = states.copy()
    flipped["y"], flipped["yaw"] = -states["y"], -states["yaw"]
    images = look(world, states, RIG).astype(int)
    mirror = look(mirrored(world), flipped, RIG)[:, ::-1, :, :, ::-1].astype(int)
    assert (np.abs(images - mirror) <= 2 * NOISE).mean() > 0.995


def test_images_do_not_depend_on_the_batch_or_on_threads(simulator):
    states = simulator.start(list(range(10)) * 2, range(20))
    cameras = simulator.observe(states).cameras
    order = np.random.default_rng(0).permutation(20)
    assert np.array_equal(simulator.observe(states[order]).cameras, cameras[order])
    assert np.array_equal(simulator.observe(states[7:8]).cameras, cameras[7:8])
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        assert np.array_equal(simulator.observe(states).cameras, cameras)
    finally:
        numba.set_num_threads(threads)


def test_same_seed_gives_the_same_image_and_another_seed_another_look(flat):
    images = [look(flat, state(seed=seed)).astype(int) for seed in (1, 1, 2)]
    assert np.array_equal(images[0], images[1])
    assert np.abs(images[0] - images[2]).mean() > 5


def test_noise_changes_from_step_to_step_and_stays_small(flat):
    first, second = (look(flat, state(step=step)).astype(int) for step in (0, 1))
    assert np.abs(first - second).mean() > 1.0
    assert np.abs(first - second).max() <= 2 * NOISE


def test_noise_of_the_cameras_differs(flat):
    rig = dataclasses.replace(RIG, yaws=(0.0, 0.0))
    first, second = look(flat, state(), rig)[0].astype(int)
    assert np.abs(first - second).mean() > 1.0
    assert np.abs(first - second).max() <= 2 * NOISE


def test_a_car_far_outside_the_world_sees_flat_land(flat):
    first, second = (look(flat, state(x=x, y=-1e5)) for x in (-1e5, 3e5))
    assert np.array_equal(first, second)


def test_image_has_the_size_asked_for(flat):
    for size in ((1, 1), (66, 200), (31, 17)):
        rig = dataclasses.replace(RIG, image_size=size)
        assert look(flat, state(), rig).shape == (1, 3, 3, *size)


@pytest.mark.parametrize(
    "values",
    [
        {"image_size": (0, 96)},
        {"image_size": (48, 20_000)},
        {"yaws": ()},
        {"yaws": (0.0, float("nan"))},
        {"field_of_view": 0.0},
        {"field_of_view": 3.2},
        {"field_of_view": float("nan")},
        {"height": 0.0},
        {"height": 100.0},
        {"ahead": float("inf")},
        {"horizon": 1.0},
        {"horizon": -0.1},
    ],
)
def test_cameras_that_cannot_exist_are_refused(values):
    with pytest.raises(InputError, match=r"expected|need"):
        CameraRig(**values)
