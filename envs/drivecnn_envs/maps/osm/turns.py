"""Which lane leads to which across a place: by turn markings, else by what is usual."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from drivecnn_envs.maps.osm.tags import Turns

STRAIGHT = 0.87  # rad, a way that bends less can be the one straight on
SIDEWAYS = 0.6  # rad, a way that bends more is entered from the lane on its side
MOST_OFF = 1.3  # rad between what a turn marking says and a way it may mean
NOMINAL = {  # rad, left positive
    "sharp_left": 2.3,
    "left": 1.55,
    "slight_left": 0.6,
    "merge_to_left": 0.0,
    "through": 0.0,
    "merge_to_right": 0.0,
    "slight_right": -0.6,
    "right": -1.55,
    "sharp_right": -2.3,
}

Shift = Callable[
    [int, int, int], float
]  # of way, lane and target lane: m aside, if driven straight


class Exit(NamedTuple):
    """A way out of a place, for traffic from one street."""

    turn: float  # rad, left positive
    lanes: int


class LaneLink(NamedTuple):
    """A lane and the one it leads to."""

    lane: int
    exit: int
    target: int


def link_lanes(turns: Sequence[Turns], exits: Sequence[Exit], shift: Shift) -> list[LaneLink]:
    """Where the lanes of a street lead; each leads somewhere. Lanes count from left to right.

    Args:
        turns: of each lane, what is marked on it.
        exits: the ways out, from left to right.
        shift: how far aside of a lane's straight continuation a target lane begins.
    """
    usual = _usual(len(turns), exits)
    users: list[list[int]] = [[] for _ in exits]
    for lane, marked in enumerate(turns):
        meant = {way for token in marked if (way := _meant(token, exits)) is not None}
        for way in meant or usual[lane]:
            users[way].append(lane)
    links = []
    for way, lanes in enumerate(users):
        targets = _targets(lanes, way, exits, shift)
        links += [LaneLink(lane, way, target) for lane, target in zip(lanes, targets, strict=True)]
    return links


def _meant(token: str, exits: Sequence[Exit]) -> int | None:
    """The exit that a turn marking means, None if there is none such."""
    if token not in NOMINAL:
        return None
    best = min(range(len(exits)), key=lambda way: abs(exits[way].turn - NOMINAL[token]))
    return best if abs(exits[best].turn - NOMINAL[token]) <= MOST_OFF else None


def _usual(lanes: int, exits: Sequence[Exit]) -> list[set[int]]:
    """The exits of each lane where nothing is marked.

    All lanes go straight on, the outer ones also turn to their side. Where the street ahead has
    fewer lanes, lanes at the side of a turn only turn. At a T the lanes are shared out.
    """
    ways: list[set[int]] = [set() for _ in range(lanes)]
    ahead = min(range(len(exits)), key=lambda way: abs(exits[way].turn))
    if abs(exits[ahead].turn) <= STRAIGHT:
        lefts, rights = range(ahead), range(ahead + 1, len(exits))
        surplus = lanes - exits[ahead].lanes
        skip_left = int(surplus > 0 and len(lefts) > 0)
        skip_right = int(surplus > skip_left and len(rights) > 0)
        for lane in range(skip_left, lanes - skip_right):
            ways[lane].add(ahead)
    else:
        lefts = range(sum(way.turn > 0 for way in exits))
        rights = range(len(lefts), len(exits))
        half = (lanes + 1) // 2 if rights else lanes
        for lane in range(lanes):
            if lefts and (lane < half or not rights):
                ways[lane].add(lefts[-1])
            if rights and (lane >= lanes - half or not lefts):
                ways[lane].add(rights[0])
    ways[0].update(lefts)
    ways[-1].update(rights)
    return ways


def _targets(lanes: Sequence[int], way: int, exits: Sequence[Exit], shift: Shift) -> list[int]:
    """The target lane of each lane that uses an exit; they never cross one another."""
    spare = exits[way].lanes - len(lanes)
    turn = exits[way].turn
    if turn > SIDEWAYS:
        first = 0
    elif turn < -SIDEWAYS:
        first = spare
    else:
        options = range(min(spare, 0), max(spare, 0) + 1)
        first = min(
            options,
            key=lambda option: sum(
                abs(shift(way, lane, _clip(option + number, exits[way].lanes)))
                for number, lane in enumerate(lanes)
            ),
        )
    return [_clip(first + number, exits[way].lanes) for number in range(len(lanes))]


def _clip(lane: int, lanes: int) -> int:
    return int(np.clip(lane, 0, lanes - 1))
