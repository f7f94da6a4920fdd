"""Circuits of one lane: race tracks read from CSV files, and circuits from a seed."""

import math
from collections.abc import Iterator
from itertools import count, pairwise
from pathlib import Path

import numpy as np
from highway_env.road.lane import LineType
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d

from drivecnn_envs.errors import MapError
from drivecnn_envs.maps.curves import SAMPLE_SPACING, stations
from drivecnn_envs.roads import SampledLane, TownNetwork
from drivecnn_envs.vehicle import MAX_CURVATURE, VEHICLE_WIDTH

Array = NDArray[np.float64]

COLUMNS = "x_m,y_m,w_tr_right_m,w_tr_left_m"
MAX_FILE_BYTES = 50_000_000
MIN_POINTS, MAX_POINTS = 8, 200_000
MIN_STEP = 0.01  # m, points nearer than this to each other are the same
MAX_COORDINATE = 1e7  # m, map projections stay below
MAX_WIDTH = 60.0  # m, a runway's
MAX_LENGTH = 100_000.0  # m
MAX_GAP = 3.0  # from the last point to the first, in steps as long as the longest elsewhere
SMOOTHING = 10.0  # m, one standard deviation of how the way to the track's middle is smoothed
SECTION = 100.0  # m, about the length of each lane of a circuit
OVERSAMPLING = 10  # points for each sample, to measure a curve's length at

STREAM = 1_000_033  # keeps this generator's random numbers apart from other users of the seed
BENDS = (8, 14)  # points that a drawn circuit goes through, both included
RADIUS = (70.0, 120.0)  # m, mean distance of those points from the middle
DENTS = 0.45  # share of that distance by which a point may be nearer or farther
SHARPEST_BEND = 0.1  # 1/m, the largest curvature of a drawn circuit
LEAST_TURN = 10.0  # rad, all bends of a drawn circuit together; those of a circle are 2 pi
TRACK_WIDTH = (5.0, 9.0)  # m


def read_track(path: Path) -> TownNetwork:
    """The circuit of a race track file, named after it, driven in the order of the file's points.

    A file has a line for each point: x, y and the track's width to the right and to the left [m].
    Source: TUM, "racetrack-database". The lane fills the track and lies midway between its edges.

    Raises:
        MapError: if the file cannot be read or driven; the message names the file and line.
    """
    rows = _read_rows(path)
    _check_line(path, rows[:, :2])
    points, widths = _between_edges(rows)
    curvature = _curvature(points)
    sharpest = int(np.argmax(curvature))
    if curvature[sharpest] > MAX_CURVATURE:
        x, y = points[sharpest]
        raise MapError(
            f"{path}: the track has a bend with a radius of {1 / curvature[sharpest]:.2g} m at "
            f"({x:.1f}, {y:.1f}), expected at least {1 / MAX_CURVATURE:g} m: smooth the line, and "
            "check that it is in metres"
        )
    return _circuit(path.stem, points, widths)


def generate_track(seed: int) -> TownNetwork:
    """A circuit of roughly 500-1000 m with bends both ways, always the same for a seed >= 0."""
    for attempt in count():
        rng = np.random.default_rng([STREAM, seed, attempt])
        points, _ = _sample(_draw_bends(rng))
        curvature = _curvature(points)
        if curvature.max() <= SHARPEST_BEND and curvature.sum() * SAMPLE_SPACING >= LEAST_TURN:
            break
    return _circuit(f"track:{seed}", points, np.full(len(points), rng.uniform(*TRACK_WIDTH)))


def _between_edges(rows: Array) -> tuple[Array, Array]:
    """The line (M, 2) [m] midway between a track's edges, and the track's width (M,) [m].

    The move from the file's line to the middle is smoothed, or it would bend the line more sharply
    than the track does.
    """
    points, places = _sample(rows[:, :2])
    to_right, to_left = (
        np.interp(places, np.arange(len(rows)), side, period=len(rows)) for side in rows[:, 2:].T
    )
    left = gaussian_filter1d((to_left - to_right)[:-1] / 2, SMOOTHING / SAMPLE_SPACING, mode="wrap")
    along = np.roll(points[:-1], -1, axis=0) - np.roll(points[:-1], 1, axis=0)
    normals = np.stack([-along[:, 1], along[:, 0]], axis=1)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    middle = points[:-1] + normals * left[:, None]
    return np.concatenate([middle, middle[:1]]), to_right + to_left


def _draw_bends(rng: np.random.Generator) -> Array:
    """Points (N, 2) [m] once around a middle, either way, at uneven distances from it."""
    bends = int(rng.integers(BENDS[0], BENDS[1] + 1))
    angles = 2 * np.pi * (np.arange(bends) + rng.uniform(-0.25, 0.25, bends)) / bends
    radii = rng.uniform(*RADIUS) * (1 + rng.uniform(-DENTS, DENTS, bends))
    points = radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.asarray(points[:: rng.choice([-1, 1])])


