"""Where traffic drives: the lanes of all worlds in flat arrays, for kernels.

Lanes that are joined one to one, outside junctions or inside one, are one strand. OpenDRIVE cuts
its roads into pieces of centimetres; strands do not have them.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from drivecnn_envs.maps.curves import stations as stations_of
from drivecnn_envs.roads import LaneIndex, TownNetwork
from drivecnn_envs.routes import resample
from drivecnn_envs.vehicle import LATERAL_ACCELERATION

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

SPACING = 1.0  # m at most between two points of a strand
TRAFFIC_SPEED = 10.0  # m/s, the fastest that anybody wants to be
SLOWING = 2.0  # m/s2 before a curve
WIDEST_RING = 1.0 / 60.0  # 1/m, curvature of the widest roundabout
TIGHT = 1.0 / 14.0  # 1/m, long vehicles avoid such curves
SWEEPS = 4  # over all strands, to bring the speeds of curves back to the strands before them


class Strands(NamedTuple):
    """L strands of W worlds, one point a metre or less."""

    x: Floats  # (N,) m
    y: Floats  # (N,) m
    yaw: Floats  # (N,) rad, unwrapped along each strand
    speed: Floats  # (N,) m/s that suits the limit, the curve and those ahead
    curvature: Floats  # (N,) 1/m, left positive
    priority: NDArray[np.int8]  # (N,) of the lane, higher goes first
    lane: Ints  # (N,) number of the lane in its world's network
    owner: Ints  # (N,) the strand
    open: NDArray[np.bool_]  # (N,) whether vehicles may appear there
    offset: Ints  # (L + 1,) of a strand's first point
    length: Floats  # (L,) m
    tight: NDArray[np.bool_]  # (L,) whether long vehicles avoid it
    followers: Ints  # (K,) strands
    follower_offset: Ints  # (L + 1,) of a strand's first follower
    world_offset: Ints  # (W + 1,) of a world's first strand

    @classmethod
    def of(cls, networks: Sequence[TownNetwork]) -> "Strands":
        """The strands of the worlds' networks."""
        parts = [_of_network(network) for network in networks]
        points = np.concatenate([line for part in parts for line in part.lines])
        counts = [len(line) for part in parts for line in part.lines]
        offset = _starts(counts)
        world_offset = _starts([len(part.lines) for part in parts])
        followers = [
            np.array(after, np.int32) + first
            for part, first in zip(parts, world_offset, strict=False)
            for after in part.followers
        ]
        length = np.array([length for part in parts for length in part.lengths], np.float32)
        follower_offset = _starts([len(after) for after in followers])
        flat = np.concatenate([*followers, np.zeros(0, np.int32)])
        x, y, yaw, limit = np.ascontiguousarray(points[:, :4].T, np.float32)
        curvature = _curvature(yaw, offset, length)
        suits = np.sqrt(LATERAL_ACCELERATION / np.maximum(np.abs(curvature), 1e-6))
        speed = np.minimum(np.minimum(limit, suits), TRAFFIC_SPEED).astype(np.float32)
        _slow_down(speed, offset, length, flat, follower_offset)
        priority = points[:, 4] + _on_ring(curvature, offset, flat, follower_offset)
        tight = np.maximum.reduceat(np.abs(curvature), offset[:-1]) > TIGHT
        return cls(
            *(x, y, yaw, speed, curvature, priority.astype(np.int8), points[:, 5].astype(np.int32)),
            np.repeat(np.arange(len(length), dtype=np.int32), counts),
            np.ones(len(x), np.bool_),
            *(offset, length, tight, flat, follower_offset, world_offset),
        )


class _Part(NamedTuple):
    """The strands of one network."""

    lines: list[NDArray[np.float64]]  # (N, 6) x, y, yaw, speed limit, priority, lane
    lengths: list[float]  # m
    followers: list[list[int]]


def _starts(counts: Sequence[int]) -> Ints:
    """Where each of so many things begins in a flat array, and where the last one ends."""
    return np.cumsum([0, *counts]).astype(np.int32)


def _of_network(network: TownNetwork) -> _Part:
    """The strands of a network, in the order of their first lanes."""
    number_of = {index: number for number, index in enumerate(network.lanes)}
    chains = _chains(network)
    strand_of = {chain[0]: number for number, chain in enumerate(chains)}
    part = _Part([], [], [])
    for chain in chains:
        line, length = _sample(network, chain, [number_of[index] for index in chain])
        part.lines.append(line)
        part.lengths.append(length)
        after = network.followers(chain[-1])
        part.followers.append([strand_of[index] for index in after if index in strand_of])
    return part


def _chains(network: TownNetwork) -> list[list[LaneIndex]]:
    """Lanes joined one to one, in order; a ring of them is cut at its first lane."""
    after = {index: network.followers(index) for index in network.lanes}
    before: dict[LaneIndex, list[LaneIndex]] = {index: [] for index in network.lanes}
    for index, options in after.items():
        for option in options:
            before[option].append(index)

    def continues(index: LaneIndex) -> bool:
        """Whether a lane is the only one after the only one before it, and as much in a junction.

        A strand never comes through one junction twice.
        """
        if len(before[index]) != 1 or len(after[before[index][0]]) != 1:
            return False
        return network.lanes[index].junction == network.lanes[before[index][0]].junction

    chains: list[list[LaneIndex]] = []
    placed: set[LaneIndex] = set()
    heads = [index for index in network.lanes if not continues(index)]
    for head in [*heads, *network.lanes]:
        if head in placed:
            continue
        chain = [head]
        placed.add(head)
        while len(after[chain[-1]]) == 1:
            following = after[chain[-1]][0]
            if following in placed or not continues(following):
                break
            chain.append(following)
            placed.add(following)
        chains.append(chain)
    return chains


