"""Images agree with what projecting the world by hand says."""

import dataclasses

import numba
import numpy as np
import pytest
from looking import (
    AHEAD,
    CENTRE,
    LEFT,
    RIG,
    RIGHT,
    SHARP,
    classes,
    colours,
    column_of,
    depths,
    extent,
    look,
    row_of,
    seed_with,
    state,
)

from drivecnn_envs.boxes import Box, Boxes
from drivecnn_envs.cameras import render
from drivecnn_envs.looks import Light
from drivecnn_envs.march import FAR_DEPTH, SHORTEST_STEP, STEP_GROWTH
from drivecnn_envs.materials import HEIGHT_UNIT, SHADED, Material, SemanticClass
from drivecnn_envs.states import Atlas
from drivecnn_envs.views import MAX_IMAGE_SIDE
from drivecnn_envs.world import RESOLUTION

ROWS, COLUMNS = AHEAD.image_size
HORIZON = AHEAD.horizon * ROWS
WIDE = {"low": (-208.0, -208.0), "high": (208.0, 208.0)}  # as far as cameras see


def of_class(wanted, world, states=None, rig=AHEAD):
    """Pixels (H, W) of a semantic class."""
    return classes(world, states, rig) == wanted


def houses(world, states=None, rig=AHEAD):
    return of_class(SemanticClass.BUILDING, world, states, rig)


def mirrored(world):
    """The world with y negated."""
    north = world.origin[1] + len(world.levels[0]) * RESOLUTION
    return dataclasses.replace(
        world,
        levels=tuple(level[::-1].copy() for level in world.levels),
        roads=world.roads[::-1].copy(),
        origin=world.origin * (1, 0) - (0, north),
        sun=-world.sun,
    )


@pytest.fixture(scope="module")
def flat(make_world):
    return make_world()


@pytest.mark.parametrize("horizon", [0.0, 0.25, 0.4, 0.6])
def test_flat_world_has_a_straight_horizon_at_the_row_asked_for(make_world, horizon):
    rig = dataclasses.replace(RIG, horizon=horizon)
    road = look(make_world(**WIDE), rig=rig).semantic[0] == SemanticClass.ROAD
    first_row = road.argmax(axis=1)  # (C, W)
    assert (first_row == first_row[0, 0]).all()
    assert first_row[0, 0] == pytest.approx(row_of(0.0, FAR_DEPTH, rig), abs=1.0)
    assert road[:, first_row[0, 0] :].all()


@pytest.mark.parametrize("size", [(48, 96), (66, 200), (240, 1000), (300, MAX_IMAGE_SIDE)])
def test_no_sky_is_seen_below_the_horizon(make_world, size):
    rig = dataclasses.replace(AHEAD, image_size=size)
    sky = of_class(SemanticClass.SKY, make_world(**WIDE), rig=rig)
    assert not sky[int(np.ceil(rig.horizon * size[0])) :].any()


def test_wall_covers_the_pixels_it_projects_to(make_world, box):
    top, bottom, left, right = extent(houses(make_world(box(20.0, 30.0, 1.0, 5.0, 3.0))))
    depth = 20.0 - AHEAD.ahead
    assert top == pytest.approx(row_of(3.0, depth), abs=1.0)
    assert bottom == pytest.approx(row_of(0.0, depth) - 1, abs=1.0)
    assert left == pytest.approx(column_of(5.0, depth), abs=1.0)
    assert right == pytest.approx(column_of(1.0, 30.0 - AHEAD.ahead) - 1, abs=1.5)


@pytest.mark.parametrize("height", [2.5, 6.0, 20.0])
def test_taller_walls_reach_higher(make_world, box, height):
    top = extent(houses(make_world(box(40.0, 44.0, -2.0, 2.0, height))))[0]
    assert top == pytest.approx(max(row_of(height, 40.0 - AHEAD.ahead), 0.0), abs=1.0)


