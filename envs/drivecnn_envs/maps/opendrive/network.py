"""Towns from OpenDRIVE files: every driving lane sampled, every lane joined to those after it.

Right-handed axes, as in OpenDRIVE. The world is flat: a warning says what that leaves out.
"""

import warnings
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import numpy as np

from drivecnn_envs.errors import MapWarning
from drivecnn_envs.maps.opendrive.file import MapRecords, Road, read_records
from drivecnn_envs.maps.opendrive.lanes import MIN_LANE_WIDTH, DrivenLane, section_lanes
from drivecnn_envs.maps.opendrive.left_out import left_out
from drivecnn_envs.maps.opendrive.links import (
    LaneJoint,
    LaneKey,
    Node,
    Nodes,
    goes_with_s,
    is_short,
    lane_joints,
    shared_nodes,
    touching_ends,
)
from drivecnn_envs.maps.opendrive.sections import Section
from drivecnn_envs.roads import SampledLane, TownNetwork

MAX_LINK_GAP = 2.0  # m, linked lanes further apart are an error in the map
GAP_LEFT_OPEN = 0.05  # m, linked lanes nearer than this are left as they are
BEND_ROUNDS = 3  # moving one end can open a gap at another that shares it

Block = list[DrivenLane]  # parallel lanes without anything between them, left to right


def read_opendrive(path: Path) -> TownNetwork:
    """The road network of an OpenDRIVE 1.4-1.7 file, named after the file.

    Edges run from lane section to lane section; the lanes of one direction lie side by side in
    an edge, from left to right. Lanes that the file links end less than `JOIN_GAP` apart.

    Raises:
        MapError: if the file cannot be read or driven; the message names the file and line.

    Warns:
        MapWarning: once, if anything that matters for driving is left out.
    """
    records = read_records(path)
    roads = records.roads.values()
    with_left_hand = sum(road.left_hand for road in roads)
    network = TownNetwork(path.stem, left_hand=2 * with_left_hand > len(roads))
    origin = np.array(next(iter(roads)).line.pieces[0][1:3])
    blocks: list[Block] = []
    for road in roads:
        for number, section in enumerate(road.sections):
            if not is_short(road, number):
                lanes, strips = section_lanes(road, number, origin)
                blocks += _blocks(road, section, lanes)
                network.paved += strips if lanes else []  # else the road is scenery
    if not blocks:
        raise records.root.error("expected a driving lane, got none: give a map with lanes")
    ends = touching_ends(records)
    sampled = {lane.key: lane for block in blocks for lane in block}
    joints = [
        joint
        for joint in lane_joints(records.roads, ends)
        if joint.before in sampled and joint.after in sampled
    ]
    _close_gaps(sampled, joints)
    _trim_loose_ends(sampled, joints)
    _add_blocks(network, records, blocks, shared_nodes(records.roads, ends))
    if notes := left_out(records):
        warnings.warn(f"{path}: left out: {'; '.join(notes)}", MapWarning, stacklevel=2)
    return network


def _blocks(road: Road, section: Section, lanes: dict[int, DrivenLane]) -> Iterator[Block]:
    """The lanes of each direction from left to right, parted where a strip lies between them."""
    for with_s in (True, False):
        numbers = sorted(
            (number for number in section.lanes if number and goes_with_s(road, number) == with_s),
            reverse=with_s,
        )
        block: Block = []
        for number in numbers:
            if number in lanes:
                block.append(lanes[number])
            elif block and _is_wide(section, number):
                yield block
                block = []
        if block:
            yield block


def _is_wide(section: Section, number: int) -> bool:
    """Whether a strip of a section is wide enough to part the lanes on either side."""
    stations = np.linspace(0.0, section.length, 3)
    return bool(section.lanes[number].widths.values(stations).max() > MIN_LANE_WIDTH)


