"""Draw the README's pictures: pages of camera images, one map, and a frame of a film.

    python tests/benchmarks/pictures.py --film runs/demo/drive.mp4

The maps of files are those of DRIVECNN_SHARED, the folder of real data.
"""

import argparse
import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import av
import gymnasium as gym
import highway_env  # noqa: F401 - registers the scenarios
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from drivecnn.map_picture import draw_map
from drivecnn_envs.camera_observation import CameraObservation
from drivecnn_envs.cameras import CameraRig, Walk, render
from drivecnn_envs.maps import load_map
from drivecnn_envs.routes import random_routes
from drivecnn_envs.scene import Scene
from drivecnn_envs.world import build_world

Bytes = NDArray[np.uint8]

FOLDER = Path(__file__).parents[2] / "docs" / "images"
JUNCTION = 0.655  # share of the demo film that is over when the car enters a junction
SHARED = Path(os.environ.get("DRIVECNN_SHARED", FOLDER.parents[2] / "shared")) / "data/maps"
MAP = "procedural:hard:3"
SCENARIO, SCENARIO_SEED, SCENARIO_STEPS = "intersection-v2", 0, 3
CAMERAS = CameraRig(image_size=(132, 400))
GAP = 4  # px between images
BEFORE_JUNCTION = 8.0  # m
ROUTE_LENGTH = 200.0  # m
CAPTION_SIZE = 15  # px


class Place(NamedTuple):
    """Where a row of the page was taken."""

    map: str
    seed: int  # of the route, the world and the look
    junction: bool  # whether just before one, else anywhere


JUNCTIONS, STREETS = (101, 102, 107, 109), (100, 105, 108)  # procedural towns; as they look best
PLACES = tuple(
    Place(f"procedural:{seed}", seed, seed in JUNCTIONS) for seed in sorted(JUNCTIONS + STREETS)
)
KINDS = (
    Place("procedural:hard:3", 3, True),
    Place("opendrive/carla/Town03.xodr", 4, False),
    Place("osm/cities/munchen.osm.pbf", 3, True),
    Place("tracks/Spielberg.csv", 2, False),
)


def camera_row(place: Place) -> Bytes:
    """The images of the left, centre and right camera at a place, side by side; (H, W, 3)."""
    file = SHARED / place.map
    network = load_map(str(file) if file.is_file() else place.map)
    rng = np.random.default_rng(place.seed)
    route = random_routes(network, 1, rng, ROUTE_LENGTH, junctions=int(place.junction))[0]
    station = rng.uniform(0.0, route.length)
    if place.junction:
        station = max(route.junctions[0][0] - BEFORE_JUNCTION, 0.0)
    scene = Scene.of([build_world(network, place.seed)], [[route]])
    states = scene.start([0], [place.seed])
    for name in ("x", "y", "yaw"):
        states[name] = getattr(route, name)[int(station)]
    return side_by_side(render(states, scene.atlas, Walk.of(CAMERAS), CAMERAS.image_size)[0])


def scenario_row() -> Bytes:
    """The same three images in a scenario of highway-env, through `CameraObservation`."""
    env = CameraObservation(gym.make(SCENARIO), cameras=CAMERAS)
    observation, _ = env.reset(seed=SCENARIO_SEED)
    for _ in range(SCENARIO_STEPS):
        observation, *_ = env.step(1)  # idle
    env.close()
    return side_by_side(observation["cameras"])


def side_by_side(images: Bytes) -> Bytes:
    """Images (C, 3, H, W) in a row with gaps between; (H, W', 3)."""
    height, width = images.shape[2:]
    row = np.full((height, len(images) * (width + GAP) - GAP, 3), 255, np.uint8)
    for number, image in enumerate(images):
        left = number * (width + GAP)
        row[:, left : left + width] = image.transpose(1, 2, 0)
    return row


def camera_page(places: Sequence[Place]) -> Image.Image:
    """The rows of all places below each other, each with its map's name."""
    names = [place.map + (", at a junction" if place.junction else "") for place in places]
    return captioned([camera_row(place) for place in places], names)


def kinds_page() -> Image.Image:
    """A row of each kind of map: generated, CARLA's, OpenStreetMap's, a race track, highway-env."""
    names = [
        "procedural town, hard",
        "OpenDRIVE: CARLA Town03",
        "OpenStreetMap: Munich",
        "race track: Spielberg",
        f"highway-env: {SCENARIO}",
    ]
    return captioned([*map(camera_row, KINDS), scenario_row()], names)


def captioned(rows: list[Bytes], names: list[str]) -> Image.Image:
    """Rows (H, W, 3) below each other, each with its name."""
    height, width = rows[0].shape[:2]
    page = Image.new("RGB", (width, len(rows) * (height + GAP) - GAP), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(CAPTION_SIZE)
    for number, (row, text) in enumerate(zip(rows, names, strict=True)):
        top = number * (height + GAP)
        page.paste(Image.fromarray(row), (0, top))
        spot = (8, top + height - 8)
        pen.text(spot, text, "white", font, anchor="ls", stroke_width=2, stroke_fill="black")
    return page


def film_frame(path: Path) -> Image.Image:
    """The frame of the demo's film in which the car enters a junction."""
    with av.open(path) as film:
        number = int(film.streams.video[0].frames * JUNCTION)
        frame = next(islice(film.decode(video=0), number, None))
        return Image.fromarray(frame.to_ndarray(format="rgb24"))


def main() -> None:
    """Write `cameras.jpg`, `kinds.jpg` and `map.png`, and `drive.png` where a film is given."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the pictures")
    parser.add_argument("--film", type=Path, help="MP4 that drive.png is a frame of")
    options = parser.parse_args()
    folder: Path = options.out
    folder.mkdir(parents=True, exist_ok=True)
    camera_page(PLACES).save(folder / "cameras.jpg", quality=88)
    kinds_page().save(folder / "kinds.jpg", quality=88)
    draw_map(load_map(MAP), folder / "map.png")
    if options.film is not None:
        film_frame(options.film).save(folder / "drive.png", optimize=True)


if __name__ == "__main__":
    main()
