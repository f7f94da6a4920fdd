"""Draw the README's pictures: pages of camera images, one map, and a frame of a film.

    drivecnn drive --map procedural:1000 --out drive.mp4
    python tests/benchmarks/pictures.py --film drive.mp4

The maps of files are those of DRIVECNN_SHARED, the folder of real data.
"""

import argparse
import os
from collections.abc import Sequence
from itertools import count, islice
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
from drivecnn_envs.looks import Weather, weather_of
from drivecnn_envs.maps import load_map
from drivecnn_envs.observation import ObservationConfig
from drivecnn_envs.towns import RouteOptions, load_simulator
from drivecnn_envs.views import CameraRig

Bytes = NDArray[np.uint8]

FOLDER = Path(__file__).parents[2] / "docs" / "images"
JUNCTION = 0.2  # share of the film that is over when the car is in a junction
SHARED = Path(os.environ.get("DRIVECNN_SHARED", FOLDER.parents[2] / "shared")) / "data/maps"
MAP = "procedural:hard:3"
SCENARIO, SCENARIO_SEED, SCENARIO_STEPS = "intersection-v2", 0, 3
CAMERAS = CameraRig(image_size=(132, 400))
GAP = 4  # px between images
ROUTE_LENGTH = 300.0  # m
CAPTION_SIZE = 15  # px


class Place(NamedTuple):
    """Where a row of the page was taken."""

    map: str
    seed: int  # of the world, the route and the traffic
    decisions: int  # that the expert had driven
    weather: Weather

    @property
    def look(self) -> int:
        """The first appearance seed from the world's on that draws this weather."""
        return next(n for n in count(self.seed) if weather_of(np.uint64(n)) == self.weather)


PLACES = (
    Place("procedural:hard:3", 3, 90, Weather.CLEAR),
    Place("procedural:1000", 0, 60, Weather.FOG),
    Place("procedural:medium:5", 1, 40, Weather.RAIN),
    Place("procedural:hard:7", 2, 120, Weather.DUSK),
    Place("procedural:1004", 5, 75, Weather.OVERCAST),
    Place("procedural:medium:9", 6, 50, Weather.NIGHT),
    Place("procedural:1006", 8, 110, Weather.CLOUDY),
)
KINDS = {
    "procedural town, hard": Place("procedural:hard:3", 3, 20, Weather.CLOUDY),
    "OpenDRIVE: CARLA Town03": Place("opendrive/carla/Town03.xodr", 4, 60, Weather.CLEAR),
    "OpenStreetMap: Munich": Place("osm/cities/munchen.osm.pbf", 3, 80, Weather.DUSK),
    "race track: Spielberg": Place("tracks/Spielberg.csv", 2, 40, Weather.OVERCAST),
}


def camera_row(place: Place) -> Bytes:
    """The images of the left, centre and right camera at a place, side by side; (H, W, 3)."""
    file = SHARED / place.map
    simulator = load_simulator(
        [str(file) if file.is_file() else place.map],
        RouteOptions(1, ROUTE_LENGTH),
        ObservationConfig(cameras=CAMERAS),
        place.seed,
        "regular",
    )
    states = simulator.start([0], [place.seed])
    for _ in range(place.decisions):
        simulator.step(states, simulator.expert(states))
    states["seed"] = place.look
    return side_by_side(simulator.observe(states).cameras[0])


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
    """The rows of all places below each other, each with its caption."""
    names = [f"{place.map}, {place.weather.name.lower()}" for place in places]
    return captioned([camera_row(place) for place in places], names)


def kinds_page() -> Image.Image:
    """A row of each kind of map: generated, CARLA's, OpenStreetMap's, a race track, highway-env."""
    names = [*KINDS, f"highway-env: {SCENARIO}"]
    return captioned([*map(camera_row, KINDS.values()), scenario_row()], names)


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
    """The frame of a film in which the car is in a junction."""
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