def test_wall_hides_what_is_behind_it(make_world, box):
    wall = box(20.0, 22.0, -8.0, 8.0, 4.0)
    hedge = box(26.0, 30.0, -2.0, 2.0, 4.0, Material.HEDGE)
    assert SemanticClass.VEGETATION not in classes(make_world(wall, hedge))
    assert SemanticClass.VEGETATION in classes(make_world(hedge))


def test_tower_is_seen_above_the_hedge_in_front_of_it(make_world, box):
    hedge = box(20.0, 22.0, -8.0, 8.0, 2.0, Material.HEDGE)
    seen = houses(make_world(hedge, box(30.0, 34.0, -2.0, 2.0, 12.0)))
    top, bottom, _, _ = extent(seen)
    assert top == pytest.approx(max(row_of(12.0, 30.0 - AHEAD.ahead), 0.0), abs=1.0)
    assert bottom == pytest.approx(row_of(2.0, 20.0 - AHEAD.ahead) - 1, abs=1.0)


@pytest.mark.parametrize(("north", "camera"), [(25.0, LEFT), (-25.0, RIGHT)])
def test_side_cameras_see_what_is_beside_the_car(make_world, box, north, camera):
    wall = make_world(box(10.0, 14.0, north - 2, north + 2, 5.0))
    seen = (look(wall, rig=RIG).semantic[0] == SemanticClass.BUILDING).any(axis=(1, 2))
    assert seen.tolist() == [number == camera for number in (LEFT, CENTRE, RIGHT)]


@pytest.mark.parametrize("yaw", [0.3, -0.3])
def test_turning_moves_what_is_ahead_to_the_other_side(make_world, box, yaw):
    wall = make_world(box(30.0, 32.0, -1.0, 1.0, 4.0))
    _, _, left, right = extent(houses(wall, state(yaw=yaw)))
    depth = 31.0 * np.cos(yaw) - AHEAD.ahead
    expected = column_of(-31.0 * np.sin(yaw), depth)
    assert (left + right + 1) / 2 == pytest.approx(expected, abs=1.5)


def test_a_camera_at_a_yaw_sees_what_a_car_at_that_yaw_sees_ahead(world):
    turned = dataclasses.replace(AHEAD, yaws=(0.5,), ahead=0.0)
    ahead = dataclasses.replace(AHEAD, ahead=0.0)
    lane = next(iter(world.network.lanes.values()))
    place = dict(zip("xy", lane.points[5], strict=True))
    one, other = (
        look(world, state(yaw=1.0, **place), turned),
        look(world, state(yaw=1.5, **place), ahead),
    )
    assert all(np.array_equal(*pair) for pair in zip(one, other, strict=True))


def test_mirrored_world_gives_mirrored_images(world, simulator):
    states = simulator.start(range(5), range(5))  # the first five routes are in this fixture's town
    states["world"] = 0
    flipped = states.copy()
    flipped["y"], flipped["yaw"] = -states["y"], -states["yaw"]
    images, mirror = look(world, states, RIG), look(mirrored(world), flipped, RIG)
    assert (images.semantic == mirror.semantic[:, ::-1, :, ::-1]).mean() > 0.995
    assert (images.depth == mirror.depth[:, ::-1, :, ::-1]).mean() > 0.995


@pytest.mark.parametrize("height", [1.0, 1.5, 6.0])
def test_ground_is_as_far_as_its_row_says(make_world, height):
    rig = dataclasses.replace(SHARP, height=height)
    seen = depths(make_world(**WIDE), rig=rig)
    rows = np.arange(rig.image_size[0]) + 0.5
    ground = rows > row_of(0.0, FAR_DEPTH, rig) + 0.5
    expected = height * rig.focal / (rows[ground] - rig.horizon * rig.image_size[0])
    assert seen[ground] == pytest.approx(expected[:, None].repeat(192, axis=1), rel=1e-4)


@pytest.mark.parametrize("distance", [5.0, 14.5, 33.0, 80.0, 120.0])
def test_wall_is_as_far_as_it_stands_within_a_step(make_world, box, distance):
    east = distance + AHEAD.ahead
    wall = make_world(box(east, east + 6.0, -3.0, 3.0, 5.0))
    seen = depths(wall)[houses(wall)]
    texel = 8 * RESOLUTION  # of the coarsest mip level
    step = max(SHORTEST_STEP, STEP_GROWTH * distance)
    assert seen.min() > distance - texel
    assert np.median(seen) <= distance + step + RESOLUTION


