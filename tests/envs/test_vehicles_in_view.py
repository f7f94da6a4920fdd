"""Vehicles and obstacles appear in the images where projecting them by hand says."""

import dataclasses

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from looking import AHEAD, RIG, SHARP, classes, colours, depths, look, row_of, seed_with, state

from drivecnn_envs.box_shadows import SHADOW_REACH
from drivecnn_envs.boxes import Box, Boxes, Kind
from drivecnn_envs.cameras import render
from drivecnn_envs.looks import Light
from drivecnn_envs.march import FAR_DEPTH
from drivecnn_envs.materials import Material, SemanticClass
from drivecnn_envs.shapes import BLOCKS, HEIGHTS, Style, height_of, style_of
from drivecnn_envs.states import Atlas

ROWS, COLUMNS = AHEAD.image_size
CLASSES = [SemanticClass.CAR, SemanticClass.TRUCK, SemanticClass.BUS, SemanticClass.WALL]
RED_SEED, BLUE_SEED = 31, 5
CLEAR = seed_with(Light.SUN)
DULL = seed_with(Light.AMBIENT, Light.SUN, Light.FOG_DENSITY)
NIGHT = seed_with(Light.HEADLIGHTS)


def car(x, y, yaw=0.0, **values):
    return Box(x, y, yaw, 5.0, 2.0, 1.5, RED_SEED)._replace(**values)


def drawn(atlas, *boxes, rig=AHEAD, states=None):
    """Pixels (H, W) that show vehicles or obstacles."""
    return np.isin(classes(atlas, states, rig, boxes), CLASSES)


def turned(points, x, y, yaw):
    """Points (..., 3) of a frame that stands at x and y [m] and is turned by a yaw [rad]."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    rotation = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    return points @ rotation + np.array([x, y, 0.0])


def corners(box):
    """Corners of the blocks of a box's shape, (blocks, 8, 3) m, in the world."""
    found = []
    for block in BLOCKS[style_of(int(box.kind), box.length, np.uint64(box.seed))]:
        if block[1] <= block[0]:
            continue
        slope = (block[8] - block[7]) / 2
        tops = [block[7] + slope * (u + 1) for u in block[2:4]]
        points = [(u, v, max(block[6], 0)) for u in block[:2] for v in (-block[4], block[4])]
        points += [
            (u, v, w) for u, w in zip(block[2:4], tops, strict=True) for v in (-block[5], block[5])
        ]
        found.append(points)
    local = np.array(found) * (box.length / 2, box.width / 2, box.height)
    return turned(local, box.x, box.y, box.yaw)


def thinner(mask):
    """The mask less a pixel all around, also along the image's edges."""
    kernel, outside = np.ones((3, 3)), {"borderType": cv2.BORDER_CONSTANT, "borderValue": 0}
    return cv2.erode(mask.astype(np.uint8), kernel, **outside) > 0


def wider(mask):
    """The mask and a pixel all around."""
    return cv2.dilate(mask.astype(np.uint8), np.ones((3, 3))) > 0


def outlines(box, rig=AHEAD):
    """Pixels (blocks, H, W) that each projected block of a box covers, at least in part."""
    rows, columns = rig.image_size
    masks = np.zeros((len(corners(box)), rows, columns), np.uint8)
    for mask, points in zip(masks, corners(box), strict=True):
        depth = points[:, 0] - rig.ahead
        column = columns / 2 - points[:, 1] * rig.focal / depth - 0.5
        row = rig.horizon * rows + (rig.height - points[:, 2]) * rig.focal / depth - 0.5
        hull = cv2.convexHull(np.stack([column, row], axis=1).astype(np.float32))
        cv2.fillConvexPoly(mask, np.round(hull * 256).astype(np.int32), 1, shift=8)
    return masks > 0


def well_within(box, rig=AHEAD):
    """Pixels (H, W) more than one within the outline of a block of a box."""
    return np.any([thinner(mask) for mask in outlines(box, rig)], axis=0)


def points_seen(depth, rig=AHEAD):
    """What the pixels (H, W) of a camera ahead show, (H, W, 3) m in the car's frame."""
    rows, columns = np.indices(rig.image_size) + 0.5
    left = (rig.image_size[1] / 2 - columns) / rig.focal
    down = (rows - rig.horizon * rig.image_size[0]) / rig.focal
    return np.stack([rig.ahead + depth, left * depth, rig.height - down * depth], axis=-1)


