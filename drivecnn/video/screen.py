"""The frame of a drive: where everything goes, and the numbers around the pictures."""

import cv2
import numpy as np

from drivecnn.episode import Episode
from drivecnn.rollout import Decision, Start
from drivecnn.video.above import Ground, Sprite, draw_vehicles, metres_to_panel
from drivecnn.video.drawing import (
    ACTION,
    BAD,
    EXPERT,
    FAINT,
    GOOD,
    HEIGHT,
    INK,
    LINE,
    NIGHT,
    PANEL,
    ROUTE,
    WIDTH,
    Box,
    Bytes,
    enlarge,
    map_colours,
    polygon,
    polyline,
    write,
)
from drivecnn.video.plot import AXIS, draw_axis, fill_density, mark
from drivecnn_envs.neighbours import surrounding_boxes
from drivecnn_envs.simulator import Simulator
from drivecnn_envs.states import States
from drivecnn_envs.vehicle import DT

MARGIN, GAP = 26, 8  # px
CAMERAS_TOP, CAMERAS_MOST = 60, 240  # px, upper edge and greatest height of the camera images
CAPTION = 32  # px between the cameras and the panels below them
PANELS_BOTTOM = 656  # px
READINGS = 84  # px that the numbers below the steering distribution take
TRAIL = 300  # decisions that the driven line looks back


