"""Road markings: which ones each lane carries, and how much paint there is at a place of a lane."""

from collections import defaultdict
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from highway_env.road.lane import LineType
from numba import njit
from numpy.typing import NDArray

from drivecnn_envs.canvas import place_key
from drivecnn_envs.materials import RESOLUTION
from drivecnn_envs.noise import uniform
from drivecnn_envs.roads import LaneIndex, SampledLane, TownNetwork
from drivecnn_envs.townscape import Townscape

Array = NDArray[np.float64]

MARKS = np.dtype(
    [
        ("lines", np.uint8, (2,)),  # highway-env `LineType` of the right and left edge
        ("centre", np.int8),  # edge that separates the directions, -1 if none does
        ("stop", np.float64),  # m along the lane, middle of a stop line; NOWHERE if none
        ("zebras", np.float64, (2,)),  # m along the lane where zebra crossings begin
        ("arrow", np.uint8),  # bits AHEAD, LEFT, RIGHT; 0 for none
        ("arrow_tip", np.float64),  # m along the lane
        ("length", np.float64),  # m
        ("is_lane", np.bool_),  # or else a paved strip
    ]
)

Marks: TypeAlias = Any  # a record of dtype MARKS, which has no static type

NOWHERE = -1e9  # m
LINE_WIDTH = 0.15  # m
DASH, DASH_PERIOD = 3.0, 7.5  # m
STOP_WIDTH, STOP_SETBACK = 0.45, 0.7  # m, along the lane
ZEBRA_WIDTH, ZEBRA_SETBACK, ZEBRA_BAR = 3.0, 1.4, 0.5  # m
ZEBRA_TO_STOP = 1.0  # m
ARROW_LENGTH, ARROW_SETBACK, ARROW_HEAD = 5.0, 9.0, 1.7  # m
SHORTEST_LANE = 18.0  # m, shorter ones have neither crossings nor arrows
ARM_ANGLE = 0.4  # rad, lanes that leave a junction in directions this near share an arm
LEAST_ENTRANCES = 3  # roads that lead into a junction with stop lines
TURN = 0.5  # rad, a lane that turns less leads ahead
AHEAD, LEFT, RIGHT = 1, 2, 4  # bits of a lane's arrow
_STRIPED = int(LineType.STRIPED)


def marks_of(network: TownNetwork, townscape: Townscape, seed: np.uint64) -> NDArray[np.void]:
    """The markings (L + P,) of dtype `MARKS` of all lanes, in their order, and paved strips."""
    marks = np.zeros(len(network.lanes) + len(network.paved), MARKS)
    marks["stop"], marks["zebras"], marks["arrow_tip"] = NOWHERE, NOWHERE, NOWHERE
    numbers = {index: number for number, index in enumerate(network.lanes)}
    for (start, end, position), number in numbers.items():
        lane = network.lanes[start, end, position]
        innermost = len(network.graph[start][end]) - 1 if network.left_hand else 0
        marks["lines"][number] = lane.line_types
        marks["centre"][number] = (not network.left_hand) if position == innermost else -1
        marks["length"][number], marks["is_lane"][number] = lane.length, True
    for arms in _junction_arms(network):
        for arm in arms:
            _mark_arm(network, numbers, marks, arm, townscape, seed)
    return marks


class _Arm(NamedTuple):
    """The lanes on one road at a junction."""

    entering: list[LaneIndex]
    leaving: list[LaneIndex]
    is_controlled: bool  # whether enough roads meet for stop lines

    def key(self, network: TownNetwork, seed: np.uint64) -> np.uint64:
        """What decides about the arm: where it is."""
        ends = [network.lanes[index].points[-1] for index in self.entering]
        x, y = np.mean(ends, axis=0)
        return np.uint64(place_key(seed, x, y))


def _junction_arms(network: TownNetwork) -> list[list[_Arm]]:
    """The arms of every junction that has a name."""
    names_after: dict[str, str] = {}
    names_before: dict[str, str] = {}
    for (start, end, _), lane in network.lanes.items():
        if lane.junction is not None:
            names_after[start] = names_before[end] = lane.junction
    ends: dict[str, list[tuple[float, LaneIndex, bool]]] = defaultdict(list)
    for index, lane in network.lanes.items():
        if lane.junction is None and index[1] in names_after:
            ends[names_after[index[1]]].append((lane.headings[-1] + np.pi, index, True))
        if lane.junction is None and index[0] in names_before:
            ends[names_before[index[0]]].append((lane.headings[0], index, False))
    return [_arms(of_junction) for of_junction in ends.values()]


def _arms(ends: list[tuple[float, LaneIndex, bool]]) -> list[_Arm]:
    """Lane ends at one junction by arm: outward heading [rad], lane, whether it enters."""
    roads = {index[:2] for _, index, enters in ends if enters}
    arms: list[_Arm] = []
    last = NOWHERE
    for angle, index, enters in sorted((a % (2 * np.pi), i, e) for a, i, e in ends):
        if angle - last > ARM_ANGLE:
            arms.append(_Arm([], [], len(roads) >= LEAST_ENTRANCES))
        (arms[-1].entering if enters else arms[-1].leaving).append(index)
        last = angle
    return [arm for arm in arms if arm.entering]


