"""The driving lanes of an OpenDRIVE map, sampled in driving direction."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from highway_env.road.lane import LineType
from numpy.typing import NDArray

from drivecnn_envs.maps import curves
from drivecnn_envs.maps.opendrive.file import MAX_COORDINATE, Road
from drivecnn_envs.maps.opendrive.links import LaneKey, goes_with_s
from drivecnn_envs.maps.opendrive.reference_line import Array, Poses
from drivecnn_envs.maps.opendrive.sections import (
    CLOSED_WIDTH,
    DRIVING_KINDS,
    FileLane,
    Section,
)
from drivecnn_envs.roads import PavedStrip

NO_LINE, STRIPED_LINE, SOLID_LINE = (
    int(kind) for kind in (LineType.NONE, LineType.STRIPED, LineType.CONTINUOUS_LINE)
)
PAVED_KINDS = frozenset({"parking", "shoulder", "stop"})
STEP = 0.5  # m, between points of a centre line
MIN_POINT_STEP = 1e-4  # m, a centre line's points are at least this far apart
MIN_LANE_WIDTH = 0.5  # m, a lane that is nowhere wider is no lane
MAX_WIDTH = 1000.0  # m
MAX_NEGATIVE_WIDTH = 1e-3  # m, rounding in width polynomials that run out to zero
BEND_LENGTH = 20.0  # m, over which a lane's end is bent onto the lane it is linked to
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
        along = curves.stations(self.points)
        away = along[-1] - along if at_end else along
        x = np.clip(away / min(BEND_LENGTH, along[-1]), 0.0, 1.0)
        self.points = self.points + ((1 - x) ** 2 * (1 + 2 * x))[:, None] * shift

    def trim(self, at_end: bool) -> None:
        """Take an end off that is too narrow to drive on, at most half of the lane."""
        most = len(self.points) // 2
        wide = (self.widths[::-1] if at_end else self.widths)[: most + 1] >= CLOSED_WIDTH
        count = int(np.argmax(wide)) if wide.any() else most
        kept = slice(None, len(self.points) - count) if at_end else slice(count, None)
        self.points, self.widths = self.points[kept], self.widths[kept]

    def half(self, second: bool) -> "DrivenLane":
        """The first or second half of the lane."""
        points, widths = self.points, self.widths
        if len(points) == 2:
            points = np.insert(points, 1, points.mean(axis=0), axis=0)
            widths = np.insert(widths, 1, widths.mean())
        middle = len(points) // 2
        part = slice(middle, None) if second else slice(None, middle + 1)
        return replace(self, points=points[part], widths=widths[part])


def section_lanes(
    road: Road, number: int, origin: Array
) -> tuple[dict[int, DrivenLane], list[PavedStrip]]:
    """The driving lanes by lane id, and the paved strips, of one lane section."""
    section = road.sections[number]
    count = max(2, round(section.length / STEP) + 1)
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
    length = section.length
    bounds = np.clip([mark.offset for mark in lane.marks] + [length], 0.0, length)
    lengths = [end - start for start, end in pairwise(bounds)]
    kind = lane.marks[int(np.argmax(lengths))].kind
    if kind in ("none", "curb", "grass"):
        return NO_LINE
    return STRIPED_LINE if kind.startswith("broken") and "solid" not in kind else SOLID_LINE