class Screen:
    """Draws the frames of one drive; what does not change is drawn once."""

    def __init__(self, simulator: Simulator, start: Start) -> None:
        scene, config = simulator.scene, simulator.observer.config
        world = scene.worlds[scene.route_worlds[start.route]]
        self._simulator = simulator
        self._route = scene.routes[start.route]
        self._view = config.route_map
        self._name = world.network.name
        self._cameras = _camera_boxes(config.cameras.image_size, len(config.cameras.yaws))
        self._middle = CAMERAS_TOP + self._cameras[0].height // 2
        top = CAMERAS_TOP + self._cameras[0].height + CAPTION
        tall = PANELS_BOTTOM - top
        column = (WIDTH - 2 * MARGIN - 2 * GAP - tall) // 2  # the route map is a square
        self._above = Box(MARGIN, top, column, tall)
        self._plot = Box(MARGIN + column + GAP, top, column, tall - READINGS)
        self._map = Box(WIDTH - MARGIN - tall, top, tall, tall)
        self._bar = Box(MARGIN, 692, WIDTH - 2 * MARGIN, 4)
        line = np.stack([self._route.x, self._route.y], axis=1)[: int(self._route.length) + 1]
        self._ground = Ground.around(world, line)
        self._ego = Sprite.of(self._above, config.cameras.yaws, config.cameras.field_of_view)
        self._trail: list[tuple[float, float]] = []
        self._backdrop = self._draw_backdrop()

    def draw(self, states: States, decision: Decision) -> Bytes:
        """The frame (HEIGHT, WIDTH, 3) of a car's state (1,) and what its driver decided there."""
        canvas = self._backdrop.copy()
        observation = self._simulator.observe(states)
        for image, box in zip(observation.present[0], self._cameras, strict=True):
            box.of(canvas)[:] = enlarge(image.transpose(1, 2, 0), box, cv2.INTER_CUBIC)
        self._draw_above(canvas, states)
        self._draw_map(canvas, observation.route_map[0], states)
        plot = self._plot._replace(height=self._plot.height - AXIS).of(canvas)
        right, row = self._plot.left + self._plot.width - 16, self._plot.top - 9
        if decision.distribution is not None:
            expert = float(self._simulator.expert(states)[0])
            if decision.distribution.has_density:
                fill_density(plot, decision.distribution)
            mark(plot, expert, EXPERT, 0.96)
            write(canvas, f"expert {expert:+.3f}", (right, row), 15, EXPERT, 1.0)
            right -= 108
        action = float(decision.curvature[0])
        mark(plot, action, ACTION, 0.91)
        write(canvas, f"action {action:+.3f}", (right, row), 15, ACTION, 1.0)
        self._draw_readings(canvas, states)
        self._draw_progress(canvas, states)
        return canvas

    def announce(self, canvas: Bytes, episode: Episode) -> None:
        """Write across a frame's cameras how the drive ended."""
        reason = "goal reached"
        if episode.infraction is not None:
            reason = str(episode.infraction).replace("_", " ")
        band = canvas[self._middle - 41 : self._middle + 41]
        band[:] = band // 4
        colour = GOOD if episode.success else BAD
        write(canvas, reason, (WIDTH // 2, self._middle + 17), 50, colour, 0.5)

    def _draw_backdrop(self) -> Bytes:
        """What every frame shows."""
        canvas = np.full((HEIGHT, WIDTH, 3), NIGHT, np.uint8)
        write(canvas, "drivecnn", (MARGIN, 40), 26, INK)
        write(canvas, self._name, (MARGIN + 124, 40), 18, FAINT)
        captions = {"from above": self._above, "steering": self._plot, "route map": self._map}
        for text, box in captions.items():
            box.of(canvas)[:] = PANEL
            write(canvas, text, (box.left, box.top - 9), 15, FAINT)
        draw_axis(canvas, self._plot)
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
        to_panel = metres_to_panel(self._above, x, y, yaw)
        panel[:] = self._ground.warp(to_panel, self._above)
        draw_vehicles(panel, to_panel, surrounding_boxes(self._simulator.scene, states).table)
        polyline(panel, np.array(self._trail) @ to_panel[:, :2].T + to_panel[:, 2], ACTION, 2)
        sprite, cover, box = self._ego
        under = box.of(panel)
        under[:] = under + (sprite - under) * cover

    def _draw_map(self, canvas: Bytes, route_map: Bytes, states: States) -> None:
        """The route map as the policy gets it, and where it takes the ego to be."""
        panel, side = self._map.of(canvas), self._map.width
        panel[:] = enlarge(map_colours(route_map), self._map, cv2.INTER_NEAREST)
        pixel = side / self._view.size
        middle = np.array([side / 2, side - self._view.behind / self._view.resolution * pixel])
        arrow = middle + np.array([[0, -13], [9, 10], [0, 5], [-9, 10]])
        polygon(panel, arrow, ACTION)
        state = states[0]
        error, turn = np.hypot(state["map_x"], state["map_y"]), abs(np.degrees(state["map_yaw"]))
        text = f"pose error {error:.1f} m, {turn:.0f}°, on purpose"
        write(canvas, text, (WIDTH - MARGIN, self._map.top - 9), 15, FAINT, 1.0)

    def _draw_readings(self, canvas: Bytes, states: States) -> None:
        """The numbers below the distribution."""
        lateral, speed = float(states[0]["lateral"]), float(states[0]["speed"])
        side = "left" if lateral > 0 else "right"
        for share, text, unit in (
            (0.0, f"{3.6 * speed:.0f}", "km/h"),
            (0.35, f"{abs(lateral):.2f}", f"m {side} of the route"),
        ):
            place, base = self._plot.left + int(share * self._plot.width), PANELS_BOTTOM - 14
            width = write(canvas, text, (place, base), 44, INK)
            write(canvas, unit, (place + width + 8, base), 16, FAINT)

    def _draw_progress(self, canvas: Bytes, states: States) -> None:
        """How far the drive has come."""
        length, progress = self._route.length, max(float(states[0]["progress"]), 0.0)
        done = int(self._bar.width * min(progress / length, 1.0))
        self._bar._replace(width=done).of(canvas)[:] = ROUTE
        text = f"{progress:.0f} of {length:.0f} m     {states[0]['step'] * DT:.1f} s"
        write(canvas, text, (WIDTH - MARGIN, 40), 18, INK, 1.0)


def _camera_boxes(image_size: tuple[int, int], count: int) -> list[Box]:
    """Where the camera images go: side by side in the middle, as large as there is room."""
    rows, columns = image_size
    width = (WIDTH - 2 * MARGIN - (count - 1) * GAP) // count
    height = min(round(width * rows / columns), CAMERAS_MOST)
    width = min(width, round(height * columns / rows))
    left = (WIDTH - count * width - (count - 1) * GAP) // 2
    return [Box(left + i * (width + GAP), CAMERAS_TOP, width, height) for i in range(count)]