def _sample(line: Array) -> tuple[Array, Array]:
    """The smooth closed curve through points (N, 2) [m], sampled evenly.

    Returns:
        Points (M, 2) [m], the last of which is the first again, and where they lie on the line
        (M,), in points from its first.
    """
    ring = np.concatenate([line, line[:1]])
    marks = stations(ring)
    curve = CubicSpline(marks, ring, bc_type="periodic")
    fine = np.linspace(0.0, marks[-1], int(marks[-1] / SAMPLE_SPACING + 2) * OVERSAMPLING)
    along = stations(curve(fine))
    even = np.linspace(0.0, along[-1], int(along[-1] / SAMPLE_SPACING) + 2)
    places = np.interp(even, along, fine)
    points = curve(places)
    points[-1] = points[0]
    return points, np.interp(places, marks, np.arange(len(marks)))


def _curvature(points: Array) -> Array:
    """Curvature (M - 1,) [1/m], without its sign, at the points (M, 2) [m] of a closed line.

    The last point is the first again.
    """
    after = np.diff(points, axis=0)
    before = np.roll(after, 1, axis=0)
    cross = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    turns = np.abs(np.arctan2(cross, (before * after).sum(axis=1)))
    spans = np.linalg.norm(before, axis=1) + np.linalg.norm(after, axis=1)
    return np.asarray(2 * turns / np.maximum(spans, 1e-9))


def _circuit(name: str, points: Array, widths: Array) -> TownNetwork:
    """A network of lanes end to end along a closed line (M, 2) [m] of widths (M,) [m]."""
    network = TownNetwork(name)
    sections = max(round(len(points) * SAMPLE_SPACING / SECTION), 2)
    cuts = np.linspace(0, len(points) - 1, sections + 1).astype(int)
    for number, (first, last) in enumerate(pairwise(cuts)):
        lane = SampledLane(
            points[first : last + 1],
            widths[first : last + 1],
            (LineType.CONTINUOUS_LINE, LineType.CONTINUOUS_LINE),
        )
        network.add_lane(str(number), str((number + 1) % sections), lane)
    return network


def _read_rows(path: Path) -> Array:
    """The numbers (N, 4) of a file. A last point that repeats the first one is left out."""
    rows: list[tuple[float, ...]] = []
    for where, text in _lines(path):
        row = _numbers(where, text)
        if rows and math.dist(row[:2], rows[-1][:2]) < MIN_STEP:
            raise MapError(f"{where}: the point is the same as the one before: remove it")
        rows.append(row)
        if len(rows) > MAX_POINTS:
            raise MapError(f"{where}: expected at most {MAX_POINTS} points: leave some out")
    if len(rows) > 1 and math.dist(rows[0][:2], rows[-1][:2]) < MIN_STEP:
        rows.pop()
    if len(rows) < MIN_POINTS:
        raise MapError(
            f"{path}: {len(rows)} points, expected at least {MIN_POINTS}: give a CSV file with a "
            f"line of {COLUMNS} for each point"
        )
    return np.array(rows)


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """The lines of a text file that hold something, each with where it stands."""
    try:
        if not path.is_file():
            raise MapError(f"{path}: expected a CSV file, there is none: check the path")
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise MapError(
                f"{path}: the file has {size / 1e6:.0f} MB, expected at most "
                f"{MAX_FILE_BYTES / 1e6:.0f} MB: leave out points"
            )
        with path.open(encoding="utf-8-sig") as stream:
            for number, line in enumerate(stream, 1):
                text = line.partition("#")[0].strip()
                if text:
                    yield f"{path}:{number}", text
    except OSError as error:
        raise MapError(
            f"{path}: expected a CSV file, {error.strerror or error}: check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise MapError(
            f"{path}: expected a CSV file, got bytes that are no UTF-8 text: give {COLUMNS}"
        ) from error


def _numbers(where: str, text: str) -> tuple[float, ...]:
    """The four numbers of a line, as `COLUMNS` says."""
    cells = text.split(",", 4)
    try:
        row = tuple(float(cell) for cell in cells)
    except ValueError:
        row = ()
    if len(row) != 4:
        raise MapError(
            f"{where}: expected the four numbers {COLUMNS}, got {text[:40]!r}: correct it, or "
            "begin a header with #"
        )
    x, y, to_right, to_left = row
    if not (abs(x) <= MAX_COORDINATE and abs(y) <= MAX_COORDINATE):  # refuses nan, too
        raise MapError(
            f"{where}: the point is ({x:g}, {y:g}) m, expected coordinates up to "
            f"{MAX_COORDINATE:g} m: correct it"
        )
    if min(row[2:]) < 0 or not VEHICLE_WIDTH <= to_right + to_left <= MAX_WIDTH:
        raise MapError(
            f"{where}: the widths are {to_right:g} m and {to_left:g} m, expected none below 0 and "
            f"{VEHICLE_WIDTH:g} to {MAX_WIDTH:g} m together: correct them"
        )
    return row


def _check_line(path: Path, line: Array) -> None:
    """Refuse a line (N, 2) [m] that does not close, or is too long."""
    along = stations(np.concatenate([line, line[:1]]))
    gap, longest = along[-1] - along[-2], np.diff(along[:-1]).max()
    if gap > MAX_GAP * longest:
        raise MapError(
            f"{path}: the line is not closed, its last point is {gap:.1f} m from the first, "
            f"expected at most {MAX_GAP * longest:.1f} m, {MAX_GAP:g} times the longest step: add "
            "the missing points"
        )
    if along[-1] > MAX_LENGTH:
        raise MapError(
            f"{path}: the track is {along[-1] / 1000:.0f} km long, expected at most "
            f"{MAX_LENGTH / 1000:.0f} km: check that the line is in metres"
        )
