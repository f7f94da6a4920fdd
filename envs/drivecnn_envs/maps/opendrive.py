"""Towns from OpenDRIVE files: every driving lane sampled, every lane joined to those after it.

Right-handed axes, as in OpenDRIVE. Elevation and superelevation are left out: the world is flat.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np
from highway_env.road.lane import LineType
from numpy.typing import NDArray

from drivecnn_envs.maps.opendrive_file import (
    MAX_COORDINATE,
    FileLane,
    MapRecords,
    Road,
    Section,
    read_records,
)
from drivecnn_envs.maps.opendrive_links import (
    DRIVING_KINDS,
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
from drivecnn_envs.maps.reference_line import Array, Poses
from drivecnn_envs.roads import PavedStrip, SampledLane, TownNetwork

NO_LINE, STRIPED_LINE, SOLID_LINE = (
    int(kind) for kind in (LineType.NONE, LineType.STRIPED, LineType.CONTINUOUS_LINE)
)
PAVED_KINDS = frozenset({"parking", "shoulder", "stop"})
STEP = 0.5  # m, between points of a centre line
MIN_POINT_STEP = 1e-4  # m, a centre line's points are at least this far apart
MIN_LANE_WIDTH = 0.5  # m, a lane that is nowhere wider is no lane
MAX_WIDTH = 1000.0  # m
MAX_NEGATIVE_WIDTH = 1e-3  # m, rounding in width polynomials that run out to zero
MAX_LANE_LENGTH = 1e7  # m, all lanes of a map together
MAX_LINK_GAP = 2.0  # m, linked lanes further apart are an error in the map
GAP_LEFT_OPEN = 0.05  # m, linked lanes nearer than this are left as they are
BEND_LENGTH = 20.0  # m, over which a lane's end is bent onto the lane it is linked to
BEND_ROUNDS = 3  # moving one end can open a gap at another that shares it
DEFAULT_SPEED = 13.9  # m/s, 50 km/h, where the file sets no limit


@dataclass
class DrivenLane:
    """A driving lane of one lane section, in driving direction."""

    key: LaneKey
    points: Array  # (N, 2) m
    widths: Array  # (N,) m
    line_types: tuple[int, int]  # right edge, left edge
    speed_limit: float  # m/s
    junction: str | None

    def end(self, at_end: bool) -> Array:
        """The last or the first point (2,) [m]."""
        point: Array = self.points[-1 if at_end else 0]
        return point

    def bend(self, at_end: bool, shift: Array) -> None:
        """Move one end by `shift` (2,) [m], fading out over the lane so that it stays smooth."""
        steps = np.linalg.norm(np.diff(self.points, axis=0), axis=1)
        stations = np.concatenate([[0.0], np.cumsum(steps)])
        away = stations[-1] - stations if at_end else stations
        x = np.clip(away / min(BEND_LENGTH, stations[-1]), 0.0, 1.0)
        self.points = self.points + ((1 - x) ** 2 * (1 + 2 * x))[:, None] * shift


Block = list[DrivenLane]  # parallel lanes without anything between them, left to right


def read_opendrive(path: Path) -> TownNetwork:
    """The road network of an OpenDRIVE 1.4-1.7 file, named after the file.

    Edges run from lane section to lane section; the lanes of one direction lie side by side in
    an edge, from left to right. Lanes that the file links end less than `JOIN_GAP` apart.

    Raises:
        MapError: if the file cannot be read or driven; the message names the file and line.
    """
    records = read_records(path)
    _check_size(records)
    network = TownNetwork(path.stem)
    origin = np.array(next(iter(records.roads.values())).line.pieces[0][1:3])
    blocks: list[Block] = []
    for road in records.roads.values():
        for number, section in enumerate(road.sections):
            if not is_short(road, number):
                lanes, strips = _section_lanes(road, number, origin)
                blocks += _blocks(road, section, lanes)
                network.paved += strips if lanes else []  # else the road is scenery
    if not blocks:
        raise records.root.error("expected a driving lane, got none: give a map with lanes")
    ends = touching_ends(records)
    joints = lane_joints(records.roads, ends)
    _close_gaps({lane.key: lane for block in blocks for lane in block}, joints)
    _add_blocks(network, records, blocks, shared_nodes(records.roads, ends))
    return network


def _check_size(records: MapRecords) -> None:
    """Refuse maps whose sampled lanes would not fit into memory."""
    length = sum(
        (section.end - section.start) * len(section.lanes)
        for road in records.roads.values()
        for section in road.sections
    )
    if length > MAX_LANE_LENGTH:
        raise records.root.error(
            f"the lanes are {length / 1000:.0f} km long in all, expected at most "
            f"{MAX_LANE_LENGTH / 1000:.0f} km: cut the map into parts"
        )


def _section_lanes(
    road: Road, number: int, origin: Array
) -> tuple[dict[int, DrivenLane], list[PavedStrip]]:
    """The driving lanes by lane id, and the paved strips, of one lane section."""
    section = road.sections[number]
    count = max(2, round((section.end - section.start) / STEP) + 1)
    stations = np.linspace(section.start, section.end, count)
    with np.errstate(over="ignore", invalid="ignore"):  # absurd numbers are refused below
        poses = road.line.poses(stations)
        offset = road.lane_offset.values(stations)
        if not np.abs(poses.points - origin).max() + np.abs(offset).max() <= MAX_COORDINATE:
            raise road.element.error(
                f"road {road.name!r} runs more than {MAX_COORDINATE:g} m away from the first "
                "road: correct its geometry"
            )
    driven: dict[int, DrivenLane] = {}
    strips = []
    for side in (1, -1):
        inner = offset
        for lane_number in sorted((lane for lane in section.lanes if lane * side > 0), key=abs):
            lane = section.lanes[lane_number]
            widths = _widths(lane, stations - section.start, side * inner)
            points, kept = _offset_points(poses, inner + side * widths / 2)
            inner = inner + side * widths
            if widths.max() <= MIN_LANE_WIDTH:
                continue
            if lane.kind in DRIVING_KINDS:
                driven[lane_number] = _driven_lane(road, number, lane, points, widths[kept])
            elif lane.kind in PAVED_KINDS and len(points) > 1:
                strips.append(PavedStrip(points, widths[kept]))
    return driven, strips


def _widths(lane: FileLane, stations: Array, inner: Array) -> Array:
    """Widths (N,) [m] of a lane whose inner edge is `inner` (N,) [m] away from the line."""
    with np.errstate(over="ignore", invalid="ignore"):
        widths = lane.widths.values(stations)
    if lane.is_border:
        widths = np.abs(widths) - inner
    possible = (widths >= -MAX_NEGATIVE_WIDTH) & (widths <= MAX_WIDTH)
    if not possible.all():
        first = int(np.argmin(possible))
        raise lane.element.error(
            f"lane {lane.number} is {widths[first]:.3g} m wide {stations[first]:.1f} m into its "
            f"section, expected 0 to {MAX_WIDTH:g} m: correct its <width>"
        )
    return np.maximum(widths, 0.0)


def _offset_points(poses: Poses, offset: Array) -> tuple[Array, NDArray[np.int64]]:
    """Points (M, 2) [m] beside a line at `offset` (N,) [m] to its left, and which (M,) are kept.

    Points that do not move forward are left out: inside a bend tighter than the offset the lane
    would run backwards. Where most of it would, only the first point is kept.
    """
    cos, sin = np.cos(poses.headings), np.sin(poses.headings)
    points = poses.points + offset[:, None] * np.stack([-sin, cos], axis=1)
    steps = np.diff(points, axis=0)
    forward = steps[:, 0] * cos[:-1] + steps[:, 1] * sin[:-1]
    if (forward >= MIN_POINT_STEP).all():
        return points, np.arange(len(points))
    kept = [0]
    folded = (forward < MIN_POINT_STEP).mean() > 0.5
    for number in range(1, 1 if folded else len(points)):
        last = kept[-1]
        step = points[number] - points[last]
        if step[0] * cos[last] + step[1] * sin[last] >= MIN_POINT_STEP:
            kept.append(number)
    return points[kept], np.array(kept)


def _driven_lane(
    road: Road, number: int, lane: FileLane, points: Array, widths: Array
) -> DrivenLane:
    """A lane turned into driving direction, with its markings and its speed limit."""
    if len(points) < 2:
        raise lane.element.error(
            f"lane {lane.number} of road {road.name!r} runs backwards for the most part, in a bend "
            "tighter than its distance from the reference line: correct the geometry"
        )
    section = road.sections[number]
    turn = slice(None, None, 1 if goes_with_s(road, lane.number) else -1)
    inner = section.lanes.get(lane.number - int(np.sign(lane.number)))
    outer_mark, inner_mark = _mark(lane, section), _mark(inner, section)
    marks = (inner_mark, outer_mark) if road.left_hand else (outer_mark, inner_mark)
    before = [limit for station, limit in road.speeds if station <= section.start]
    limits = [limit for _, limit in road.speeds]
    speed = lane.speed or (before[-1] if before else limits[0] if limits else DEFAULT_SPEED)
    return DrivenLane(
        LaneKey(road.name, number, lane.number),
        points[turn],
        widths[turn],
        marks if road.junction is None else (NO_LINE, NO_LINE),
        speed,
        road.junction,
    )


def _mark(lane: FileLane | None, section: Section) -> int:
    """The highway-env line type of a lane's outer edge: of its longest road mark."""
    if lane is None or not lane.marks:
        return NO_LINE
    bounds = [mark.offset for mark in lane.marks] + [section.end - section.start]
    lengths = [end - start for start, end in pairwise(bounds)]
    kind = lane.marks[int(np.argmax(lengths))].kind
    if kind in ("none", "curb", "grass"):
        return NO_LINE
    return STRIPED_LINE if kind.startswith("broken") and "solid" not in kind else SOLID_LINE