def inside(box, points):
    """How far points (N, 3) are beyond a box's sides [m], negative within."""
    local = turned(points - (box.x, box.y, 0.0), 0.0, 0.0, -box.yaw)
    beyond = np.abs(local) - (box.length / 2, box.width / 2, box.height)
    return np.maximum(beyond.max(axis=-1), -local[..., 2])


@pytest.fixture(scope="module")
def plain(make_world):
    """A road as far as cameras see."""
    return Atlas.of([make_world(low=(-208.0, -208.0), high=(208.0, 208.0))])


def boxes_at(x, y):
    return st.builds(
        Box,
        x=x,
        y=y,
        yaw=st.floats(-3.2, 3.2),
        length=st.sampled_from([2.0, 4.2, 5.0, 6.6, 12.0]),
        width=st.sampled_from([1.8, 2.0, 2.5]),
        height=st.floats(0.8, 3.3),
        seed=st.integers(0, 2**63),
        kind=st.sampled_from([Kind.VEHICLE, Kind.OBSTACLE]),
    )


poses = st.tuples(st.floats(-40.0, 40.0), st.floats(-40.0, 40.0), st.floats(-3.2, 3.2))


@settings(max_examples=150, deadline=None)
@given(box=boxes_at(st.floats(11.0, 60.0), st.floats(-6.0, 6.0)), pose=poses)
def test_a_vehicle_covers_the_pixels_it_projects_to_and_no_others(plain, box, pose):
    """Wherever the car is: every pixel well within the outline, none beyond it."""
    x, y, yaw = pose
    place = turned(np.array([box.x, box.y, 0.0]), x, y, yaw)
    moved = box._replace(x=place[0], y=place[1], yaw=box.yaw + yaw)
    seen = drawn(plain, moved, states=state(x=x, y=y, yaw=yaw))
    assert not (well_within(box) & ~seen).any()
    assert not (seen & ~wider(outlines(box).any(axis=0))).any()


@settings(max_examples=150, deadline=None)
@given(box=boxes_at(st.floats(-12.0, 50.0), st.floats(-9.0, 9.0)))
def test_what_is_seen_of_a_vehicle_is_within_the_box_that_is_hit(plain, box):
    """Also of vehicles right beside the camera; and the box holds no more than the vehicle."""
    images = look(plain, rig=SHARP, boxes=[box])
    seen = np.isin(images.semantic[0, 0], CLASSES)
    points = points_seen(images.depth[0, 0].astype(float), SHARP)[seen]
    assert (inside(box, points) < 0.01).all()
    whole = corners(box).reshape(-1, 3)
    assert (inside(box, whole) < 1e-6).all()
    local = turned(whole - (box.x, box.y, 0.0), 0.0, 0.0, -box.yaw)
    assert local.max(axis=0) == pytest.approx([box.length / 2, box.width / 2, box.height], rel=0.05)
    assert local.min(axis=0)[:2] == pytest.approx([-box.length / 2, -box.width / 2], rel=0.05)


@pytest.mark.parametrize("yaw", [0.0, 0.7, np.pi / 2, 2.5, np.pi])
@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("place", [(-12.0, 0.0), (FAR_DEPTH + 20.0, 0.0), (5.0, 40.0)])
def test_a_box_out_of_sight_changes_nothing(plain, place, kind, yaw):
    box = car(*place, yaw, kind=kind)
    for with_it, without in zip(look(plain, boxes=[box]), look(plain), strict=True):
        assert np.array_equal(with_it, without)


def test_a_vehicle_beside_the_car_is_seen_by_the_camera_of_that_side(plain):
    for number, side in ((0, 1.0), (2, -1.0)):
        images = look(plain, rig=RIG, boxes=[car(1.5, 3.0 * side)])
        seen = np.isin(images.semantic[0], CLASSES).sum(axis=(1, 2))
        assert seen[number] > 500
        assert seen[2 - number] == 0


def test_a_house_in_front_hides_a_vehicle(make_world, box):
    house = Atlas.of([make_world(box(14.0, 20.0, -8.0, 8.0, 6.0))])
    assert not drawn(house, car(25.0, 0.0)).any()
    assert drawn(house, car(9.0, 0.0)).any()


def test_a_fence_hides_the_lower_part_of_a_vehicle(plain, make_world, box):
    fence = Atlas.of([make_world(box(12.0, 12.5, -8.0, 8.0, 0.8, Material.FENCE))])
    behind, whole = drawn(fence, car(20.0, 0.0)), drawn(plain, car(20.0, 0.0))
    assert 0.2 * whole.sum() < behind.sum() < 0.8 * whole.sum()
    assert np.flatnonzero(behind.any(axis=1))[0] == np.flatnonzero(whole.any(axis=1))[0]


