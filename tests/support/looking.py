"""Cameras that stand still, and where in their images things appear."""

import dataclasses
from functools import cache

import numpy as np

from drivecnn_envs.boxes import Boxes
from drivecnn_envs.cameras import render
from drivecnn_envs.looks import Family, Light, draw_looks
from drivecnn_envs.states import STATE, Atlas
from drivecnn_envs.views import CameraRig, Modality, PoseJitter

STILL = PoseJitter(0.0, 0.0, 0.0, 0.0, 0.0)
RIG = CameraRig(jitter=STILL, modalities=tuple(Modality))
AHEAD = dataclasses.replace(RIG, yaws=(0.0,))  # the one camera that looks ahead
SHARP = dataclasses.replace(AHEAD, image_size=(96, 192))
LEFT, CENTRE, RIGHT = 0, 1, 2
SEEDS = np.arange(600, dtype=np.uint64)


def state(count=1, seed=1, **values):
    """States that are alike but for the values given as arrays."""
    states = np.zeros(count, STATE)
    states["seed"] = seed
    for name, value in values.items():
        states[name] = value
    return states


def look(world, states=None, rig=AHEAD, family=Family.TRAIN, boxes=()):
    """What the cameras of states in a world, or in an atlas, see; `boxes` are around the first."""
    states = state() if states is None else states
    atlas = world if isinstance(world, Atlas) else Atlas.of([world])
    others = [()] * (len(states) - 1)
    return render(states, atlas, rig, family, Boxes.of([boxes, *others]) if boxes else None)


def classes(world, states=None, rig=AHEAD, boxes=()):
    """Semantic classes (H, W) that the first camera of the first state sees."""
    return look(world, states, rig, boxes=boxes).semantic[0, 0]


def depths(world, states=None, rig=AHEAD, boxes=()):
    """Depths (H, W) [m] that the first camera of the first state sees."""
    return look(world, states, rig, boxes=boxes).depth[0, 0]


def colours(world, states=None, rig=AHEAD, boxes=()):
    """Colours (3, H, W) that the first camera of the first state sees, as integers."""
    return look(world, states, rig, boxes=boxes).rgb[0, 0].astype(int)


def extent(mask):
    """First and last row, first and last column of a mask's pixels."""
    rows, columns = np.nonzero(mask)
    return rows.min(), rows.max(), columns.min(), columns.max()


def row_of(height, depth, rig=AHEAD):
    """Row [px] where something so high [m] so far ahead of the camera [m] appears."""
    return rig.horizon * rig.image_size[0] + (rig.height - height) * rig.focal / depth


def column_of(left, depth, rig=AHEAD):
    """Column [px] where something so far to the left [m] and ahead of the camera [m] appears."""
    return rig.image_size[1] / 2 - left * rig.focal / depth


def lights(family=Family.TRAIN, seeds=SEEDS):
    """The floats of many looks, (N, LIGHTS)."""
    return draw_looks(seeds, family).light


@cache
def seed_with(most, *least):
    """A seed whose look has the most of one `Light` and little of others, noise and blur."""
    light = lights()
    low, high = light.min(axis=0), light.max(axis=0)
    share = (light - low) / np.maximum(high - low, 1e-9)
    score = 2 * share[:, most] - 0.1 * (share[:, Light.NOISE] + share[:, Light.BLUR])
    return int(SEEDS[(score - share[:, [*least]].sum(axis=1)).argmax()])
