"""Draw the README's picture of what a policy says at junctions, with and without a route.

    python tests/benchmarks/junction_picture.py [RUN]

Each row is one place of an unseen town: what the cameras see, the route map, and the distribution
without and with a route. Pins are the expert's curvatures into the branches.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from drivecnn.evaluation import load_run
from drivecnn.junctions import INTO, ROAD
from drivecnn.policy.checkpoint import SHIPPED
from drivecnn.rollout import PolicyDriver
from drivecnn.video.drawing import (
    EXPERT,
    FAINT,
    INK,
    NIGHT,
    PANEL,
    Box,
    enlarge,
    map_colours,
    write,
)
from drivecnn.video.plot import AXIS, draw_axis, fill_density, mark
from drivecnn_envs.approaches import random_approaches
from drivecnn_envs.observation import Observer
from drivecnn_envs.scene import Scene
from drivecnn_envs.simulator import Simulator
from drivecnn_envs.world_cache import load_world

PATH = Path(__file__).parents[2] / "docs/images/junctions.png"
PLACES = ((1001, 0, 1.0, 1), (1003, 0, 1.0, 1), (1005, 0, 1.0, 0))  # town, approach, m in, branch
WIDTH, ROW, GAP, TOP = 1280, 190, 8, 44  # px
CAMERA = (128, 64)  # px
MAP = 100  # px
PLOTS, PLOT = (536, 908), 364  # px, their left edges and width


def main() -> None:
    policy, observation = load_run(Path(sys.argv[1]) if len(sys.argv) > 1 else SHIPPED)
    canvas = np.full((TOP + len(PLACES) * (ROW + GAP), WIDTH, 3), NIGHT, np.uint8)
    for text, column in (
        ("left, centre and right camera", GAP),
        ("route map", GAP + 3 * CAMERA[0] + 20),
        ("steering without a route", PLOTS[0]),
        ("with the route", PLOTS[1]),
    ):
        write(canvas, text, (column, 30), 17, INK)
    for number, (town, approach, into, branch) in enumerate(PLACES):
        world = load_world(f"procedural:{town}", town)
        found = random_approaches(world.network, 8, np.random.default_rng(town), ROAD, INTO)
        found = [f for f in found if len(f.routes) > 2] or found
        routes = found[approach].routes
        simulator = Simulator(Scene.of([world], [routes]), Observer(observation))
        states = simulator.scene.at([branch], [found[approach].entry + into], [number])
        simulator.reseed(states, np.array([number], np.uint64))
        draw(canvas, TOP + number * (ROW + GAP), simulator, states, policy)
    PATH.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(canvas).save(PATH)


def draw(canvas, top, simulator, states, policy) -> None:
    """One row: images, map, and both distributions."""
    seen = simulator.observe(states)
    for k, image in enumerate(seen.cameras[0]):
        box = Box(GAP + k * (CAMERA[0] + 4), top + 30, *CAMERA)
        box.of(canvas)[:] = enlarge(image.transpose(1, 2, 0), box, cv2.INTER_CUBIC)
    box = Box(GAP + 3 * CAMERA[0] + 20, top + 30, MAP, MAP)
    box.of(canvas)[:] = enlarge(map_colours(seen.route_map[0]), box, cv2.INTER_NEAREST)
    ways = []
    for branch in range(len(simulator.scene.routes)):
        into = states.copy()
        into["route"] = branch
        ways.append(float(simulator.expert(into)[0]))

    def blank(some):
        observation = simulator.observe(some)
        observation.route_map[:, 1] = 0
        return observation

    for left, observe, pins in (
        (PLOTS[0], blank, ways),
        (PLOTS[1], simulator.observe, [ways[int(states[0]["route"])]]),
    ):
        box = Box(left, top, PLOT, ROW)
        box.of(canvas)[:] = PANEL
        draw_axis(canvas, box)
        plot = box._replace(height=ROW - AXIS).of(canvas)
        fill_density(plot, PolicyDriver(policy, observe)(states).distribution)
        for pin in pins:
            mark(plot, pin, EXPERT, 0.95)
    name = simulator.scene.worlds[0].network.name
    write(canvas, name, (GAP, top + ROW - 40), 15, FAINT)


if __name__ == "__main__":
    main()