def _mark_arm(
    network: TownNetwork,
    numbers: dict[LaneIndex, int],
    marks: NDArray[np.void],
    arm: _Arm,
    townscape: Townscape,
    seed: np.uint64,
) -> None:
    """Add stop lines, a zebra crossing and arrows to the lanes of a junction's arm."""
    key = arm.key(network, seed)
    lanes = network.lanes
    shortest = min(lanes[index].length for index in arm.entering + arm.leaving)
    crossed = shortest > SHORTEST_LANE and uniform(key, 0) < townscape.zebras
    outward = lanes[arm.entering[0]].headings[-1] + np.pi
    direction = np.array([np.cos(outward), np.sin(outward)])
    edge = max(
        *(lanes[index].points[-1] @ direction for index in arm.entering),
        *(lanes[index].points[0] @ direction for index in arm.leaving),
        NOWHERE,
    )  # m outwards, of the junction's edge, the same for all lanes
    for index in arm.leaving:
        beyond = edge - lanes[index].points[0] @ direction
        if crossed:
            marks["zebras"][numbers[index], 0] = beyond + ZEBRA_SETBACK
    for index in arm.entering:
        lane, number = lanes[index], numbers[index]
        before = lane.length - (edge - lane.points[-1] @ direction)  # m along the lane
        if crossed:
            marks["zebras"][number, 1] = before - ZEBRA_SETBACK - ZEBRA_WIDTH
        if arm.is_controlled and uniform(key, 1) < townscape.stop_lines:
            setback = ZEBRA_SETBACK + ZEBRA_WIDTH + ZEBRA_TO_STOP if crossed else STOP_SETBACK
            marks["stop"][number] = before - setback
        has_choice = len(arm.entering) > 1 and lane.length > SHORTEST_LANE
        if has_choice and uniform(key, 2) < townscape.arrows:
            marks["arrow"][number] = _ways_on(network, index, lane)
            marks["arrow_tip"][number] = before - ARROW_SETBACK


def _ways_on(network: TownNetwork, index: LaneIndex, lane: SampledLane) -> int:
    """Where a lane leads, as bits for an arrow."""
    ways = 0
    for after in network.graph.get(index[1], {}).values():
        for follower in after:
            gap = np.linalg.norm(follower.points[0] - lane.points[-1])
            turn = follower.headings[-1] - follower.headings[0]
            if gap <= network.join_gap:
                ways |= AHEAD if abs(turn) < TURN else LEFT if turn > 0 else RIGHT
    return ways


@njit(forceinline=True)
def paint_at(
    marks: Marks,
    station: float,
    lateral: float,
    half: float,
) -> tuple[float, bool]:
    """Share of paint at lane coordinates [m] of a lane `half` metres wide, and if it is the centre.

    Lines are soft by a texel.
    """
    paint, is_centre = 0.0, False
    for side in range(2):
        kind = marks.lines[side]
        if kind == 0:
            continue
        dash = np.floor(station / DASH_PERIOD) * DASH_PERIOD
        if kind == _STRIPED and (station - dash > DASH or dash + DASH > marks.length):
            continue
        away = abs(lateral - half) if side == 1 else abs(lateral + half)
        cover = _soft(0.5 * LINE_WIDTH - away)
        if cover > paint:
            paint, is_centre = cover, side == marks.centre
    if abs(lateral) < half:
        paint = max(paint, _soft(0.5 * STOP_WIDTH - abs(station - marks.stop)))
        for crossing in range(2):
            along = station - marks.zebras[crossing]
            if 0.0 <= along < ZEBRA_WIDTH:
                bar = (lateral + half) % (2.0 * ZEBRA_BAR)
                paint = _soft(0.5 * ZEBRA_BAR - abs(bar - 0.5 * ZEBRA_BAR))
        if marks.arrow > 0:
            paint = max(paint, _arrow_at(marks.arrow, marks.arrow_tip - station, lateral))
    return paint, is_centre


@njit(forceinline=True)
def _soft(inside: float) -> float:
    """Cover of a texel whose middle is so many metres inside a shape."""
    return float(min(max(inside / RESOLUTION + 0.5, 0.0), 1.0))


@njit()
def _arrow_at(ways: int, before: float, lateral: float) -> float:
    """Share of an arrow's paint so many metres before its tip and left of its shaft."""
    if not -0.5 < before < ARROW_LENGTH:
        return 0.0
    head = ARROW_HEAD if ways & AHEAD else ARROW_HEAD - 0.4
    cover = _soft(0.1 - abs(lateral)) if before > head - 0.4 else 0.0
    if ways & AHEAD:
        inside = 0.28 * before - abs(lateral) if before < ARROW_HEAD else -1.0
        cover = max(cover, _soft(inside))
    for side, bit in ((1.0, LEFT), (-1.0, RIGHT)):
        if ways & bit:
            aside = side * lateral
            bend = ARROW_HEAD + 0.3 if ways & AHEAD else ARROW_HEAD
            if 0.0 < aside < 0.5:
                cover = max(cover, _soft(0.15 - abs(before - bend)))
            if 0.5 <= aside < 1.3:
                cover = max(cover, _soft(0.5 * (1.3 - aside) - abs(before - bend)))
    return float(cover)
