"""Lanes of procedural towns: along streets, across junctions, round circles."""

from collections.abc import Iterator

import numpy as np
from highway_env.road.lane import LineType
from numpy.typing import NDArray

from drivecnn_envs.maps.curves import arc, connect, parallel, wrap
from drivecnn_envs.maps.procedural.config import WIDE_TURN
from drivecnn_envs.maps.procedural.layout import Circle, Layout
from drivecnn_envs.maps.procedural.plan import TurnRadius
from drivecnn_envs.maps.procedural.streets import Arm, Node, Street
from drivecnn_envs.roads import PavedStrip, SampledLane, TownNetwork

Array = NDArray[np.float64]

SPEED_LIMIT = 13.9  # m/s
THROUGH_ANGLE = 0.95  # rad, a turn below this goes straight on
AVENUE_PRIORITY, CIRCLE_PRIORITY = 1, 1  # who is on one goes first; anything else has 0
NO_LINE, SOLID_LINE = int(LineType.NONE), int(LineType.CONTINUOUS_LINE)
JOINS, LEAVES = "joins", "leaves"  # what an arm's lane does at a roundabout


def build_lanes(name: str, layout: Layout) -> TownNetwork:
    """The network of a layout, in right-hand traffic."""
    network = TownNetwork(name)
    network.paved = [*layout.paved, *_shoulders(layout)]
    for (start, end), curve in layout.curves.items():
        street = layout.plan.streets[start, end]
        _add_street(network, start, end, curve, street)
        _add_street(network, end, start, curve[::-1], street.turned())
    for node, arms in layout.arms.items():
        if len(arms) == 1:
            _add_turning_circle(network, node, arms, layout.circles[node])
        elif node in layout.circles:
            _add_roundabout(network, node, arms, layout.circles[node])
        else:
            _connect_arms(network, node, arms, layout.plan.turn_radius[node])
    return network


def _add_street(
    network: TownNetwork, here: Node, there: Node, curve: Array, street: Street
) -> None:
    """The lanes from one node to another; their highway-env edge is called here>there."""
    for number, lateral in enumerate(street.laterals()):
        lane = SampledLane(
            parallel(curve, lateral),
            street.lane_width,
            street.line_types(number),
            speed_limit=SPEED_LIMIT,
            priority=AVENUE_PRIORITY if min(street.forward, street.backward) > 1 else 0,
        )
        network.add_lane(_name(here, there, "start"), _name(here, there, "end"), lane)


def _shoulders(layout: Layout) -> Iterator[PavedStrip]:
    """The paved shoulders of the streets, which end at junctions."""
    for ends, curve in layout.curves.items():
        street = layout.plan.streets[ends]
        if street.shoulder > 0.0:
            aside = street.half_width() - street.shoulder / 2
            for lateral in (-aside, aside):
                yield PavedStrip(parallel(curve, lateral), np.full(len(curve), street.shoulder))


def _label(node: Node) -> str:
    return ".".join(map(str, node))


def _name(here: Node, there: Node, end: str) -> str:
    return f"{_label(here)}>{_label(there)}:{end}"


def _lanes(network: TownNetwork, here: Node, there: Node) -> list[SampledLane]:
    """The lanes of a street from one node to another."""
    return network.graph[_name(here, there, "start")][_name(here, there, "end")]


def _connect_arms(
    network: TownNetwork, node: Node, arms: dict[Node, Arm], turn_radius: TurnRadius
) -> None:
    """Lanes across a node from every arm to every other. Two arms make a bend, no junction."""
    junction = _label(node) if len(arms) > 2 else None
    for origin in arms:
        if not arms[origin].arriving:
            continue
        incoming = _lanes(network, origin, node)
        for target, (number, onward) in _movements(arms, origin):
            lane, after = incoming[number], _lanes(network, node, target)[onward]
            right_turn = wrap(after.headings[0] - lane.headings[-1]) < 0.0
            widest = turn_radius.right if right_turn else turn_radius.other
            points = connect(
                lane.points[-1],
                lane.headings[-1],
                after.points[0],
                after.headings[0],
                widest if junction else WIDE_TURN,
            )
            widths = np.linspace(lane.widths[-1], after.widths[0], len(points))
            right, left = lane.line_types
            same = junction is None and len(incoming) == len(_lanes(network, node, target))
            across = SampledLane(
                points,
                widths,
                (right, left) if same else (NO_LINE, NO_LINE),
                speed_limit=SPEED_LIMIT,
                junction=junction,
                priority=lane.priority,
            )
            network.add_lane(_name(origin, node, "end"), _name(node, target, "start"), across)


