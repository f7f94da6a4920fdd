"""What an OpenDRIVE map says about driving and is left out, because the world is flat."""

from collections.abc import Iterator

import numpy as np

from drivecnn_envs.maps.opendrive.file import MapRecords, Road
from drivecnn_envs.maps.opendrive.reference_line import Array
from drivecnn_envs.maps.opendrive.sections import DRIVING_KINDS, cubics

HEIGHT_RANGE = 0.5  # m, a map is called flat up to this
BANK = 0.01  # rad, superelevation and crossfall that no one feels
CROSSING_HEIGHT = 3.0  # m, roads further apart in height than this do not meet
CELL = 4.0  # m, in which roads count as crossing
SAMPLE = 1.0  # m, between the stations whose heights are looked at


def left_out(records: MapRecords) -> list[str]:
    """What is left out, a few words for each kind; empty where the map loses nothing.

    Raises:
        MapError: if a record of a height is incomplete or no number.
    """
    roads = [road for road in records.roads.values() if _is_driven(road)]
    return [*_heights(roads), *_banks(roads), *_virtual_junctions(records)]


def _is_driven(road: Road) -> bool:
    return any(
        lane.kind in DRIVING_KINDS for section in road.sections for lane in section.lanes.values()
    )


def _stations(road: Road) -> Array:
    end = road.sections[-1].end
    return np.linspace(0.0, end, max(2, round(end / SAMPLE) + 1))


def _heights(roads: list[Road]) -> Iterator[str]:
    """Hills, and roads that cross above each other."""
    with np.errstate(over="ignore", invalid="ignore"):  # heights may be any number
        heights = [road.elevation.values(_stations(road)) for road in roads]
        low = min((values.min() for values in heights), default=0.0)
        high = max((values.max() for values in heights), default=0.0)
        if not high - low > HEIGHT_RANGE:
            return
        yield f"heights from {low:.3g} to {high:.3g} m, for the world is flat"
        crossings = _crossings_in_height(roads, heights)
    if crossings:
        yield f"bridges or tunnels ({crossings}), which become crossings"


def _crossings_in_height(roads: list[Road], heights: list[Array]) -> int:
    """How many pairs of roads share a place at different heights."""
    owners = np.repeat(np.arange(len(roads)), [len(values) for values in heights])
    points = np.concatenate([road.line.poses(_stations(road)).points for road in roads])
    cells = np.floor(points / CELL).astype(np.int64)
    keys, inverse = np.unique(np.column_stack([cells, owners]), axis=0, return_inverse=True)
    means = np.bincount(inverse, np.concatenate(heights)) / np.bincount(inverse)  # of road and cell
    _, first, count = np.unique(keys[:, :2], axis=0, return_index=True, return_counts=True)
    pairs = set()
    for start, size in zip(first[count > 1], count[count > 1], strict=True):
        here = slice(start, start + size)  # the roads in one cell: keys are sorted
        lowest, highest = start + np.argmin(means[here]), start + np.argmax(means[here])
        if means[highest] - means[lowest] > CROSSING_HEIGHT:
            pairs.add((*sorted((keys[lowest, 2], keys[highest, 2])),))
    return len(pairs)


def _banks(roads: list[Road]) -> Iterator[str]:
    """Roads that lean sideways."""
    for tag in ("superelevation", "crossfall"):
        steepest = 0.0
        for road in roads:
            records = cubics(list(road.element.all("lateralProfile", tag)), "s")
            with np.errstate(over="ignore", invalid="ignore"):
                steepest = max(steepest, float(np.abs(records.values(_stations(road))).max()))
        if steepest > BANK:
            yield f"{tag} up to {steepest:.2g} rad"
    shaped = sum(road.element.first("lateralProfile", "shape") is not None for road in roads)
    if shaped:
        yield f"lateral shape of roads ({shaped})"


def _virtual_junctions(records: MapRecords) -> Iterator[str]:
    virtual = sum(
        junction.text("type", "default") == "virtual" for junction in records.root.all("junction")
    )
    if virtual:
        yield f"virtual junctions ({virtual})"
