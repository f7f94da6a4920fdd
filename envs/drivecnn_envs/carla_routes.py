"""Published CARLA route files on our lanes. CARLA's y points the other way: negated here, once."""

from pathlib import Path
from typing import Any, NamedTuple

import networkx as nx
import numpy as np
from defusedxml import ElementTree
from numpy.typing import NDArray

from drivecnn_envs.errors import MapError
from drivecnn_envs.roads import LaneIndex, TownNetwork
from drivecnn_envs.routes import RUN_OUT, SPACING, Route, follow

MAX_FILE_BYTES = 50_000_000
MAX_COORDINATE = 1e6  # m from CARLA's origin, or degrees
MAX_GAP = 12.0  # m, farthest a waypoint may lie from the lane it is matched to
TURN_COST = 3.0  # m of distance that a radian of wrong heading counts as
GAP_COST = 30.0  # m of detour that a metre off the lane is worth
CANDIDATES = 6  # lanes considered for a waypoint


class CarlaRoute(NamedTuple):
    """A route of a file: its town and its waypoints in right-handed axes."""

    id: str
    town: str
    waypoints: NDArray[np.float64]  # (N, 3) x, y [m], yaw [rad]


def read_carla_routes(path: Path) -> list[CarlaRoute]:
    """The routes of a CARLA route file.

    Raises:
        MapError: one line, if it is no such file.
    """
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise MapError(
                f"{path}: the file has {size / 1e6:.0f} MB, expected at most "
                f"{MAX_FILE_BYTES / 1e6:.0f} MB: split it"
            )
        root = ElementTree.fromstring(path.read_bytes())
    except MapError:
        raise
    except (ElementTree.ParseError, OSError, ValueError, LookupError) as error:
        reason = " ".join(str(error).split())[:200]
        raise MapError(f"{path}: expected a CARLA route file (XML), got: {reason}") from error
    routes: list[CarlaRoute] = []
    for element in root.iter("route"):
        points = [
            [_number(point.get(name, "nan")) for name in ("x", "y", "yaw")]
            for point in element.findall("waypoint")
        ]
        waypoints = np.array(points, np.float64).reshape(-1, 3) * (1.0, -1.0, -np.pi / 180.0)
        name = " ".join(element.get("id", str(len(routes))).split())[:40]
        if len(waypoints) < 2 or not (np.abs(waypoints) <= MAX_COORDINATE).all():
            raise MapError(
                f"{path}: route {name} has {len(waypoints)} waypoints, expected at least 2 with "
                f"x, y and yaw of at most {MAX_COORDINATE:g}"
            )
        routes.append(CarlaRoute(name, element.get("town", ""), waypoints))
    if not routes:
        raise MapError(f"{path}: expected <route> elements, found none")
    return routes


def _number(text: str) -> float:
    """The number a text says, NaN if none."""
    try:
        return float(text)
    except ValueError:
        return float("nan")


def match_route(network: TownNetwork, route: CarlaRoute) -> Route:
    """The route along our lanes that passes a published route's waypoints in order.

    Raises:
        MapError: if a waypoint is far from every lane that can be reached from the one before, or
            the goal is not ahead of the start.
    """
    lanes = _match_lanes(network, route)
    start, _ = network.lanes[lanes[0]].local_coordinates(route.waypoints[0, :2])
    start = float(np.clip(start, 0.0, network.lanes[lanes[0]].length - 1.0))
    rough = follow(network, _with_run_out(network, lanes), start, np.inf)
    gaps = np.hypot(rough.x - route.waypoints[-1, 0], rough.y - route.waypoints[-1, 1])
    goal = np.flatnonzero(gaps <= gaps.min() + 0.5)[-1]  # the last pass, where a route loops
    if goal == 0:
        raise MapError(
            f"{network.name}: route {route.id} ends where it starts, or behind that on the same "
            "lane: check its waypoints"
        )
    return follow(network, rough.lanes, start, float(goal) * SPACING)


class _Candidate(NamedTuple):
    """A lane that a waypoint may lie on, and the cheapest way of coming there."""

    cost: float  # m
    lanes: list[LaneIndex]  # from the first waypoint's lane to this one


def _match_lanes(network: TownNetwork, route: CarlaRoute) -> list[LaneIndex]:
    """The joined lanes that pass all waypoints with the least distance and detour (Viterbi)."""
    candidates: list[_Candidate] = []
    for number, waypoint in enumerate(route.waypoints):
        options = _lanes_at(network, waypoint)
        if number == 0:
            candidates = [_Candidate(gap * GAP_COST, [lane]) for lane, gap in options.items()]
        else:
            candidates = _extend(network, candidates, options)
        if not candidates:
            raise MapError(
                f"{network.name}: waypoint {number} of route {route.id} at "
                f"({waypoint[0]:.1f}, {waypoint[1]:.1f}) is on no lane that can be reached: "
                "check that the route belongs to this town"
            )
    return min(candidates).lanes


def _extend(
    network: TownNetwork, before: list[_Candidate], options: dict[LaneIndex, float]
) -> list[_Candidate]:
    """The cheapest way to each of the next waypoint's lanes that can be reached at all."""
    best: dict[LaneIndex, _Candidate] = {}
    for candidate in before:
        lengths, paths = _ways_from(network, candidate.lanes[-1])
        for lane in options.keys() & lengths.keys():
            cost = candidate.cost + lengths[lane] + options[lane] * GAP_COST
            if lane not in best or cost < best[lane].cost:
                best[lane] = _Candidate(cost, candidate.lanes + paths[lane][1:])
    return list(best.values())


def _ways_from(
    network: TownNetwork, start: LaneIndex
) -> tuple[dict[LaneIndex, float], dict[LaneIndex, list[LaneIndex]]]:
    """Length [m] and lanes of the shortest way to every lane that can be reached."""
    ways: Any = nx.single_source_dijkstra(network.lane_graph, start)  # typed as for one target too
    lengths, paths = ways
    return lengths, paths


def _lanes_at(network: TownNetwork, waypoint: NDArray[np.float64]) -> dict[LaneIndex, float]:
    """Lanes near a waypoint, and how far off [m] each is, wrong heading counted in.

    Some published waypoints lie off the road or head across it: CARLA's own planner takes the
    nearest lane for them, and so do we.
    """
    found = {}
    for index in network.lanes_near(waypoint[:2], MAX_GAP):
        lane = network.lanes[index]
        station, lateral = lane.local_coordinates(waypoint[:2])
        gap = abs(lateral) + max(-station, station - lane.length, 0.0)
        turn = abs((waypoint[2] - lane.heading_at(station) + np.pi) % (2 * np.pi) - np.pi)
        if gap <= MAX_GAP:
            found[index] = gap + TURN_COST * turn
    return dict(sorted(found.items(), key=lambda item: item[1])[:CANDIDATES])


def _with_run_out(network: TownNetwork, lanes: list[LaneIndex]) -> list[LaneIndex]:
    """The lanes, and those that follow for at least `RUN_OUT`, as far as there are any."""
    extended, room = list(lanes), 0.0
    while room < RUN_OUT and (after := network.followers(extended[-1])):
        extended.append(after[0])
        room += network.lanes[after[0]].length
    return extended
