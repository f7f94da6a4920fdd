"""A map becomes a PNG that shows it, or no file at all."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from drivecnn.map_picture import JUNCTION, ROAD, draw_map
from drivecnn_envs.errors import MapError
from drivecnn_envs.maps import load_map
from drivecnn_envs.roads import SampledLane, TownNetwork


def share_of(pixels, colour):
    return (np.abs(pixels - 255 * np.array(to_rgb(colour))).max(axis=-1) < 3).mean()


@pytest.mark.parametrize("spec", ["procedural:3", "highway:roundabout", "highway:intersection"])
def test_picture_shows_roads_and_junctions(spec, tmp_path):
    path = tmp_path / "new" / "map.png"
    draw_map(load_map(spec), path)
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(float)
    assert pixels.shape[1] == 1600
    assert 500 < pixels.shape[0] < 1700
    assert share_of(pixels, ROAD) > 0.02
    assert share_of(pixels, JUNCTION) > 0.002
    assert [file.name for file in path.parent.iterdir()] == ["map.png"]


@pytest.mark.parametrize("end", [(900.0, 0.0), (0.0, 900.0), (5.0, 5.0)])
def test_a_single_lane_is_drawn_at_its_true_proportions(end, tmp_path):
    network = TownNetwork("lane")
    network.add_lane("a", "b", SampledLane(np.linspace((0.0, 0.0), end, 50), 4.0))
    draw_map(network, tmp_path / "map.png")
    pixels = np.asarray(Image.open(tmp_path / "map.png").convert("RGB")).astype(float)
    area = np.hypot(*end) * 4.3
    spans = np.array(end) + 16.0  # the picture's margin is 8 m
    scale = min(1540 / spans[0], max(500, min(1500, 1540 * spans[1] / spans[0])) / spans[1])
    assert share_of(pixels, ROAD) * pixels[..., 0].size == pytest.approx(area * scale**2, rel=0.25)


def test_a_network_without_lanes_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(MapError, match="no driving lane"):
        draw_map(TownNetwork("empty"), tmp_path / "map.png")
    assert not list(tmp_path.iterdir())


def test_a_picture_that_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "map.png").mkdir()
    with pytest.raises(OSError, match=r"map\.png"):
        draw_map(load_map("highway:intersection"), tmp_path / "map.png")
    assert [file.name for file in tmp_path.iterdir()] == ["map.png"]
