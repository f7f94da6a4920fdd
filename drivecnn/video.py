"""A drive as an MP4: cameras, route map, a view from above, and the steering distribution."""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from drivecnn.episode import Episode
from drivecnn.policy import SteeringDistribution
from drivecnn.rollout import Decision, Driver, Fleet, Start
from drivecnn_envs.simulator import Simulator
from drivecnn_envs.states import RESOLUTION, States
from drivecnn_envs.vehicle import DT, MAX_CURVATURE, VEHICLE_LENGTH, VEHICLE_WIDTH
from drivecnn_envs.world import Material, World

Bytes = NDArray[np.uint8]
Points = NDArray[np.float64]
Colour = tuple[int, int, int]

WIDTH, HEIGHT = 1280, 720  # px
FRAME_RATE = round(1 / DT)  # so a video takes as long as the drive
HELD_FRAMES = FRAME_RATE  # the last one stays for a second
ENCODER = {"crf": "22", "preset": "veryfast", "refs": "1", "bf": "0"}
BT601, SRGB = 6, 1  # FFmpeg's numbers of cv2's YUV and of its primaries

MARGIN, GAP = 26, 8  # px
CAMERAS_TOP, CAMERAS_MOST = 60, 240  # px, upper edge and greatest height of the camera images
CAPTION = 32  # px between the cameras and the panels below them
PANELS_BOTTOM = 656  # px
READINGS = 84  # px that the numbers below the steering distribution take
AXIS = 40  # px that its axis takes
TOP_SCALE = 5.0  # px/m of the view from above
TOP_AHEAD = 0.68  # share of that view which lies ahead of the ego
TRAIL = 300  # decisions that the driven line looks back
SIGHT = 13.0  # m, how far its fans for the cameras reach
ROUTE_WIDTH = 1.6  # m
PLOT_REACH = 1.4 * MAX_CURVATURE  # 1/m, at the edges of the distribution's plot
PLOT_BEND = 0.03  # 1/m, below it the axis is even; beyond, it shrinks as a logarithm does
TICKS = (0.2, 0.1, 0.05, 0.02, 0.0, -0.02, -0.05, -0.1, -0.2)  # 1/m
ROUTE_OPACITY = 0.55
FINE = 4  # points of the density for each pixel column
SUBPIXEL = 4  # bits, cv2's fixed-point coordinates

INK: Colour = (232, 237, 242)
FAINT: Colour = (132, 144, 157)
NIGHT: Colour = (13, 16, 21)
PANEL: Colour = (23, 28, 35)
LINE: Colour = (54, 63, 74)
ROAD: Colour = (98, 110, 124)
ROUTE: Colour = (56, 189, 248)
ACTION: Colour = (251, 146, 60)
EXPERT: Colour = (163, 230, 53)
GOOD: Colour = (74, 222, 128)
BAD: Colour = (248, 113, 113)
PAINT: Colour = (196, 204, 212)
_BENT_REACH = float(np.arcsinh(PLOT_REACH / PLOT_BEND))
_GROUND: dict[Material, Colour] = {
    Material.LAND: (31, 41, 38),
    Material.FIELD: (40, 43, 38),
    Material.PAVEMENT: (52, 59, 67),
    Material.ROAD: (72, 81, 92),
    Material.ROAD_CENTRE: (72, 81, 92),
    Material.TREE: (45, 84, 62),
    Material.WALL_A: (120, 96, 88),
    Material.WALL_B: (126, 122, 112),
    Material.WALL_C: (104, 111, 120),
    Material.WALL_D: (124, 112, 90),
}