def test_a_vehicle_hides_a_low_wall_behind_it_and_a_tower_rises_above(plain, make_world, box):
    wall, tower = (
        Atlas.of([make_world(box(20.0, 22.0, -0.5, 0.5, height))]) for height in (0.8, 9.0)
    )
    near = car(10.0, 0.0)
    assert SemanticClass.BUILDING not in classes(wall, boxes=[near])
    rises = classes(tower, boxes=[near]) == SemanticClass.BUILDING
    assert rises.any()
    assert np.array_equal(drawn(tower, near), drawn(plain, near))


def test_a_post_stands_before_and_behind_vehicles(make_world, box):
    post = Atlas.of([make_world(box(15.0, 15.25, 0.0, 0.25, 5.0, Material.POLE, 255))])
    nearer, farther = (
        classes(post, rig=SHARP, boxes=[car(x, 0.0, np.pi / 2)]) == SemanticClass.POLE
        for x in (11.0, 20.0)
    )
    assert 0 < nearer.sum() < farther.sum()


def test_the_nearer_vehicle_hides_the_farther_one_whatever_their_order(plain):
    near, far = car(9.0, 0.0), car(16.0, 1.8, seed=BLUE_SEED)
    one, other = (look(plain, boxes=order) for order in ([near, far], [far, near]))
    assert np.array_equal(one.depth, other.depth)
    assert np.array_equal(one.semantic, other.semantic)
    shown = drawn(plain, near)
    assert np.array_equal(one.depth[0, 0][shown], depths(plain, boxes=[near])[shown])
    behind = np.isin(one.semantic[0, 0], CLASSES) & ~shown
    assert 0 < behind.sum() < drawn(plain, far).sum()


def test_vehicles_side_by_side_and_crossed_are_drawn_by_depth(plain):
    """Two boxes that overlap: each pixel shows the nearer one."""
    one, other = car(12.0, 0.3, 0.5), car(12.5, -0.2, -0.9, seed=BLUE_SEED)
    both = depths(plain, boxes=[one, other])
    assert np.array_equal(
        both, np.minimum(depths(plain, boxes=[one]), depths(plain, boxes=[other]))
    )


def test_roofs_are_seen_from_a_high_camera(plain):
    high = dataclasses.replace(SHARP, height=6.0)
    bus = car(30.0, 0.0, length=14.0, height=3.0)
    seen = drawn(plain, bus, rig=high)
    assert not (well_within(bus, high) & ~seen).any()
    top = np.flatnonzero(seen.any(axis=1))[0]
    back, front = (row_of(3.0, depth - high.ahead, high) for depth in (23.0, 37.0))
    assert front - 1.0 < top < back - 5.0


def red_of(image):
    return (image[0] > 100) & (image[0] > 2.2 * image[1]) & (image[0] > 2.2 * image[2])