def test_crown_hangs_so_that_one_sees_below_it(make_world, box):
    crown = box(20.0, 24.0, -3.0, 3.0, 6.0, Material.CROWN, round(2.5 / HEIGHT_UNIT))
    house = box(40.0, 44.0, -10.0, 10.0, 2.2)
    both = make_world(crown, house)
    seen = classes(both, rig=SHARP)
    middle = seen[:, SHARP.image_size[1] // 2]
    leaves = np.flatnonzero(middle == SemanticClass.VEGETATION)
    nearest = 20.0 - AHEAD.ahead
    highest, lower = (row_of(6.0, depth, SHARP) for depth in (nearest, nearest + SHORTEST_STEP))
    assert highest - 0.5 <= leaves.min() <= lower + 0.5
    assert leaves.max() == pytest.approx(row_of(2.5, 24.0 - AHEAD.ahead, SHARP), abs=1.5)
    alone = classes(make_world(house), rig=SHARP)[:, SHARP.image_size[1] // 2]
    assert (middle[leaves.max() + 1 :] == alone[leaves.max() + 1 :]).all()
    assert (middle == SemanticClass.BUILDING).sum() > 3


def test_sky_shows_between_a_crown_and_the_house_behind_it(make_world, box):
    crown = box(6.0, 8.0, -3.0, 3.0, 4.0, Material.CROWN, round(2.5 / HEIGHT_UNIT))
    world = make_world(crown, box(60.0, 64.0, -40.0, 40.0, 3.0))
    middle = classes(world, rig=SHARP)[:, SHARP.image_size[1] // 2]
    changes = middle[np.flatnonzero(np.diff(middle.astype(int), prepend=-1))].tolist()
    wanted = [SemanticClass.VEGETATION, SemanticClass.SKY, SemanticClass.BUILDING]
    assert [c for c in changes if c != SemanticClass.TERRAIN][-4:] == [*wanted, SemanticClass.ROAD]


def test_bush_that_stands_on_the_ground_hides_what_is_behind_it(make_world, box):
    bush = box(20.0, 24.0, -8.0, 8.0, 3.0, Material.CROWN, 0)
    assert not houses(make_world(bush, box(40.0, 44.0, -2.0, 2.0, 2.0))).any()


def test_images_do_not_depend_on_the_batch_or_on_threads(simulator):
    states, atlas = simulator.start([*range(10)] * 2, range(20)), simulator.scene.atlas
    rng = np.random.default_rng(0)
    around = []
    for x, y in states[["x", "y"]].tolist():
        places = rng.uniform((x - 25.0, y - 25.0, -3.0), (x + 25.0, y + 25.0, 3.0), (5, 3))
        around.append([Box(*place, 5.0, 2.0, 1.5, n) for n, place in enumerate(places)])

    def seen(chosen):
        boxes = Boxes.of([around[number] for number in chosen])
        return render(states[chosen], atlas, RIG, boxes=boxes)

    def same(images, chosen):
        return all(
            np.array_equal(one, all_[chosen]) for one, all_ in zip(images, every, strict=True)
        )

    every = seen(np.arange(20))
    assert same(seen(order := rng.permutation(20)), order)
    assert same(seen(np.arange(7, 8)), [7])
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        assert same(seen(np.arange(20)), np.arange(20))
    finally:
        numba.set_num_threads(threads)


def test_same_seed_gives_the_same_image_and_another_seed_another_look(flat):
    images = [colours(flat, state(seed=seed)) for seed in (1, 1, 2)]
    assert np.array_equal(images[0], images[1])
    assert np.abs(images[0] - images[2]).mean() > 5


def test_a_car_far_outside_the_world_sees_flat_land(flat):
    images = [look(flat, state(x=x, y=-1e5)) for x in (-1e5, 3e5)]
    below = int(np.ceil(HORIZON)) + 1
    for seen in images:
        assert (seen.semantic[..., below:, :] == SemanticClass.TERRAIN).all()
        assert np.array_equal(seen.semantic, images[0].semantic)
        assert np.array_equal(seen.depth, images[0].depth)


@pytest.mark.parametrize(
    "size", [(1, 1), (66, 200), (31, 17), (2, MAX_IMAGE_SIDE), (MAX_IMAGE_SIDE, 1)]
)
def test_image_has_the_size_asked_for(flat, size):
    rig = dataclasses.replace(RIG, image_size=size)
    rgb, semantic, depth = look(flat, state(2), rig)
    assert rgb.shape == (2, 3, 3, *size)
    assert semantic.shape == depth.shape == (2, 3, *size)
    assert np.isfinite(depth).all()
    assert {*np.unique(semantic)} <= {*SemanticClass}


def test_wider_image_shows_the_same_finer(make_world, box):
    house = make_world(box(30.0, 40.0, 1.0, 9.0, 6.0), **WIDE)
    fine = dataclasses.replace(AHEAD, image_size=(8 * ROWS, 8 * COLUMNS))
    coarse, seen = classes(house), classes(house, rig=fine)[4::8, 4::8]
    assert (coarse == seen).mean() > 0.97


@pytest.mark.parametrize("height", [2.0, 25.0])
def test_a_camera_inside_a_house_sees_its_walls(make_world, box, height):
    house = make_world(box(-20.0, 20.0, -20.0, 20.0, height))
    images = look(house, rig=RIG)
    assert np.array_equal(images.rgb, look(house, rig=RIG).rgb)
    assert (images.semantic[..., int(HORIZON) :, :] == SemanticClass.BUILDING).all()
    assert images.depth.min() >= 0.5


def chequered(world_of, averaged=True):
    """A road whose paint changes from texel to texel; else coarser levels keep one of each four."""
    texels = np.zeros((512, 1664, 4), np.uint8)
    texels[..., 0], texels[..., 1] = Material.ROAD, 200
    texels[..., 2] = np.indices(texels.shape[:2]).sum(axis=0) % 2 * 255
    world, rng = world_of(texels, (-64.0, -64.0)), np.random.default_rng(0)
    if not averaged:
        for level in world.levels[1:]:
            level[..., 2] = 255 * rng.integers(2, size=level.shape[:2])
    return world


def flicker(world):
    """Mean standard deviation [levels] of far road pixels while the camera creeps ahead."""
    seed = seed_with(Light.SUN, Light.FOG_DENSITY)
    states = state(24, seed, x=np.linspace(0.0, 1.0, 24))
    near, far = (int(row_of(0.0, depth, SHARP)) for depth in (45.0, 120.0))
    frames = look(world, states, SHARP).rgb[:, 0, 1, far:near].astype(float)
    return frames.std(axis=0).mean()


def test_far_ground_does_not_flicker(world_of, make_world):
    plain = flicker(make_world(low=(-64.0, -64.0), high=(352.0, 64.0)))
    assert flicker(chequered(world_of)) < plain + 1.0
    assert flicker(chequered(world_of, averaged=False)) > plain + 15.0


def test_shaded_bit_changes_no_geometry(make_world, box):
    lit, dark = (
        look(make_world(box(20.0, 24.0, -2.0, 2.0, 4.0, Material.WALL_A | bit)))
        for bit in (0, SHADED)
    )
    assert np.array_equal(lit.semantic, dark.semantic)
    assert np.array_equal(lit.depth, dark.depth)


def test_worlds_of_an_atlas_do_not_mix(make_world, box):
    worlds = [make_world(box(x, x + 4.0, -4.0, 4.0, 5.0)) for x in (15.0, 30.0, 60.0)]
    states = state(3, world=[2, 0, 1])
    together = look(Atlas.of(worlds), states)
    for number, own in enumerate(states["world"]):
        alone = look(worlds[own])
        assert np.array_equal(together.rgb[number], alone.rgb[0])
        assert np.array_equal(together.depth[number], alone.depth[0])
