"""A drive becomes a video that plays, or no file at all."""

import av
import numpy as np
import pytest
import torch

from drivecnn.policy import GaussianMixture
from drivecnn.policy.distributions import PointMass
from drivecnn.rollout import Decision, ExpertDriver, Start
from drivecnn.video import record_drive
from drivecnn.video.drawing import HEIGHT, WIDTH
from drivecnn.video.film import HELD_FRAMES
from drivecnn.video.plot import column_of, fill_density
from drivecnn_envs.observation import ObservationConfig
from drivecnn_envs.states import Infraction
from drivecnn_envs.towns import RouteOptions, load_simulator
from drivecnn_envs.views import CameraRig


@pytest.fixture(scope="module")
def simulator():
    return load_simulator(["procedural:3"], RouteOptions(1, 20.0), ObservationConfig())


def decode(path):
    with av.open(path) as video:
        rate = video.streams.video[0].average_rate
        return [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)], rate


def mixture(curvature):
    """Two Gaussians (1, 2), nearly all of the mass in the one at the curvature [1/m]."""
    return GaussianMixture(
        torch.tensor([[3.0, 0.0]]), torch.tensor([[curvature, 0.0]]), torch.full((1, 2), 0.01)
    )


class Steady:
    """Holds one curvature, and says so as a distribution."""

    def __init__(self, curvature):
        self.curvature = curvature

    def __call__(self, states):
        return Decision(np.full(len(states), self.curvature, np.float32), mixture(self.curvature))


class Failing(ExpertDriver):
    """Drives like the expert until it fails."""

    def __init__(self, simulator, error):
        super().__init__(simulator)
        self.error = error

    def __call__(self, states):
        if states["step"][0] == 5:
            raise self.error
        return super().__call__(states)


def test_video_has_a_frame_for_each_decision_and_holds_the_last(simulator, tmp_path):
    path, counts = tmp_path / "new" / "drive.mp4", []
    episode = record_drive(simulator, ExpertDriver(simulator), Start(0, 1), path, counts.append)
    frames, rate = decode(path)
    assert episode.success
    assert len(frames) == len(episode.lateral) + HELD_FRAMES
    assert counts == list(range(1, len(frames) + 1))
    assert rate == 10
    assert {frame.shape for frame in frames} == {(HEIGHT, WIDTH, 3)}
    assert [file.name for file in path.parent.iterdir()] == ["drive.mp4"]
    changed = np.abs(frames[0].astype(int) - frames[-HELD_FRAMES - 1]).mean()
    held = np.abs(frames[-HELD_FRAMES].astype(int) - frames[-1]).mean()
    assert held < 1 < changed


def test_a_driver_with_a_distribution_is_filmed_until_its_infraction(simulator, tmp_path):
    path = tmp_path / "drive.mp4"
    episode = record_drive(simulator, Steady(0.15), Start(0, 1), path)
    assert episode.infraction in set(Infraction)
    assert len(episode.nll) == len(episode.lateral)
    assert len(decode(path)[0]) == len(episode.lateral) + HELD_FRAMES


def test_a_driver_whose_distribution_has_no_density_is_filmed_too(simulator, tmp_path):
    def straight_on(states):
        ahead = torch.zeros(len(states))
        return Decision(ahead.numpy(), PointMass(ahead))

    path = tmp_path / "drive.mp4"
    episode = record_drive(simulator, straight_on, Start(0, 1), path)
    assert len(episode.nll) == 0
    assert len(decode(path)[0]) == len(episode.lateral) + HELD_FRAMES


def test_two_wide_cameras_fit_too(tmp_path):
    rig = CameraRig(yaws=(0.4, -0.4), image_size=(40, 60))
    simulator = load_simulator(
        ["procedural:3"], RouteOptions(1, 10.0), ObservationConfig(cameras=rig)
    )
    path = tmp_path / "drive.mp4"
    episode = record_drive(simulator, ExpertDriver(simulator), Start(0, 1), path)
    assert len(decode(path)[0]) == len(episode.lateral) + HELD_FRAMES


@pytest.mark.parametrize("error", [RuntimeError("broken"), KeyboardInterrupt()])
def test_a_drive_that_stops_midway_leaves_no_file_and_the_old_one_untouched(
    simulator, tmp_path, error
):
    path = tmp_path / "drive.mp4"
    path.write_bytes(b"old")
    with pytest.raises(type(error)):
        record_drive(simulator, Failing(simulator, error), Start(0, 1), path)
    assert [file.name for file in tmp_path.iterdir()] == ["drive.mp4"]
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("curvature", [0.1, 0.0, -0.1])
def test_left_turns_are_drawn_left(curvature):
    plot = np.zeros((200, 400, 3), np.uint8)
    fill_density(plot, mixture(curvature))
    heights = (plot.sum(axis=2) > 100).sum(axis=0)
    peak = np.flatnonzero(heights == heights.max()).mean()
    assert peak == pytest.approx(column_of(curvature, 400), abs=3)
    assert np.sign(200 - column_of(curvature, 400)) == np.sign(curvature)


def test_only_the_last_seconds_are_filmed(simulator, tmp_path):
    path = tmp_path / "end.mp4"
    whole = record_drive(simulator, ExpertDriver(simulator), Start(0, 1), tmp_path / "all.mp4")
    episode = record_drive(simulator, ExpertDriver(simulator), Start(0, 1), path, last=1.0)
    assert episode.progress == whole.progress
    frames, _ = decode(path)
    assert len(frames) == 10 + HELD_FRAMES
    others, _ = decode(tmp_path / "all.mp4")
    assert len(others) > len(frames)


def test_traffic_is_seen_from_above(tmp_path):
    def bright(traffic):
        routes = RouteOptions(1, 60.0)
        simulator = load_simulator(["procedural:3"], routes, ObservationConfig(), 0, traffic)
        record_drive(simulator, ExpertDriver(simulator), Start(0, 1), tmp_path / "drive.mp4")
        panel = decode(tmp_path / "drive.mp4")[0][0][330:650, 30:400].min(axis=-1)
        return (panel > 190).sum()

    assert bright(40) > bright(0) + 100