def _paint(atlas, seed):
    """Colour (3,) of the middle of a car's tailgate."""
    image = colours(atlas, state(seed=CLEAR), boxes=[car(10.0, 0.0, seed=seed)])
    return image[:, int(AHEAD.horizon * ROWS) + 9, COLUMNS // 2 - 6]


@pytest.mark.parametrize("seed", [CLEAR, NIGHT])
def test_tail_lamps_are_red_and_headlights_are_white(plain, seed):
    silver = next(number for number in range(99) if np.ptp(_paint(plain, number)) < 25)
    back, front = (
        colours(plain, state(seed=seed), SHARP, [car(10.0, 0.0, yaw, seed=silver)])
        for yaw in (0.0, np.pi)
    )
    assert red_of(back)[:, :96].sum() > 6
    assert red_of(back)[:, 96:].sum() > 6
    assert not red_of(front).any()
    shown = drawn(plain, car(10.0, 0.0, np.pi, seed=silver), rig=SHARP)
    assert (front.min(axis=0)[shown] > 180).sum() > 12


def test_colours_differ_by_seed_and_stay_from_frame_to_frame(plain):
    found = np.array([_paint(plain, seed) for seed in range(40)])
    assert len(np.unique(found // 16, axis=0)) > 5
    assert (_paint(plain, 7) == _paint(plain, 7)).all()


def test_fog_takes_the_colours_of_distant_vehicles(plain):
    def difference(x, seed):
        box = car(x, 0.0, width=2.5, height=3.0)
        with_it = colours(plain, state(seed=seed), SHARP, [box])
        shown = drawn(plain, box, rig=SHARP)
        return np.abs(with_it - colours(plain, state(seed=seed), SHARP))[:, shown].mean()

    foggy = seed_with(Light.FOG_DENSITY)
    assert difference(90.0, foggy) < 0.6 * difference(10.0, foggy)
    assert difference(90.0, foggy) < 0.5 * difference(90.0, CLEAR)


def test_longer_vehicles_are_trucks_and_buses():
    styles = {style_of(int(Kind.VEHICLE), 12.0, np.uint64(seed)) for seed in range(50)}
    assert styles == {Style.TRUCK, Style.BUS}
    cars = {style_of(int(Kind.VEHICLE), 5.0, np.uint64(seed)) for seed in range(50)}
    assert cars == {Style.SALOON, Style.HATCHBACK, Style.UTILITY}
    assert height_of(Kind.VEHICLE, 12.0, 0) >= HEIGHTS[Style.BUS]
    assert height_of(Kind.VEHICLE, 5.0, 0) < 2.0


def test_a_landmark_is_painted_flat_on_the_ground(plain):
    mark = car(12.0, 0.0, kind=Kind.LANDMARK)
    images = [colours(plain, state(seed=CLEAR), SHARP, boxes) for boxes in ([mark], [])]
    changed = np.abs(images[0] - images[1]).max(axis=0) > 8
    (flat,) = outlines(mark._replace(height=1e-3, kind=Kind.OBSTACLE), SHARP)
    assert not (changed & ~wider(wider(flat))).any()
    inner = thinner(flat)
    assert inner.sum() > 80
    assert (changed & inner).sum() > 0.9 * inner.sum()
    blue = images[0][:, thinner(thinner(inner))]
    assert (blue[2] > blue[0] + 30).mean() > 0.9
    assert np.array_equal(depths(plain, boxes=[mark]), depths(plain))


def brightness(atlas, place, seed, boxes):
    """Mean colour of the ground around a place ahead and to the left [m]."""
    images = look(atlas, state(seed=seed), SHARP, boxes=boxes)
    east, north, _ = np.moveaxis(points_seen(images.depth[0, 0].astype(float), SHARP), -1, 0)
    near = np.hypot(east - place[0], north - place[1]) < 0.3
    near &= images.semantic[0, 0] == SemanticClass.ROAD
    assert near.sum() > 3
    return images.rgb[0, 0][:, near].mean()


@pytest.mark.parametrize("seed", [CLEAR, DULL])
def test_the_ground_is_darker_right_beside_a_vehicle(plain, seed):
    place = 12.0 - 2.5 - 0.3 * SHADOW_REACH, 0.0
    before = brightness(plain, place, seed, [])
    assert brightness(plain, place, seed, [car(12.0, 0.0)]) < 0.85 * before


def test_a_vehicle_casts_its_shadow_away_from_the_sun_when_it_shines(make_world):
    wide = {"low": (-208.0, -208.0), "high": (208.0, 208.0)}
    north, south = (Atlas.of([make_world(sun=sun, **wide)]) for sun in (np.pi / 2, -np.pi / 2))
    van, right = car(10.0, 0.0, height=2.0), (10.0, -1.0 - 1.0)
    for atlas, seed, share in ((north, CLEAR, 0.75), (south, CLEAR, 1.0), (north, DULL, 1.0)):
        ratio = brightness(atlas, right, seed, [van]) / brightness(atlas, right, seed, [])
        assert ratio < share if share < 1.0 else ratio == pytest.approx(1.0, abs=0.06)


def test_each_state_sees_its_own_boxes(plain):
    around = [[car(10.0, 0.0)], [], [car(12.0, 1.0), car(20.0, -2.0)]]
    together = render(state(3), plain, RIG, boxes=Boxes.of(around))
    for number, own in enumerate(around):
        alone = look(plain, rig=RIG, boxes=own)
        for one, every in zip(alone, together, strict=True):
            assert np.array_equal(one[0], every[number])


def test_no_boxes_is_the_default(plain):
    states = state(2)
    for one, other in zip(
        render(states, plain, RIG), render(states, plain, RIG, boxes=Boxes.none(2)), strict=True
    ):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("x", [0.0, 1.0, 2.0])
def test_a_vehicle_around_the_camera_is_not_drawn(plain, x):
    assert not drawn(plain, car(x, 0.0)).any()
