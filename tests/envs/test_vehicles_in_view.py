"""Vehicles and obstacles appear in the images where projecting them by hand says."""

import dataclasses

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivecnn_envs.boxes import SHADOW_REACH, Box, Boxes, Kind
from drivecnn_envs.cameras import CameraRig, Walk, render
from drivecnn_envs.shapes import BLOCKS, HEIGHTS, Style, height_of, style_of
from drivecnn_envs.states import STATE, Atlas
from drivecnn_envs.world import Material

RIG = CameraRig(yaws=(0.0,))
WALK = Walk.of(RIG)
ROWS, COLUMNS = RIG.image_size
HORIZON = RIG.horizon * ROWS
NEAREST = 4.0  # m, so that no box of the property test reaches the camera
RED_SEED, BLUE_SEED = 31, 5


def state(count=1):
    states = np.zeros(count, STATE)
    states["seed"] = 1
    return states


def seen(atlas, *boxes, rig=RIG):
    """The image (3, H, W) of the camera ahead."""
    return render(state(), atlas, Walk.of(rig), rig.image_size, Boxes.of([boxes]))[0, 0].astype(int)


def changed(atlas, *boxes, others=(), rig=RIG, least=0):
    """Pixels (H, W) that boxes change, shadows left out where `least` is above what they take."""
    return (
        np.abs(seen(atlas, *boxes, *others, rig=rig) - seen(atlas, *others, rig=rig)).max(0) > least
    )


def car(x, y, yaw=0.0, **values):
    return Box(x, y, yaw, 5.0, 2.0, 1.5, RED_SEED)._replace(**values)


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
    cos, sin = np.cos(box.yaw), np.sin(box.yaw)
    turned = local @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    return turned + np.array([box.x, box.y, 0.0])


def thinner(mask):
    """The mask less a pixel all around."""
    return cv2.erode(mask.astype(np.uint8), np.ones((3, 3))) > 0


def wider(mask):
    """The mask and a pixel all around."""
    return cv2.dilate(mask.astype(np.uint8), np.ones((3, 3))) > 0


def silhouette(box, rig=RIG):
    """Pixels (H, W) that the projected blocks of a box cover, at least in part."""
    rows, columns = rig.image_size
    focal = columns / 2 / np.tan(rig.field_of_view / 2)
    mask = np.zeros((rows, columns), np.uint8)
    for points in corners(box):
        depth = points[:, 0] - rig.ahead
        column = columns / 2 - points[:, 1] * focal / depth - 0.5
        row = rig.horizon * rows + (rig.height - points[:, 2]) * focal / depth - 0.5
        pixels = np.stack([column, row], axis=1).astype(np.float32)
        hull = cv2.convexHull(pixels)
        cv2.fillConvexPoly(mask, np.round(hull * 256).astype(np.int32), 1, shift=8)
    return mask > 0


@pytest.fixture(scope="module")
def plain(make_world):
    """A bright plain as far as cameras see."""
    return Atlas.of([make_world(low=(-208.0, -208.0), high=(208.0, 208.0), ground=Material.WALL_B)])


boxes_ahead = st.builds(
    Box,
    x=st.floats(8.0, 60.0),
    y=st.floats(-6.0, 6.0),
    yaw=st.floats(-3.2, 3.2),
    length=st.sampled_from([2.0, 5.0]),
    width=st.sampled_from([1.8, 2.0]),
    height=st.floats(0.8, 2.5),
    seed=st.integers(0, 2**63),
    kind=st.sampled_from([Kind.VEHICLE, Kind.OBSTACLE]),
)


@settings(max_examples=150, deadline=None)
@given(box=boxes_ahead)
def test_a_box_covers_the_pixels_it_projects_to(plain, box):
    """Every pixel well within the outline is drawn, none beyond the outline and its shadow."""
    drawn, projected = changed(plain, box), silhouette(box)
    inner = thinner(projected)
    # A pixel of the vehicle may by chance have the colour of what is behind it.
    assert (inner & ~drawn).sum() <= 0.05 * inner.sum() + 1
    above = drawn & (np.arange(ROWS)[:, None] < HORIZON)
    outer = wider(projected)
    assert not (above & ~outer).any()
    shadow = box._replace(
        length=box.length + 2 * SHADOW_REACH, width=box.width + 2 * SHADOW_REACH, kind=Kind.OBSTACLE
    )
    around = wider(silhouette(shadow))
    assert not (drawn & ~outer & ~around).any()


@pytest.mark.parametrize("yaw", [0.0, 0.7, np.pi / 2, 2.5, np.pi])
@pytest.mark.parametrize("kind", Kind)
def test_a_box_out_of_sight_changes_nothing(plain, yaw, kind):
    assert not changed(plain, car(-8.0, 0.0, yaw, kind=kind)).any()
    assert not changed(plain, car(200.0, 0.0, yaw, kind=kind)).any()
    assert not changed(plain, car(5.0, 40.0, yaw, kind=kind)).any()


def test_a_house_in_front_hides_a_vehicle(make_world, box):
    house = make_world(box(14.0, 20.0, -8.0, 8.0, 6.0))
    assert not changed(Atlas.of([house]), car(25.0, 0.0)).any()
    assert changed(Atlas.of([house]), car(9.0, 0.0)).any()