def _movements(arms: dict[Node, Arm], origin: Node) -> Iterator[tuple[Node, tuple[int, int]]]:
    """Which lane of an arm leads where: target arm, number of the lane, number of the lane there.

    As in traffic: right turns from the right lane into the right one, left turns from the left
    lane into the left one, straight on from each lane into the one ahead of it. A lane with none
    of these turns beside the outer lane of its half.
    """
    turns = {
        target: wrap(arm.heading - arms[origin].heading - np.pi)
        for target, arm in arms.items()
        if target != origin and arm.leaving
    }
    ahead = min(turns, key=lambda target: abs(turns[target]))
    count = len(arms[origin].arriving)
    ways: dict[Node, list[tuple[int, int]]] = {}
    for target, turn in turns.items():
        onward = len(arms[target].leaving)
        if len(turns) == 1:
            ways[target] = _merge(count, onward)
        elif target == ahead and abs(turn) <= THROUGH_ANGLE:
            ways[target] = [(count - 1 - k, onward - 1 - k) for k in range(min(count, onward))]
        else:
            ways[target] = [(count - 1, onward - 1)] if turn < 0 else [(0, 0)]
    used = {number for pairs in ways.values() for number, _ in pairs}
    leftmost, rightmost = max(turns, key=turns.__getitem__), min(turns, key=turns.__getitem__)
    for number in sorted(set(range(count)) - used):  # the outer ones turn beside each other
        target = leftmost if number < count / 2 else rightmost
        onward = len(arms[target].leaving)
        beside = number if target == leftmost else onward - (count - number)
        ways[target].append((number, min(max(beside, 0), onward - 1)))
    return ((target, pair) for target, pairs in ways.items() for pair in pairs)


def _merge(count: int, onward: int) -> list[tuple[int, int]]:
    """Pairs of lanes where `count` lanes go on as `onward` ones, every lane in some pair."""
    longer = range(max(count, onward))
    return [(min(k, count - 1), min(k, onward - 1)) for k in longer]


def _add_turning_circle(
    network: TownNetwork, node: Node, arms: dict[Node, Arm], circle: Circle
) -> None:
    """The lane round the end of a dead end."""
    ((there, arm),) = arms.items()
    lateral = abs(arm.arriving[0])
    angle = circle.angle(lateral)
    points = np.concatenate(
        [
            circle.way_in(arm.heading, lateral)[:-1],
            arc(
                circle.centre,
                circle.radius,
                arm.heading + angle,
                arm.heading + 2 * np.pi - angle,
            ),
            circle.way_out(arm.heading, lateral)[1:],
        ]
    )
    (lane,) = _lanes(network, there, node)
    around = SampledLane(
        points, lane.widths[-1], (lane.line_types[0], LineType.NONE), speed_limit=SPEED_LIMIT
    )
    network.add_lane(_name(there, node, "end"), _name(node, there, "start"), around)


def _add_roundabout(
    network: TownNetwork, node: Node, arms: dict[Node, Arm], circle: Circle
) -> None:
    """The circle in pieces between the points where arms join and leave it, and the arms' arcs."""
    junction = _label(node)
    joints: list[tuple[float, str, str]] = []  # angle [rad], what happens there, highway-env node
    for there, arm in arms.items():
        if arm.arriving:
            lateral = abs(arm.arriving[0])
            angle, joint = arm.heading + circle.angle(lateral), _name(there, node, JOINS)
            points = circle.way_in(arm.heading, lateral)
            lane = _circle_lane(points, arm.lane_width, (SOLID_LINE, NO_LINE), junction)
            network.add_lane(_name(there, node, "end"), joint, lane)
            joints.append((angle % (2 * np.pi), JOINS, joint))
        if arm.leaving:
            lateral = abs(arm.leaving[0])
            angle, joint = arm.heading - circle.angle(lateral), _name(node, there, LEAVES)
            points = circle.way_out(arm.heading, lateral)
            lane = _circle_lane(points, arm.lane_width, (SOLID_LINE, NO_LINE), junction)
            network.add_lane(joint, _name(node, there, "start"), lane)
            joints.append((angle % (2 * np.pi), LEAVES, joint))
    joints.sort()
    width = float(np.mean([arm.lane_width for arm in arms.values()]))
    for (start, act, joint), (end, then, after) in zip(
        joints, [*joints[1:], joints[0]], strict=True
    ):
        outer = SOLID_LINE if (act, then) == (JOINS, LEAVES) else NO_LINE
        points = arc(circle.centre, circle.radius, start, start + (end - start) % (2 * np.pi))
        lane = _circle_lane(points, width, (outer, SOLID_LINE), junction, CIRCLE_PRIORITY)
        network.add_lane(joint, after, lane)


def _circle_lane(
    points: Array, width: float, lines: tuple[int, int], junction: str, priority: int = 0
) -> SampledLane:
    return SampledLane(
        points, width, lines, speed_limit=SPEED_LIMIT, junction=junction, priority=priority
    )


def mirror(network: TownNetwork) -> TownNetwork:
    """The network as seen in a mirror along x: traffic keeps to the other side."""
    mirrored = TownNetwork(network.name, network.join_gap, left_hand=not network.left_hand)
    flip = np.array([1.0, -1.0])
    for start, ends in network.graph.items():
        for end, lanes in ends.items():
            for lane in reversed(lanes):  # from left to right
                right, left = lane.line_types
                other = SampledLane(
                    lane.points * flip,
                    lane.widths,
                    (left, right),
                    speed_limit=lane.speed_limit,
                    junction=lane.junction,
                    forbidden=lane.forbidden,
                    priority=lane.priority,
                )
                mirrored.add_lane(start, end, other)
    mirrored.paved = [PavedStrip(strip.points * flip, strip.widths) for strip in network.paved]
    return mirrored