def record_drive(
    simulator: Simulator,
    driver: Driver,
    start: Start,
    path: Path,
    on_frame: Callable[[int], None] = lambda _: None,
) -> Episode:
    """Drive one route to its end and film it as an MP4. Returns the episode.

    One frame a decision, then the last one held for a second. The file appears under its name when
    it is complete; after an error or Ctrl-C nothing is left.

    Args:
        simulator: of the scene that holds the route.
        driver: who drives.
        start: which route, and the seed of its look and disturbances.
        path: of the file; its folder is made if missing.
        on_frame: told how many frames have been written.

    Raises:
        OSError: if the file cannot be written.
    """
    fleet, screen, watched = Fleet(simulator, [start], 1), _Screen(simulator, start), _Watch(driver)
    episodes: list[Episode] = []
    frames = 0
    with _film(path) as write:
        while not episodes:
            after, before = fleet.states, fleet.states.copy()
            episodes = fleet.step(watched)  # moves the states in `after`
            write(screen.draw(before, watched.decision))
            frames += 1
            on_frame(frames)
        last = screen.draw(after, watched.decision)
        _announce(last, episodes[0], screen.middle)
        for _ in range(HELD_FRAMES):
            write(last)
            frames += 1
            on_frame(frames)
    return episodes[0]


class _Watch:
    """A driver that remembers its last decision."""

    decision: Decision

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def __call__(self, states: States) -> Decision:
        """What the driver decides."""
        self.decision = self._driver(states)
        return self.decision


