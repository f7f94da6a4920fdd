"""Semantic and depth images show what the colour images show."""

import dataclasses

import cv2
import numpy as np
import pytest
from looking import RIG, SHARP, look

from drivecnn_envs.boxes import Box, Kind
from drivecnn_envs.errors import InputError
from drivecnn_envs.looks import Family
from drivecnn_envs.march import FAR_DEPTH
from drivecnn_envs.materials import Material, SemanticClass
from drivecnn_envs.observation import ObservationConfig, Observer, observation_space
from drivecnn_envs.pixels import SKY_DEPTH
from drivecnn_envs.route_map import RouteMapView
from drivecnn_envs.states import Atlas
from drivecnn_envs.views import CameraRig

SHAPE = (2, 3, *RIG.image_size)
PAINT = 255
CAR = Box(12.0, 0.0, 0.4, 4.6, 1.8, 1.5, 3)
CHOICES = [("rgb",), ("rgb", "semantic"), ("rgb", "depth"), ("depth", "rgb", "semantic")]
CLASSES = [
    (Material.LAND, SemanticClass.TERRAIN),
    (Material.FIELD, SemanticClass.TERRAIN),
    (Material.GRAVEL, SemanticClass.TERRAIN),
    (Material.PAVEMENT, SemanticClass.SIDEWALK),
    (Material.KERB, SemanticClass.SIDEWALK),
    (Material.ROAD, SemanticClass.ROAD),
    (Material.ROAD_CENTRE, SemanticClass.ROAD),
    (Material.PATCH, SemanticClass.ROAD),
    (Material.PUDDLE, SemanticClass.ROAD),
    (Material.CROWN, SemanticClass.VEGETATION),
    (Material.HEDGE, SemanticClass.VEGETATION),
    (Material.FENCE, SemanticClass.FENCE),
    *((wall, SemanticClass.BUILDING) for wall in Material if wall >= Material.WALL_A),
]


@pytest.fixture(scope="module")
def atlas(world):
    return Atlas.of([world])


@pytest.fixture(scope="module")
def states(simulator):
    begun = simulator.start([0, 1], [5, 6])
    begun["world"] = 0
    return begun


@pytest.mark.parametrize("modalities", CHOICES)
def test_what_is_asked_for_comes_and_changes_nothing_else(atlas, states, modalities):
    every = look(atlas, states, RIG, boxes=[CAR])
    asked = look(atlas, states, dataclasses.replace(RIG, modalities=modalities), boxes=[CAR])
    for name, shape, dtype in (
        ("rgb", (2, 3, 3, *SHAPE[2:]), np.uint8),
        ("semantic", SHAPE, np.uint8),
        ("depth", SHAPE, np.float32),
    ):
        values = getattr(asked, name)
        assert values.dtype == dtype
        if name in modalities:
            assert values.shape == shape
            assert np.array_equal(values, getattr(every, name))
        else:
            assert values.size == 0


def test_classes_and_depths_of_a_town_are_possible_ones(atlas, states):
    images = look(atlas, states, RIG)
    assert {*np.unique(images.semantic)} <= {*SemanticClass}
    assert len(np.unique(images.semantic)) >= 5
    sky = images.semantic == SemanticClass.SKY
    assert (images.depth[sky] == np.float32(SKY_DEPTH)).all()
    assert images.depth.min() > 0.5
    assert images.depth.max() == np.float32(SKY_DEPTH)


@pytest.mark.parametrize(("material", "expected"), CLASSES)
def test_materials_have_their_classes(make_world, box, material, expected):
    height = 3.0 if material >= Material.CROWN else 0.0
    ground = Material.ROAD if expected != SemanticClass.ROAD else Material.LAND
    seen = look(make_world(box(8.0, 20.0, -4.0, 4.0, height, material), ground=ground), rig=SHARP)
    assert (seen.semantic == expected).sum() > 500


@pytest.mark.parametrize("material", [Material.ROAD, Material.ROAD_CENTRE])
def test_paint_is_lane_marking(make_world, box, material):
    line = make_world(box(6.0, 20.0, -0.5, 0.5, 0.0, material, PAINT))
    semantic = look(line, rig=SHARP).semantic[0, 0]
    marked = semantic == SemanticClass.LANE_MARKING
    assert marked.sum() > 100
    assert (semantic[marked.any(axis=1)] != SemanticClass.SKY).all()
    faint = make_world(box(6.0, 20.0, -0.5, 0.5, 0.0, material, 30))
    assert SemanticClass.LANE_MARKING not in look(faint, rig=SHARP).semantic