def test_a_vehicle_hides_a_low_wall_behind_it_and_a_tower_rises_above(make_world, box):
    flat, wall, tower = (
        Atlas.of([make_world(*boxes)])
        for boxes in ([], [box(20.0, 22.0, -0.5, 0.5, 0.8)], [box(20.0, 22.0, -0.5, 0.5, 9.0)])
    )
    near = car(10.0, 0.0)
    assert (seen(wall, near) == seen(flat, near)).all()
    rises = np.abs(seen(tower, near) - seen(flat, near)).max(axis=0) > 12
    assert rises.any()
    assert not (rises & silhouette(near)).any()


def test_the_nearer_vehicle_hides_the_farther_one_whatever_their_order(plain):
    near, far = car(9.0, 0.0), car(16.0, 0.3, seed=BLUE_SEED)
    assert (seen(plain, near, far) == seen(plain, far, near)).all()
    assert not (changed(plain, far, others=[near]) & silhouette(near)).sum() > 2 * ROWS


def test_roofs_are_seen_from_a_high_camera(plain):
    high = dataclasses.replace(RIG, height=6.0)
    bus = car(20.0, 0.0, length=10.0, height=3.0)
    expected = thinner(silhouette(bus, high))
    drawn = changed(plain, bus, rig=high, least=12)
    assert (drawn & expected).sum() > 0.9 * expected.sum()
    assert expected.sum() > 1.2 * thinner(silhouette(bus._replace(length=7.0), high)).sum()


def red_of(image):
    return (image[0] > 150) & (image[1] < 70) & (image[2] < 70)


def test_tail_lamps_are_red_and_headlights_are_white(make_world):
    grey = Atlas.of([make_world(low=(-208.0, -208.0), high=(208.0, 208.0))])
    sharp = dataclasses.replace(RIG, image_size=(96, 192))
    silver = next(seed for seed in range(99) if _paint(grey, seed)[0] > 110)
    back = red_of(seen(grey, car(10.0, 0.0, seed=silver), rig=sharp))
    front = seen(grey, car(10.0, 0.0, np.pi, seed=silver), rig=sharp)
    assert back[:, :96].sum() > 8
    assert back[:, 96:].sum() > 8
    assert not red_of(front).any()
    assert (front.min(axis=0) > 190).sum() > 16


def _paint(atlas, seed):
    """Colour of the middle of a car's tailgate."""
    return seen(atlas, car(10.0, 0.0, seed=seed))[:, int(HORIZON) + 9, COLUMNS // 2 - 6]


def test_colours_differ_by_seed_and_stay_from_frame_to_frame(plain):
    colours = np.array([_paint(plain, seed) for seed in range(40)])
    assert len(np.unique(colours // 16, axis=0)) > 5
    assert (_paint(plain, 7) == _paint(plain, 7)).all()


def test_longer_vehicles_are_trucks_and_buses():
    styles = {style_of(int(Kind.VEHICLE), 12.0, np.uint64(seed)) for seed in range(50)}
    assert styles == {Style.TRUCK, Style.BUS}
    cars = {style_of(int(Kind.VEHICLE), 5.0, np.uint64(seed)) for seed in range(50)}
    assert cars == {Style.SALOON, Style.HATCHBACK, Style.UTILITY}
    assert height_of(Kind.VEHICLE, 12.0, 0) >= HEIGHTS[Style.BUS]
    assert height_of(Kind.VEHICLE, 5.0, 0) < 2.0


def test_a_landmark_is_painted_flat_on_the_ground(plain):
    mark = car(12.0, 0.0, kind=Kind.LANDMARK)
    drawn = changed(plain, mark)
    flat = silhouette(mark._replace(height=1e-3, kind=Kind.OBSTACLE))
    assert not (drawn & ~wider(flat)).any()
    inner = thinner(flat)
    assert inner.sum() > 20
    assert (drawn & inner).sum() > 0.9 * inner.sum()


def test_the_ground_is_darker_beside_a_vehicle(plain):
    with_car, without = seen(plain, car(10.0, 0.0)), seen(plain)
    row = int(HORIZON + RIG.height * WALK.focal / (7.5 - RIG.ahead)) + 1
    assert with_car[:, row, COLUMNS // 2].sum() < 0.8 * without[:, row, COLUMNS // 2].sum()


def test_each_state_sees_its_own_boxes(plain):
    boxes = Boxes.of([[car(10.0, 0.0)], [], [car(12.0, 1.0), car(20.0, -2.0)]])
    together = render(state(3), plain, WALK, RIG.image_size, boxes)
    for number, own in enumerate([[car(10.0, 0.0)], [], [car(12.0, 1.0), car(20.0, -2.0)]]):
        assert (together[number, 0] == seen(plain, *own)).all()


def test_no_boxes_is_the_default(plain):
    plain_image = render(state(2), plain, WALK, RIG.image_size)
    assert (render(state(2), plain, WALK, RIG.image_size, Boxes.none(2)) == plain_image).all()


def test_a_vehicle_around_the_camera_is_not_drawn(plain):
    assert not changed(plain, car(0.0, 0.0)).any()