@contextmanager
def _film(path: Path) -> Iterator[Callable[[Bytes], None]]:
    """Give a function that adds a frame (HEIGHT, WIDTH, 3); the file appears at the very end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    try:
        options = {"movflags": "faststart"}  # so that browsers play before all has arrived
        with av.open(temporary, "w", format="mp4", options=options) as container:
            stream = container.add_stream("libx264", rate=FRAME_RATE, options=ENCODER)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            context = stream.codec_context
            context.colorspace, context.color_primaries, context.color_trc = BT601, SRGB, SRGB

            def write(image: Bytes) -> None:
                planes = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420), np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))

            yield write
            container.mux(stream.encode())
        Path(temporary).chmod(0o644)  # mkstemp's own 0o600 would hide the video from a team
        Path(temporary).replace(path)
    except BaseException:  # also Ctrl-C: leave nothing behind
        Path(temporary).unlink(missing_ok=True)
        raise


class _Box(NamedTuple):
    """A rectangle of the frame [px]."""

    left: int
    top: int
    width: int
    height: int

    def of(self, canvas: Bytes) -> Bytes:
        """This part of a canvas, as a view."""
        return canvas[self.top : self.top + self.height, self.left : self.left + self.width]


class _Screen:
    """Draws the frames of one drive; what does not change is drawn once."""

    def __init__(self, simulator: Simulator, start: Start) -> None:
        scene, config = simulator.scene, simulator.observer.config
        self._simulator = simulator
        self._route = scene.routes[start.route]
        self._view = config.route_map
        self._name = scene.worlds[scene.route_worlds[start.route]].network.name
        self._cameras = _camera_boxes(config.cameras.image_size, len(config.cameras.yaws))
        self.middle = CAMERAS_TOP + self._cameras[0].height // 2
        top = CAMERAS_TOP + self._cameras[0].height + CAPTION
        column, tall = (WIDTH - 2 * MARGIN - 2 * GAP) // 3, PANELS_BOTTOM - top
        self._above = _Box(MARGIN, top, column, tall)
        self._plot = _Box(MARGIN + column + GAP, top, column, tall - READINGS)
        self._map = _Box(MARGIN + 2 * (column + GAP), top, column, tall)
        self._bar = _Box(MARGIN, 692, WIDTH - 2 * MARGIN, 4)
        line = np.stack([self._route.x, self._route.y], axis=1)
        self._line = line[: int(self._route.length) + 1]
        self._ground = _Ground.around(scene.worlds[scene.route_worlds[start.route]], self._line)
        self._ego = _Sprite.of(self._above, config.cameras.yaws, config.cameras.field_of_view)
        self._trail: list[tuple[float, float]] = []
        self._backdrop = self._draw_backdrop()

    def draw(self, states: States, decision: Decision) -> Bytes:
        """The frame (HEIGHT, WIDTH, 3) of a car's state (1,) and what its driver decided there."""
        canvas = self._backdrop.copy()
        observation = self._simulator.observe(states)
        for image, box in zip(observation.cameras[0], self._cameras, strict=True):
            box.of(canvas)[:] = _enlarge(image.transpose(1, 2, 0), box, cv2.INTER_CUBIC)
        self._draw_above(canvas, states)
        self._draw_map(canvas, observation.route_map[0], states)
        plot = self._plot._replace(height=self._plot.height - AXIS).of(canvas)
        right, row = self._plot.left + self._plot.width - 16, self._plot.top - 9
        if decision.distribution is not None:
            expert = float(self._simulator.expert(states)[0])
            _fill_density(plot, decision.distribution)
            _mark(plot, expert, EXPERT, 0.96)
            _write(canvas, f"expert {expert:+.3f}", (right, row), 15, EXPERT, 1.0)
            right -= 108
        action = float(decision.curvature[0])
        _mark(plot, action, ACTION, 0.91)
        _write(canvas, f"action {action:+.3f}", (right, row), 15, ACTION, 1.0)
        self._draw_readings(canvas, states)
        self._draw_progress(canvas, states)
        return canvas

    def _draw_backdrop(self) -> Bytes:
        """What every frame shows."""
        canvas = np.full((HEIGHT, WIDTH, 3), NIGHT, np.uint8)
        _write(canvas, "drivecnn", (MARGIN, 40), 26, INK)
        _write(canvas, self._name, (MARGIN + 124, 40), 18, FAINT)
        captions = {"from above": self._above, "steering": self._plot, "route map": self._map}
        for text, box in captions.items():
            box.of(canvas)[:] = PANEL
            _write(canvas, text, (box.left, box.top - 9), 15, FAINT)
        _draw_axis(canvas, self._plot)
        self._bar.of(canvas)[:] = LINE
        for first, last in self._route.junctions:
            left, right = (int(self._bar.width * x / self._route.length) for x in (first, last))
            self._bar._replace(left=MARGIN + left, width=right - left).of(canvas)[:] = FAINT
        return canvas

    def _draw_above(self, canvas: Bytes, states: States) -> None:
        """The world from above, the ego driving upwards."""
        state, panel = states[0], self._above.of(canvas)
        x, y, yaw = float(state["x"]), float(state["y"]), float(state["yaw"])
        self._trail = [*self._trail[-TRAIL:], (x, y)]
        to_panel = _to_panel(self._above, x, y, yaw)
        panel[:] = self._ground.warp(to_panel, self._above)
        _polyline(panel, np.array(self._trail) @ to_panel[:, :2].T + to_panel[:, 2], ACTION, 2)
        sprite, cover, box = self._ego
        under = box.of(panel)
        under[:] = under + (sprite - under) * cover

    def _draw_map(self, canvas: Bytes, route_map: Bytes, states: States) -> None:
        """The route map as the policy gets it, and where it takes the ego to be."""
        side = min(self._map.width, self._map.height)
        left = self._map.left + (self._map.width - side) // 2
        box = _Box(left, self._map.top + (self._map.height - side) // 2, side, side)
        road, route = route_map[:, :, :, None] / 255.0
        colours = PANEL + road * (np.array(ROAD) - PANEL)
        colours += route * (np.array(ROUTE) - colours)
        box.of(canvas)[:] = _enlarge(colours.astype(np.uint8), box, cv2.INTER_NEAREST)
        pixel = side / self._view.size
        middle = np.array([side / 2, side - self._view.behind / self._view.resolution * pixel])
        arrow = middle + np.array([[0, -13], [9, 10], [0, 5], [-9, 10]])
        _polygon(box.of(canvas), arrow, ACTION)
        state = states[0]
        error, turn = np.hypot(state["map_x"], state["map_y"]), abs(np.degrees(state["map_yaw"]))
        text = f"pose error {error:.1f} m, {turn:.0f}°, on purpose"
        right = self._map.left + self._map.width
        _write(canvas, text, (right, self._map.top - 9), 15, FAINT, 1.0)

    def _draw_readings(self, canvas: Bytes, states: States) -> None:
        """The numbers below the distribution."""
        lateral, speed = float(states[0]["lateral"]), float(states[0]["speed"])
        side = "left" if lateral > 0 else "right"
        for share, text, unit in (
            (0.0, f"{3.6 * speed:.0f}", "km/h"),
            (0.4, f"{abs(lateral):.2f}", f"m {side} of the route"),
        ):
            place, base = self._plot.left + int(share * self._plot.width), PANELS_BOTTOM - 14
            width = _write(canvas, text, (place, base), 44, INK)
            _write(canvas, unit, (place + width + 8, base), 16, FAINT)

    def _draw_progress(self, canvas: Bytes, states: States) -> None:
        """How far the drive has come."""
        length, progress = self._route.length, max(float(states[0]["progress"]), 0.0)
        done = int(self._bar.width * min(progress / length, 1.0))
        self._bar._replace(width=done).of(canvas)[:] = ROUTE
        text = f"{progress:.0f} of {length:.0f} m     {states[0]['step'] * DT:.1f} s"
        _write(canvas, text, (WIDTH - MARGIN, 40), 18, INK, 1.0)


class _Ground(NamedTuple):
    """A picture of the world from above, row 0 in the south."""

    picture: Bytes  # (R, C, 3), a pixel a texel
    corner: Points  # (2,) m, the south-west one

    @classmethod
    def around(cls, world: World, line: Points) -> "_Ground":
        """The surroundings of a line (N, 2) [m], with the line drawn on it."""
        reach = HEIGHT / TOP_SCALE  # m, farther than any view from the line
        texels = (line - world.origin) / RESOLUTION
        low = np.maximum(texels.min(axis=0) - reach / RESOLUTION, 0).astype(int)
        high = (texels.max(axis=0) + reach / RESOLUTION).astype(int)
        base = world.levels[0][low[1] : high[1], low[0] : high[0]]
        picture = np.array([_GROUND[material] for material in Material], np.uint8)[base[..., 0]]
        painted = (base[..., 2] > 0) & world.drivable[low[1] : high[1], low[0] : high[0]]
        share = base[painted, 2, None] / 255.0
        picture[painted] = (picture[painted] * (1 - share) + np.array(PAINT) * share).astype(
            np.uint8
        )
        walls = (base[..., 0] >= Material.WALL_A).astype(np.uint8)
        rim = walls > cv2.erode(walls, np.ones((3, 3), np.uint8))
        picture[rim] = picture[rim] // 5 * 3
        route = np.zeros(base.shape[:2], np.uint8)
        _polyline(route, texels - low, (255,), round(ROUTE_WIDTH / RESOLUTION))
        share = route[route > 0, None] / 255.0 * ROUTE_OPACITY
        under = picture[route > 0]
        picture[route > 0] = (under * (1 - share) + np.array(ROUTE) * share).astype(np.uint8)
        goal = tuple((texels[-1] - low).tolist())
        _disc(picture, goal, 1.6 / RESOLUTION, INK)
        _disc(picture, goal, 1.0 / RESOLUTION, ROUTE)
        return cls(picture, world.origin + low * RESOLUTION)

    def warp(self, to_panel: Points, box: _Box) -> Bytes:
        """The part that a panel shows, given the map (2, 3) from metres to the panel's pixels."""
        offset = to_panel[:, :2] @ (self.corner + 0.5 * RESOLUTION) + to_panel[:, 2] - 0.5
        matrix = np.column_stack([to_panel[:, :2] * RESOLUTION, offset])
        return np.asarray(
            cv2.warpAffine(
                self.picture, matrix, (box.width, box.height), borderValue=_GROUND[Material.LAND]
            ),
            np.uint8,
        )


def _to_panel(box: _Box, x: float, y: float, yaw: float) -> Points:
    """The affine map (2, 3) from metres to pixels of the view from above, ego upwards."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    turn = TOP_SCALE * np.array([[sin, -cos], [-cos, -sin]])
    return np.column_stack([turn, np.array(_ego_place(box)) - turn @ np.array([x, y])])


def _ego_place(box: _Box) -> tuple[float, float]:
    """Where the ego is in the view from above [px]."""
    return 0.5 * box.width, round(TOP_AHEAD * box.height)


class _Sprite(NamedTuple):
    """The ego and its cameras' fans, seen from above."""

    colour: NDArray[np.float32]  # (H, W, 3)
    cover: NDArray[np.float32]  # (H, W, 1), 0 to 1
    box: _Box  # in the view from above

    @classmethod
    def of(cls, panel: _Box, yaws: tuple[float, ...], field_of_view: float) -> "_Sprite":
        """The sprite for cameras with these yaws and this field of view [rad]."""
        reach = round(SIGHT * TOP_SCALE) + 1
        middle = np.array([reach, reach])
        colour, cover = (
            np.full((2 * reach, 2 * reach, 3), INK, np.uint8),
            np.zeros((2 * reach, 2 * reach), np.uint8),
        )
        for yaw in yaws:
            angles = yaw + np.linspace(-0.5, 0.5, 24) * (field_of_view - 0.04)
            arc = SIGHT * TOP_SCALE * np.stack([-np.sin(angles), -np.cos(angles)], axis=1)
            _polygon(cover, middle + np.concatenate([[[0.0, 0.0]], arc]), (34,))
        half = 0.5 * TOP_SCALE * np.array([VEHICLE_WIDTH, VEHICLE_LENGTH])
        corners = middle + np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
        _polygon(cover, corners, (255,))
        _polygon(colour, 1.5 * corners - 0.5 * middle, ACTION)
        windscreen = np.array([[-0.7, -0.45], [0.7, -0.45], [0.6, -0.1], [-0.6, -0.1]])
        _polygon(colour, middle + windscreen * half, NIGHT)
        left, top = (int(place) - reach for place in _ego_place(panel))
        box = _Box(left, top, 2 * reach, 2 * reach)
        return cls(colour.astype(np.float32), (cover[..., None] / 255.0).astype(np.float32), box)


def _camera_boxes(image_size: tuple[int, int], count: int) -> list[_Box]:
    """Where the camera images go: side by side in the middle, as large as there is room."""
    rows, columns = image_size
    width = (WIDTH - 2 * MARGIN - (count - 1) * GAP) // count
    height = min(round(width * rows / columns), CAMERAS_MOST)
    width = min(width, round(height * columns / rows))
    left = (WIDTH - count * width - (count - 1) * GAP) // 2
    return [_Box(left + i * (width + GAP), CAMERAS_TOP, width, height) for i in range(count)]


def _column_of(curvature: float, width: int) -> float:
    """The column [px] of a curvature [1/m] in a plot: left turns are left."""
    return float(0.5 * width * (1 - np.arcsinh(curvature / PLOT_BEND) / _BENT_REACH))


def _fill_density(plot: Bytes, distribution: SteeringDistribution) -> None:
    """Draw a distribution's density, its peak near the upper edge."""
    height, width = plot.shape[:2]
    columns = (np.arange(FINE * width) + 0.5) / FINE
    grid = PLOT_BEND * np.sinh(_BENT_REACH * (1 - 2 * columns / width))
    curvature = torch.from_numpy(grid.astype(np.float32)).to(distribution.mean.device)
    density = distribution.log_prob(curvature[:, None])[:, 0].double().cpu().exp().numpy()
    rows = height + 1.0 - 0.86 * height * density / density.max()
    curve = np.stack([columns, rows], axis=1)
    fill = np.add(PANEL, 0.4 * np.subtract(ROUTE, PANEL)).astype(int).tolist()
    _polygon(plot, np.concatenate([[[0.0, height + 1.0]], curve, [[width, height + 1.0]]]), fill)
    _polyline(plot, curve, ROUTE, 2)


def _mark(plot: Bytes, curvature: float, colour: Colour, height: float) -> None:
    """Draw a pin at a curvature [1/m], its head at a share of the plot's height."""
    x, y = _column_of(curvature, plot.shape[1]), (1.0 - height) * plot.shape[0]
    _polyline(plot, np.array([[x, y], [x, plot.shape[0]]]), colour, 2)
    _disc(plot, (x, y), 5.0, colour)


def _draw_axis(canvas: Bytes, box: _Box) -> None:
    """The curvature axis below a plot."""
    base = box.top + box.height - AXIS
    canvas[base : base + 1, box.left : box.left + box.width] = FAINT
    for tick in TICKS:
        x = box.left + round(_column_of(tick, box.width))
        canvas[box.top : base, x : x + 1] = LINE
        _write(canvas, f"{tick:+g}" if tick else "0", (x, base + 17), 14, FAINT, 0.5)
    for text, anchor in (("left", 0.0), ("curvature, 1/m", 0.5), ("right", 1.0)):
        place = (box.left + 10 + int(anchor * (box.width - 20)), base + 34)
        _write(canvas, text, place, 14, FAINT, anchor)


def _announce(canvas: Bytes, episode: Episode, row: int) -> None:
    """Write across a row [px] how the drive ended."""
    reason = "goal reached"
    if episode.infraction is not None:
        reason = str(episode.infraction).replace("_", " ")
    band = canvas[row - 41 : row + 41]
    band[:] = band // 4
    colour = GOOD if episode.success else BAD
    _write(canvas, reason, (WIDTH // 2, row + 17), 50, colour, 0.5)


def _enlarge(image: Bytes, box: _Box, filter_: int) -> Bytes:
    """The image at the size of a box."""
    size = (box.width, box.height)
    return np.asarray(
        cv2.resize(np.ascontiguousarray(image), size, interpolation=filter_), np.uint8
    )


def _disc(canvas: Bytes, middle: tuple[float, float], radius: float, colour: Colour) -> None:
    """Fill a disc [px]."""
    angles = np.linspace(0, 2 * np.pi, 33)
    rim = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    _polygon(canvas, np.array(middle) + radius * rim, colour)


def _polyline(canvas: Bytes, points: Points, colour: Sequence[int], width: int) -> None:
    """Draw a smooth line through points (N, 2) [px]."""
    fixed = np.round((points - 0.5) * (1 << SUBPIXEL)).astype(np.int32)
    cv2.polylines(canvas, [fixed], False, colour, width, cv2.LINE_AA, SUBPIXEL)


def _polygon(canvas: Bytes, points: Points, colour: Sequence[int]) -> None:
    """Fill a polygon with corners (N, 2) [px]."""
    fixed = np.round((points - 0.5) * (1 << SUBPIXEL)).astype(np.int32)
    cv2.fillPoly(canvas, [fixed], colour, cv2.LINE_AA, SUBPIXEL)


@lru_cache(maxsize=4096)
def _glyphs(text: str, size: int) -> tuple[NDArray[np.float32], int, int]:
    """A text's cover (H, W, 1), and the offsets of its corner from the baseline's start [px]."""
    font = ImageFont.load_default(size)
    left, top, right, bottom = (round(edge) for edge in font.getbbox(text, anchor="ls"))
    image = Image.new("L", (max(right - left, 1), max(bottom - top, 1)))
    ImageDraw.Draw(image).text((-left, -top), text, fill=255, font=font, anchor="ls")
    return np.asarray(image, np.float32)[..., None] / 255.0, left, top


def _write(
    canvas: Bytes,
    text: str,
    place: tuple[int, int],
    size: int,
    colour: Colour,
    anchor: float = 0.0,
) -> int:
    """Write a text whose baseline goes through a place; returns its width [px].

    Args:
        canvas: to write on.
        text: what.
        place: column and row of its start (anchor 0), middle (0.5) or end (1).
        size: of the font [px].
        colour: of the text.
        anchor: share of the text that lies left of the place.
    """
    cover, left, top = _glyphs(text, size)
    height, width = cover.shape[:2]
    x, y = place[0] + left - round(anchor * width), place[1] + top
    under = canvas[y : y + height, x : x + width]
    under[:] = under + (np.array(colour) - under) * cover[: under.shape[0], : under.shape[1]]
    return int(width)