@pytest.mark.parametrize(
    ("box_ahead", "expected"),
    [
        (CAR, {SemanticClass.CAR}),
        (CAR._replace(length=11.0, x=20.0, height=3.2), {SemanticClass.TRUCK, SemanticClass.BUS}),
        (CAR._replace(kind=Kind.OBSTACLE), {SemanticClass.WALL}),
        (CAR._replace(kind=Kind.LANDMARK), set()),
    ],
)
def test_boxes_have_the_classes_of_what_they_stand_for(make_world, box_ahead, expected):
    land, found = make_world(), set()
    empty = {*np.unique(look(land, rig=SHARP).semantic)}
    for seed in range(12):
        shown = look(land, rig=SHARP, boxes=[box_ahead._replace(seed=seed)]).semantic
        found |= {*np.unique(shown)} - empty
    assert found == expected


@pytest.mark.parametrize("what", ["house", "hedge", "pole", "car"])
def test_colours_change_where_classes_and_depths_do(make_world, box, what):
    """Noise and light are of the seed, so two images differ only where the worlds do."""
    standing = {
        "house": [box(14.0, 20.0, -3.0, 3.0, 4.0)],
        "hedge": [box(14.0, 16.0, -3.0, 3.0, 1.0, Material.HEDGE)],
        "pole": [box(8.0, 8.25, 0.0, 0.25, 5.0, Material.POLE, 255)],
        "car": [],
    }[what]
    size = {"ground": Material.LAND, "low": (-208.0, -208.0), "high": (208.0, 208.0)}
    boxes = [CAR] if what == "car" else []
    with_it, without = (
        look(make_world(*standing, **size), rig=SHARP, boxes=boxes),
        look(make_world(**size), rig=SHARP),
    )
    shown = np.abs(with_it.rgb[0, 0].astype(int) - without.rgb[0, 0]).max(axis=0) > 0
    other = (with_it.depth != without.depth)[0, 0] | (with_it.semantic != without.semantic)[0, 0]
    assert other.sum() > 20
    assert (shown & other).sum() > 0.9 * other.sum()
    wider = cv2.dilate(other.astype(np.uint8), np.ones((3, 3))) > 0  # the camera's blur
    if what == "car":  # and its shadow
        wider |= (without.semantic[0, 0] == SemanticClass.TERRAIN) & (without.depth[0, 0] < 30.0)
    assert not (shown & ~wider).any()


def test_observation_holds_what_was_asked_for(simulator):
    small = CameraRig(image_size=(12, 24), yaws=(0.0, 0.5))
    for modalities in CHOICES:
        rig = dataclasses.replace(small, modalities=modalities)
        config = ObservationConfig(rig, RouteMapView(size=20))
        states = simulator.start([0, 1, 2], [5, 6, 7])
        asked = Observer(config).observe(simulator.scene, states).asked()
        names = {"cameras", "route_map", *modalities} - {"rgb"}
        space = observation_space(config)
        assert {*asked} == {*space} == names
        for number in range(3):
            assert {name: values[number] for name, values in asked.items()} in space


def test_looks_are_of_the_family_asked_for(simulator):
    states = simulator.start([0, 1, 2], [5, 6, 7])
    configs = [ObservationConfig(looks=family) for family in (Family.TRAIN, "new", "train")]
    train, new, again = (Observer(c).observe(simulator.scene, states).cameras for c in configs)
    assert np.array_equal(train, again)
    assert np.abs(train.astype(int) - new).mean() > 5


def test_looks_that_do_not_exist_are_refused_in_one_line():
    with pytest.raises(InputError, match=r"looks are 'old', expected one of \['train', 'new'\]"):
        ObservationConfig(looks="old")


def test_family_of_looks_changes_no_geometry(atlas, states):
    train, new = (look(atlas, states, RIG, family) for family in Family)
    assert np.array_equal(train.semantic, new.semantic)
    assert np.array_equal(train.depth, new.depth)


def test_step_and_seed_change_no_geometry_of_a_camera_that_stands_still(atlas, states):
    later = states.copy()
    later["step"], later["seed"] = 17, 99
    now, then = look(atlas, states, RIG), look(atlas, later, RIG)
    near = np.minimum(now.depth, then.depth) < FAR_DEPTH  # the hills behind are of the seed
    assert near.mean() > 0.5
    assert np.array_equal(now.semantic[near], then.semantic[near])
    assert np.array_equal(now.depth[near], then.depth[near])