def _sample(
    network: TownNetwork, chain: list[LaneIndex], numbers: list[int]
) -> tuple[NDArray[np.float64], float]:
    """Evenly spaced points (N, 6) along joined lanes, see `_Part.lines`, and their length [m]."""
    lanes = [network.lanes[index] for index in chain]
    points = np.concatenate([lane.points for lane in lanes])
    stations = stations_of(points)
    ends = stations[np.cumsum([len(lane.points) for lane in lanes]) - 1]
    length = float(stations[-1])
    even = np.linspace(0.0, length, max(int(np.ceil(length / SPACING)), 1) + 1)
    x, y = resample(points, stations, even)
    yaw = np.unwrap(np.arctan2(np.gradient(y), np.gradient(x)))
    owner = np.minimum(np.searchsorted(ends, even), len(lanes) - 1)
    facts = [
        (lane.speed_limit, lane.priority, number)
        for lane, number in zip(lanes, numbers, strict=True)
    ]
    return np.column_stack([x, y, yaw, np.array(facts)[owner]]), length


def _on_ring(
    curvature: Floats, offset: Ints, followers: Ints, follower_offset: Ints
) -> NDArray[np.bool_]:
    """Whether each point (N,) is on a roundabout: a ring of strands that all turn the same way.

    Maps seldom say what every driver knows: those on a roundabout go first.
    """
    before = np.repeat(np.arange(len(offset) - 1), np.diff(follower_offset))
    ring = np.zeros(len(offset) - 1, np.bool_)
    for side in (-1.0, 1.0):
        turns = np.minimum.reduceat(side * curvature, offset[:-1]) > WIDEST_RING
        both = turns[before] & turns[followers]
        joined = coo_array((both, (before, followers)), shape=(len(turns), len(turns)))
        _, part = connected_components(joined, connection="strong")
        ring |= np.bincount(part)[part] > 1
    return np.repeat(ring, np.diff(offset))


def _curvature(yaw: Floats, offset: Ints, length: Floats) -> Floats:
    """Curvature (N,) [1/m] at each point, left positive, averaged over three."""
    curvature = np.empty(len(yaw), np.float32)
    for number, metres in enumerate(length.tolist()):
        part = slice(offset[number], offset[number + 1])
        rough = np.gradient(yaw[part].astype(np.float64)) * ((len(yaw[part]) - 1) / metres)
        curvature[part] = np.convolve(np.pad(rough, 1, mode="edge"), [0.25, 0.5, 0.25], "valid")
    return curvature


@njit(cache=True)
def _slow_down(
    speed: Floats, offset: Ints, length: Floats, followers: Ints, follower_offset: Ints
) -> None:
    """Lower speeds (N,) [m/s] so that `SLOWING` suffices before what comes, in place."""
    for _ in range(SWEEPS):
        for strand in range(len(length)):
            first, last = offset[strand], offset[strand + 1] - 1
            spacing = length[strand] / (last - first)
            for k in range(follower_offset[strand], follower_offset[strand + 1]):
                speed[last] = min(speed[last], speed[offset[followers[k]]])
            for i in range(last - 1, first - 1, -1):
                speed[i] = min(speed[i], np.sqrt(speed[i + 1] ** 2 + 2.0 * SLOWING * spacing))


@njit(forceinline=True)
def piece_at(offset: Ints, length: Floats, way: int, station: float) -> tuple[int, float]:
    """The point before a station [m] of a way, and the share of the way to its next point."""
    first = offset[way]
    pieces = offset[way + 1] - first - 1
    along = min(max(station / length[way], 0.0), 1.0) * pieces
    piece = min(int(along), pieces - 1)
    return first + piece, along - piece


@njit(forceinline=True)
def station_of(strands: Strands, strand: int, point: int) -> float:
    """Station [m] of a point on its strand."""
    first = strands.offset[strand]
    pieces = strands.offset[strand + 1] - first - 1
    return float((point - first) * strands.length[strand] / pieces)


@njit(forceinline=True)
def position_on(strands: Strands, strand: int, station: float) -> tuple[float, float]:
    """Position [m] at a station [m] of a strand, within its ends."""
    i, share = piece_at(strands.offset, strands.length, strand, station)
    return (
        strands.x[i] + share * (strands.x[i + 1] - strands.x[i]),
        strands.y[i] + share * (strands.y[i + 1] - strands.y[i]),
    )


@njit(forceinline=True)
def heading_on(strands: Strands, strand: int, station: float) -> float:
    """Heading [rad] at a station [m] of a strand."""
    i, share = piece_at(strands.offset, strands.length, strand, station)
    return float(strands.yaw[i] + share * (strands.yaw[i + 1] - strands.yaw[i]))
