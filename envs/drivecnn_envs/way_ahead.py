"""The way ahead of a highway-env vehicle: along its planned route, else straight on."""

from collections.abc import Sequence

import numpy as np
from highway_env.vehicle.kinematics import Vehicle
from numpy.typing import NDArray

from drivecnn_envs.maps.curves import stations as stations_of
from drivecnn_envs.roads import LaneIndex, TownNetwork
from drivecnn_envs.routes import SPACING, Route, beyond, resample

Array = NDArray[np.float64]
Plan = list[tuple[str, str, int | None]]

BEHIND = 30.0  # m of the way that lie behind the vehicle
SHORTEST = 12.0  # m, a way that ends sooner leads nowhere
GAP = 6.0  # m, lanes that start this near to another's end may continue it
LANE_SLACK = 4.0  # m beside or before a lane within which a vehicle still follows it


def way_ahead(network: TownNetwork, vehicle: Vehicle, length: float) -> tuple[Route, float] | None:
    """The way ahead of a vehicle, right-handed, and the vehicle's progress [m] along it.

    None where there is none: off the roads, on a parking lot, at the end of a road.

    Args:
        network: the mirror of the network that the vehicle drives on.
        vehicle: of highway-env.
        length: m, how far to look ahead.
    """
    index = vehicle.lane_index
    if index not in network.lanes:
        return None
    lane = network.lanes[index]
    station, lateral = lane.local_coordinates(vehicle.position * (1.0, -1.0))
    beyond = max(-station, station - lane.length, abs(lateral) - lane.width_at(station) / 2)
    if beyond > LANE_SLACK:
        return None
    station = min(max(station, 0.0), lane.length)
    indices, left = [index], lane.length - station
    plan = _still_ahead(list(getattr(vehicle, "route", None) or []), index)
    while left < length:
        after = _planned(network, indices[-1], plan) if plan else _straight_on(network, indices[-1])
        if after is None:
            break
        plan = plan[1:]
        indices.append(after)
        left += network.lanes[after].length
    begin = max(station - BEHIND, 0.0)
    total = min(station + length, station + left) - begin
    if total - (station - begin) < SHORTEST:
        return None
    return _along(network, indices, begin, total), station - begin


def _still_ahead(plan: Plan, index: LaneIndex) -> Plan:
    """The steps of a plan that follow the road of a lane, none if the vehicle has left its plan."""
    roads = [step[:2] for step in plan]
    if index[:2] in roads:
        return plan[roads.index(index[:2]) + 1 :]
    return plan if plan and plan[0][0] == index[1] else []


def _planned(network: TownNetwork, index: LaneIndex, plan: Plan) -> LaneIndex | None:
    """The lane of a plan's first step; where the plan names none, the one that continues best."""
    start, end, number = plan[0]
    parallel = network.graph.get(start, {}).get(end, [])
    if not parallel:
        return None
    if number is not None and number < len(parallel):
        return start, end, int(number)
    tip = network.lanes[index].points[-1]
    gaps = [float(np.linalg.norm(lane.points[0] - tip)) for lane in parallel]
    return start, end, int(np.argmin(gaps))


def _straight_on(network: TownNetwork, index: LaneIndex) -> LaneIndex | None:
    """Of the lanes that may continue a lane, the one that turns least, None if there is none."""
    lane = network.lanes[index]
    best, least = None, np.inf
    for end, parallel in network.graph.get(index[1], {}).items():
        for number, after in enumerate(parallel):
            gap = float(np.linalg.norm(after.points[0] - lane.points[-1]))
            turn = float(after.headings[len(after.headings) // 2] - lane.headings[-1])
            cost = abs(np.arctan2(np.sin(turn), np.cos(turn))) + gap
            if gap < GAP and cost < least:
                best, least = (index[1], end, number), cost
    return best


def _along(network: TownNetwork, lanes: Sequence[LaneIndex], begin: float, total: float) -> Route:
    """The route of a total length [m] along lanes, from a station [m] of the first."""
    first, *others = (
        np.column_stack([network.lanes[index].points, network.lanes[index].widths])
        for index in lanes
    )
    pieces = [first]
    for piece in others:
        pieces.append(beyond(pieces[-1][-1], piece))
    line = np.concatenate(pieces)  # (N, 3)
    even = begin + np.arange(0.0, total, SPACING)
    x, y, width = resample(line, stations_of(line[:, :2]), even)
    yaw = np.unwrap(np.arctan2(np.gradient(y), np.gradient(x)))
    return Route(x, y, yaw, width, total, (), tuple(lanes))
