"""Where cameras stand, how far they are off, and which rigs are refused."""

import dataclasses

import numpy as np
import pytest
from looking import RIG, SHARP, STILL, look, state

from drivecnn_envs.errors import InputError
from drivecnn_envs.materials import SemanticClass
from drivecnn_envs.views import MAX_IMAGE_SIDE, CameraRig, PoseJitter, Views

JITTER = PoseJitter(height=0.1, pitch=0.02, yaw=0.03, roll=0.04, sway=0.005)
LOOSE = dataclasses.replace(RIG, jitter=JITTER)
MIDDLE = LOOSE.horizon * LOOSE.image_size[0]  # px, the row of the horizon that is asked for
MANY = state(3000, seed=np.arange(3000), yaw=0.7)


def offsets(states, rig=LOOSE):
    """How far the first camera of each state is off: height [m], pitch, yaw, roll [rad]; (B, 4)."""
    views = Views.of(states, rig)
    yaw = np.arctan2(views.sin, views.cos)[:, 0] - states["yaw"] - rig.yaws[0]
    pitch = (views.horizon - MIDDLE) / rig.focal
    return np.stack([views.height - rig.height, pitch, yaw, views.roll], axis=1)


def test_cameras_stand_on_the_rig_where_nothing_is_off():
    views = Views.of(state(2, x=[10.0, 0.0], y=[0.0, 5.0], yaw=[0.0, np.pi / 2]), RIG)
    assert views.x == pytest.approx([10.0 + RIG.ahead, 0.0])
    assert views.y == pytest.approx([0.0, 5.0 + RIG.ahead])
    yaws = np.array([RIG.yaws, np.array(RIG.yaws) + np.pi / 2])
    assert views.cos == pytest.approx(np.cos(yaws))
    assert views.sin == pytest.approx(np.sin(yaws))
    assert (views.height == RIG.height).all()
    assert (views.horizon == MIDDLE).all()
    assert (views.roll == 0).all()


def test_jitter_stays_within_two_standard_deviations_and_uses_them():
    still = dataclasses.replace(LOOSE, jitter=dataclasses.replace(JITTER, sway=0.0))
    spread = np.array([JITTER.height, JITTER.pitch, JITTER.yaw, JITTER.roll])
    found = offsets(MANY, still) / spread
    assert np.abs(found).max() <= 2.0 + 1e-9
    assert found.min(axis=0) == pytest.approx(-2.0, abs=0.05)
    assert found.max(axis=0) == pytest.approx(2.0, abs=0.05)
    assert found.mean(axis=0) == pytest.approx(0.0, abs=0.08)
    assert found.std(axis=0) == pytest.approx(0.96, abs=0.05)  # of a normal cut off at 2
    assert np.abs(np.corrcoef(found.T) - np.eye(4)).max() < 0.08


def test_all_cameras_of_a_car_are_turned_alike():
    views = Views.of(MANY, LOOSE)
    turns = np.diff(np.unwrap(np.arctan2(views.sin, views.cos)), axis=1)
    assert turns == pytest.approx(np.diff(LOOSE.yaws)[None].repeat(len(MANY), axis=0))


def test_only_the_sway_changes_within_an_episode():
    episode = state(200, seed=5, step=np.arange(200), yaw=0.7)
    height, pitch, yaw, roll = offsets(episode).T
    for fixed in (height, yaw, roll):
        assert np.ptp(fixed) < 1e-12
    assert 2 * JITTER.sway < np.ptp(pitch) <= 4 * JITTER.sway
    assert 0.0 < np.abs(np.diff(pitch)).max() < 2 * JITTER.sway


def test_pose_depends_on_the_seed_and_not_on_the_batch():
    found = offsets(MANY)
    assert np.array_equal(offsets(MANY[100:103]), found[100:103])
    assert len(np.unique(found, axis=0)) == len(MANY)


@pytest.mark.parametrize(("name", "value"), [("roll", 0.05), ("pitch", 0.05)])
def test_image_is_tilted_as_the_pose_says(make_world, box, name, value):
    """What is as high as the camera reaches up to the horizon."""
    rig = dataclasses.replace(SHARP, jitter=dataclasses.replace(STILL, **{name: value}))
    wall = make_world(box(50.0, 60.0, -60.0, 60.0, rig.height))
    states = state(12, seed=np.arange(12))
    views = Views.of(states, rig)
    expected = views.horizon[:, None] + views.roll[:, None] * (np.arange(192) + 0.5 - 96)
    assert np.ptp(expected) > 10
    seen = look(wall, states, rig).semantic[:, 0] == SemanticClass.BUILDING
    assert seen.argmax(axis=1) == pytest.approx(expected, abs=1.01)


@pytest.mark.parametrize(
    "values",
    [
        {"image_size": (0, 96)},
        {"image_size": (48, 20_000)},
        {"image_size": (48, MAX_IMAGE_SIDE + 1)},
        {"yaws": ()},
        {"yaws": (0.0, float("nan"))},
        {"field_of_view": 0.0},
        {"field_of_view": 3.2},
        {"field_of_view": float("nan")},
        {"height": 0.0},
        {"height": 100.0},
        {"height": 0.5, "jitter": PoseJitter(height=0.3)},
        {"ahead": float("inf")},
        {"horizon": 1.0},
        {"horizon": -0.1},
        {"modalities": ()},
        {"modalities": ("depth",)},
        {"modalities": ("rgb", "lidar")},
    ],
)
def test_cameras_that_cannot_exist_are_refused_in_one_line(values):
    with pytest.raises(InputError, match=r"expected|need") as refused:
        CameraRig(**values)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["height", "pitch", "yaw", "roll", "sway"])
@pytest.mark.parametrize("value", [-0.01, 0.6, float("nan")])
def test_jitter_that_no_mount_has_is_refused(name, value):
    with pytest.raises(InputError, match="expected 0 to"):
        PoseJitter(**{name: value})


def test_modalities_are_given_by_their_names():
    assert CameraRig(modalities=("rgb", "depth")).modalities == ("rgb", "depth")