def _close_gaps(lanes: dict[LaneKey, DrivenLane], joints: list[LaneJoint]) -> None:
    """Bend lane ends so that linked lanes meet.

    Of two ends the one linked to fewer others moves, or else the narrower one: a lane that opens
    or runs out moves onto the lane it comes from or goes to. Of equals the longer lane bends.

    Raises:
        MapError: if linked lanes are more than 2 m apart, or cannot all be made to meet.
    """
    leaving = Counter(joint.before for joint in joints)
    arriving = Counter(joint.after for joint in joints)
    for round_number in range(BEND_ROUNDS + 1):
        limit = MAX_LINK_GAP if round_number == 0 else 2 * GAP_LEFT_OPEN
        for joint in joints:
            before, after = lanes[joint.before], lanes[joint.after]
            shift = after.end(False) - before.end(True)
            gap = float(np.linalg.norm(shift))
            if gap > limit and round_number in (0, BEND_ROUNDS):
                raise joint.element.error(
                    f"lane {joint.before.lane} of road {joint.before.road!r} and lane "
                    f"{joint.after.lane} of road {joint.after.road!r} are linked but {gap:.2f} m "
                    f"apart, expected at most {limit:g} m: correct the link or the geometry"
                )
            if gap <= GAP_LEFT_OPEN:
                continue
            end_rank = (leaving[joint.before], before.widths[-1], -len(before.points))
            if end_rank < (arriving[joint.after], after.widths[0], -len(after.points)):
                before.bend(True, shift)
            else:
                after.bend(False, -shift)


def _trim_loose_ends(lanes: dict[LaneKey, DrivenLane], joints: list[LaneJoint]) -> None:
    """Take the narrow ends off that lead nowhere: no one can start or stop there."""
    left = {joint.before for joint in joints}
    entered = {joint.after for joint in joints}
    for key, lane in lanes.items():
        if key not in entered:
            lane.trim(at_end=False)
        if key not in left:
            lane.trim(at_end=True)


def _add_blocks(
    network: TownNetwork, records: MapRecords, blocks: list[Block], nodes: Nodes
) -> None:
    """Add the lanes as edges. Blocks between the same two nodes would pass for parallel lanes.

    Inside junctions, where no one changes lanes, they share an edge, from left to right.
    Elsewhere all but one get a node of their own half-way; so does a road that ends where it
    begins.
    """

    def edge(block: Block) -> tuple[Node, Node]:
        key = block[0].key
        with_s = goes_with_s(records.roads[key.road], key.lane)
        at = [Node(key.road, boundary, with_s) for boundary in (key.section, key.section + 1)]
        start, end = (nodes.find(node) for node in (at if with_s else at[::-1]))
        return start, end

    for (start, end), group in groupby(sorted(blocks, key=edge), key=edge):
        parts = list(group)
        inside = [lane for block in parts if block[0].junction is not None for lane in block]
        outside = [block for block in parts if block[0].junction is None]
        together = ([_left_to_right(inside)] if inside else []) + outside
        for number, block in enumerate(together):
            if number == 0 and start != end:
                _add_edge(network, str(start), str(end), block)
            else:
                middle = f"{start}>{end}#{number}"
                _add_edge(network, str(start), middle, [lane.half(False) for lane in block])
                _add_edge(network, middle, str(end), [lane.half(True) for lane in block])


def _left_to_right(lanes: Block) -> Block:
    """Lanes that lead from one node to another, in order of where they begin and end."""
    first = lanes[0].points
    out, into = first[1] - first[0], first[-1] - first[-2]

    def leftness(lane: DrivenLane) -> float:
        start, end = lane.points[0] - first[0], lane.points[-1] - first[-1]
        return float(
            (out[0] * start[1] - out[1] * start[0]) / np.linalg.norm(out)
            + (into[0] * end[1] - into[1] * end[0]) / np.linalg.norm(into)
        )

    return sorted(lanes, key=leftness, reverse=True)


def _add_edge(network: TownNetwork, start: str, end: str, block: Block) -> None:
    for lane in block:
        network.add_lane(
            start,
            end,
            SampledLane(
                lane.points,
                lane.widths,
                lane.line_types,
                speed_limit=lane.speed_limit,
                junction=lane.junction,
            ),
        )