def _blocks(road: Road, section: Section, lanes: dict[int, DrivenLane]) -> Iterator[Block]:
    """The lanes of each direction from left to right, parted where a strip lies between them."""
    for with_s in (True, False):
        numbers = sorted(
            (number for number in lanes if goes_with_s(road, number) == with_s), reverse=with_s
        )
        block: Block = []
        for number in numbers:
            if block and _is_parted(section, lanes, block[-1].key.lane, number):
                yield block
                block = []
            block.append(lanes[number])
        if block:
            yield block


def _is_parted(section: Section, lanes: dict[int, DrivenLane], one: int, other: int) -> bool:
    """Whether anything wide lies between two lanes of a section."""
    between = range(min(one, other) + 1, max(one, other))
    stations = np.linspace(0.0, section.end - section.start, 3)
    return any(
        lane.widths.values(stations).max() > MIN_LANE_WIDTH
        for number, lane in section.lanes.items()
        if number in between and number not in lanes
    )


def _close_gaps(lanes: dict[LaneKey, DrivenLane], joints: list[LaneJoint]) -> None:
    """Bend lane ends so that linked lanes meet.

    Of two ends the one linked to fewer others moves, or else the narrower one: a lane that opens
    or runs out moves onto the lane it comes from or goes to. Of equals the longer lane bends.

    Raises:
        MapError: if linked lanes are more than 2 m apart, or cannot all be made to meet.
    """
    pairs = [
        (lanes[joint.before], lanes[joint.after], joint)
        for joint in joints
        if joint.before in lanes and joint.after in lanes
    ]
    leaving = Counter(joint.before for _, _, joint in pairs)
    arriving = Counter(joint.after for _, _, joint in pairs)
    for round_number in range(BEND_ROUNDS + 1):
        limit = MAX_LINK_GAP if round_number == 0 else 2 * GAP_LEFT_OPEN
        for before, after, joint in pairs:
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
                _add_edge(network, str(start), middle, [_half(lane, False) for lane in block])
                _add_edge(network, middle, str(end), [_half(lane, True) for lane in block])


def _half(lane: DrivenLane, second: bool) -> DrivenLane:
    """The first or second half of a lane."""
    points, widths = lane.points, lane.widths
    if len(points) == 2:
        points = np.insert(points, 1, points.mean(axis=0), axis=0)
        widths = np.insert(widths, 1, widths.mean())
    middle = len(points) // 2
    part = slice(middle, None) if second else slice(None, middle + 1)
    return DrivenLane(
        lane.key, points[part], widths[part], lane.line_types, lane.speed_limit, lane.junction
    )


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
