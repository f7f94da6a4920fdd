"""Film a minute among dense traffic at dusk in a CARLA town, driven by the expert.

    python tests/benchmarks/film.py docs/images/dusk.mp4

Needs DRIVECNN_SHARED for the town.
"""

import os
import sys
from itertools import count
from pathlib import Path

import av
import numpy as np

from drivecnn_envs.looks import Weather, weather_of
from drivecnn_envs.observation import ObservationConfig
from drivecnn_envs.simulator import RUNNING
from drivecnn_envs.towns import RouteOptions, load_simulator
from drivecnn_envs.vehicle import DT
from drivecnn_envs.views import CameraRig

SHARED = Path(os.environ.get("DRIVECNN_SHARED", "../shared"))
TOWN = SHARED / "data/maps/opendrive/carla/Town03.xodr"
SECONDS = 60
RIG = CameraRig(image_size=(216, 384), field_of_view=1.12, horizon=0.45)


def main(path: str) -> None:
    routes = RouteOptions(20, 900.0)
    simulator = load_simulator([str(TOWN)], routes, ObservationConfig(cameras=RIG), 0, "dense")
    look = next(seed for seed in count() if weather_of(np.uint64(seed)) == Weather.DUSK)
    for route in range(routes.count):
        states = simulator.start([route], [route])
        frames, moved = [], []
        for _ in range(round(SECONDS / DT)):
            if simulator.step(states, simulator.expert(states))[0] != RUNNING:
                break
            shown = states.copy()
            shown["seed"] = look
            frames.append(simulator.observe(shown).side_by_side()[0])
            moved.append(float(states["speed"][0]))
        if len(frames) == round(SECONDS / DT) and np.mean(moved) > 4.0:
            break
    with av.open(path, "w") as film:
        stream = film.add_stream("libx264", rate=round(1 / DT), options={"crf": "33"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            film.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        film.mux(stream.encode())
    print(f"{path}: route {route}, {len(frames)} frames, {np.mean(moved):.1f} m/s")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "docs/images/dusk.mp4")
