"""`CameraObservation` shows what highway-env simulates, for each of its environments."""

import warnings

import gymnasium as gym
import highway_env
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env
from highway_env.vehicle.kinematics import Vehicle
from highway_env.vehicle.objects import Landmark, Obstacle

from drivecnn_envs import surroundings
from drivecnn_envs.camera_observation import CameraObservation
from drivecnn_envs.errors import InputError
from drivecnn_envs.march import FAR_DEPTH
from drivecnn_envs.materials import SemanticClass
from drivecnn_envs.route_map import RouteMapView
from drivecnn_envs.surroundings import PIECE_REACH, PIECE_STEP, Surroundings
from drivecnn_envs.views import CameraRig, Modality
from drivecnn_envs.way_ahead import way_ahead
from drivecnn_envs.world import is_road

pytestmark = pytest.mark.filterwarnings("ignore:.*is out of date:DeprecationWarning")

gym.register_envs(highway_env)
IDS = sorted(name for name, spec in gym.registry.items() if "highway_env" in str(spec.entry_point))
LATEST = [*{name.rpartition("-")[0]: name for name in IDS}.values()]
CHECKED = [name if name in LATEST else pytest.param(name, marks=pytest.mark.slow) for name in IDS]
SMALL = CameraRig(image_size=(24, 48))
EVERY = CameraRig(image_size=(24, 48), modalities=tuple(Modality))
VEHICLES = [SemanticClass.CAR, SemanticClass.TRUCK, SemanticClass.BUS]
EXACT = RouteMapView(position_error=0.0, heading_error=0.0)
AHEAD = np.array([9.0, 0.0])  # m, in highway-env's axes
OURS = ("is different from the unwrapped version",)  # what a wrapper cannot help
AGENTS = ("`terminated` signal", "reward returned by `step()`")  # highway-env's tuples


def make(name, route_map=EXACT, cameras=SMALL, **options):
    """The environment without gymnasium's checks of each step, which highway-env itself fails."""
    return CameraObservation(
        gym.make(name, disable_env_checker=True), cameras, route_map, **options
    )


def first(observation):
    return observation[0] if isinstance(observation, tuple) else observation


def place(env, x, y, heading=0.0):
    """Put the ego somewhere, in highway-env's axes, and look."""
    vehicle = env.unwrapped.vehicle
    vehicle.position, vehicle.heading = np.array([x, y], float), heading
    vehicle.lane_index = env.unwrapped.road.network.get_closest_lane_index(
        vehicle.position, heading
    )
    return env._observe(None)


def test_there_is_an_environment_of_each_kind():
    assert {"highway-v0", "parking-v0", "racetrack-v0", "intersection-multi-agent-v1"} <= {*IDS}
    assert len(IDS) >= 31


@pytest.mark.parametrize("name", CHECKED)
def test_every_environment_passes_gymnasiums_check(name):
    env = make(name)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_env(env, skip_render_check=True)
    allowed = OURS + (AGENTS if "multi-agent" in name else ())
    told = [str(warning.message) for warning in caught]
    assert not [text for text in told if not any(part in text for part in allowed)]


@pytest.mark.parametrize("name", LATEST)
def test_an_episode_repeats_and_its_map_shows_the_way_ahead_except_on_parking_lots(name):
    env, seen = make(name), []
    for _ in range(2):
        frames = [first(env.reset(seed=4)[0])]
        env.unwrapped.action_space.seed(1)  # highway-env makes a new one at each reset
        frames.append(first(env.step(env.unwrapped.action_space.sample())[0]))
        seen.append(frames)
    for one, other in zip(*seen, strict=True):
        assert one.keys() == other.keys() == {"cameras", "route_map"}
        assert all(np.array_equal(one[key], other[key]) for key in one)
    assert not np.array_equal(seen[0][0]["cameras"], first(env.reset(seed=5)[0])["cameras"])
    roads, route = seen[0][0]["route_map"]
    assert (roads > 0).sum() > 30
    assert ((route > 0).sum() > 30) == (not name.startswith("parking"))
    assert (route[roads == 0] > 0).sum() <= 0.35 * (route > 0).sum()


def test_another_environment_of_the_same_seed_looks_the_same():
    one, other = (make("intersection-v1").reset(seed=2)[0] for _ in range(2))
    assert all(np.array_equal(one[key], other[key]) for key in one)


def test_wrapping_does_not_change_the_simulation():
    env, plain = make("roundabout-v1", keep="own"), gym.make("roundabout-v1")
    own, expected = env.reset(seed=3)[0]["own"], plain.reset(seed=3)[0]
    assert np.array_equal(own, expected)
    for action in (1, 0, 2):
        seen, *rest = env.step(action)
        expected, *others = plain.step(action)
        assert np.array_equal(seen["own"], expected)
        assert rest[:3] == others[:3]


def test_the_environments_own_observation_is_kept_under_a_key():
    env = make("racetrack-v0", keep="state")
    assert env.observation_space["state"] == env.env.observation_space
    assert env.observation_space.contains(env.reset(seed=0)[0])
    with pytest.raises(InputError, match=r"keep is 'cameras'.*'cameras', 'route_map'"):
        make("racetrack-v0", keep="cameras")


def test_the_route_map_can_be_left_out():
    env = make("merge-v0", route_map=False)
    assert [*env.observation_space] == ["cameras"] == [*env.reset(seed=0)[0]]


def test_several_agents_see_a_tuple_one_for_each():
    env = make("intersection-multi-agent-v1", keep="own")
    assert isinstance(env.observation_space, spaces.Tuple)
    one, other = env.reset(seed=0)[0]
    assert not np.array_equal(one["cameras"], other["cameras"])
    rewards = env.step(env.action_space.sample())[1]
    assert len(rewards) == 2


def test_an_environment_of_ours_is_refused_as_it_has_cameras():
    town = gym.make("drivecnn_envs:DriveCNN/Town-v0", map="procedural:3")
    with pytest.raises(InputError, match="right-handed axes and has cameras already"):
        CameraObservation(town)


def test_an_environment_without_roads_is_refused():
    with pytest.raises(InputError, match=r"needs an environment of highway-env, got .*CartPole"):
        CameraObservation(gym.make("CartPole-v1"))


def test_commands_are_refused_where_nobody_commands():
    with pytest.raises(InputError, match="route_map shows command, expected map"):
        CameraObservation(gym.make("roundabout-v1"), route_map=RouteMapView(shows="command"))


@pytest.mark.parametrize("name", ["intersection-v1", "intersection-multi-agent-v1"])
def test_semantic_and_depth_images_come_where_the_rig_has_them(name):
    env = make(name, cameras=EVERY)
    every, plain = first(env.reset(seed=0)[0]), first(make(name).reset(seed=0)[0])
    assert env.observation_space.contains(env.reset(seed=0)[0])
    assert [*every] == ["cameras", "route_map", "semantic", "depth"]
    assert every["semantic"].shape == every["depth"].shape == (3, 24, 48)
    assert every["depth"].dtype == np.float32
    assert all(np.array_equal(every[key], plain[key]) for key in plain)
    bare = make(name, route_map=False, cameras=EVERY, keep="own").reset(seed=0)[0]
    assert [*first(bare)] == ["cameras", "semantic", "depth", "own"]


def test_environment_with_all_modalities_passes_gymnasiums_check():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_env(make("merge-v1", cameras=EVERY, looks="new"), skip_render_check=True)
    told = [str(warning.message) for warning in caught]
    assert not [text for text in told if not any(part in text for part in OURS)]


def test_looks_are_of_the_family_asked_for():
    train, again, new = (
        make("merge-v0", **options).reset(seed=0)[0]["cameras"].astype(int)
        for options in ({}, {"looks": "train"}, {"looks": "new"})
    )
    assert np.array_equal(train, again)
    assert np.abs(train - new).mean() > 5
    with pytest.raises(InputError, match=r"looks are 'old'.*'train', 'new'"):
        make("merge-v0", looks="old")


def alone(env):
    """Start an episode in which the ego is alone. Returns the road and the ego."""
    env.reset(seed=0)
    road, ego = env.unwrapped.road, env.unwrapped.vehicle
    road.vehicles = [ego]
    return road, ego


def test_a_vehicle_on_the_right_is_seen_on_the_right():
    env = make("highway-v0", cameras=EVERY)
    road, ego = alone(env)
    x, y = ego.position
    for side, camera in ((1, 2), (-1, 0)):  # y grows to the right in highway-env
        road.vehicles = [ego, Vehicle(road, [x + 5.0, y + 5.0 * side])]
        seen = np.isin(env._observe(None)["semantic"], VEHICLES).sum(axis=(1, 2))
        assert seen[camera] > 50
        assert seen[2 - camera] == 0


@pytest.mark.parametrize("kind", [Obstacle, Landmark])
def test_obstacles_and_landmarks_are_seen(kind):
    env = make("highway-v0", cameras=EVERY)
    road, ego = alone(env)
    empty = env._observe(None)
    road.objects = [kind(road, ego.position + AHEAD)]
    seen = env._observe(None)
    changed = np.abs(seen["cameras"][1].astype(int) - empty["cameras"][1]).max(axis=0) > 8
    assert changed.sum() > 6
    assert (SemanticClass.WALL in seen["semantic"][1]) == (kind is Obstacle)


def test_a_vehicle_keeps_its_colour_when_others_leave():
    env = make("highway-v0")
    road, ego = alone(env)
    road.vehicles = [ego, Vehicle(road, [-50.0, 0.0]), Vehicle(road, ego.position + AHEAD)]
    before = env._observe(None)["cameras"][1]
    del road.vehicles[1]
    assert np.array_equal(env._observe(None)["cameras"][1], before)


@pytest.mark.parametrize(("goal", "side"), [("o1", "left"), ("o2", "ahead"), ("o3", "right")])
def test_the_route_map_follows_the_plan_at_an_intersection(goal, side):
    env = make("intersection-v0")
    env.unwrapped.configure({"destination": goal})
    _, route = env.reset(seed=0)[0]["route_map"]
    columns = np.nonzero(route.max(axis=0))[0]
    turn = {(True, False): "left", (False, False): "ahead", (False, True): "right"}
    assert turn[columns.min() < 10, columns.max() > 30] == side
    way, _ = way_ahead(env._network, env.unwrapped.vehicle, 1000.0)
    assert goal in [lane[1] for lane in way.lanes]


def test_the_way_ahead_starts_at_the_vehicle_and_has_no_gaps():
    for name in ("racetrack-v0", "roundabout-v0", "exit-v0", "merge-v0"):
        env = make(name)
        env.reset(seed=1)
        vehicle = env.unwrapped.vehicle
        route, progress = way_ahead(env._network, vehicle, 100.0)
        x, y = vehicle.position
        near = np.hypot(route.x - x, route.y + y)
        assert abs(near.argmin() - progress) <= 2
        steps = np.hypot(np.diff(route.x), np.diff(route.y))
        assert steps.min() > 0.5
        assert steps.max() < 1.5


def test_the_same_roads_are_built_once(monkeypatch):
    built, build = [], surroundings.build_world
    monkeypatch.setattr(
        surroundings, "build_world", lambda *given: built.append(1) or build(*given)
    )
    env = make("u-turn-v0")
    for seed in range(3):
        env.reset(seed=seed)
    assert len(built) == 1


def test_a_long_road_is_built_in_pieces_and_never_ends_in_sight():
    env = make("highway-v0")
    env.reset(seed=0)
    for x in (180.0, 1000.0, 5049.0, 5051.0, 9000.0):
        cameras, route_map = place(env, x, 4.0).values()
        assert cameras.shape == (3, 3, 24, 48)
        assert (route_map[0] > 0).any(axis=1).all()
    sizes = [atlas.texels.nbytes for atlas in env._surroundings._atlases.values()]
    assert max(sizes) < 20e6
    assert len(sizes) <= 6
    sight = PIECE_REACH - PIECE_STEP  # m, at least
    assert sight > FAR_DEPTH + SMALL.ahead


def test_pieces_of_a_road_agree_about_its_markings():
    network = gym.make("highway-v0").unwrapped.road.network
    store = Surroundings(0)
    store.begin(network)
    one = store.atlas(0, np.array([1000.0, 0.0]))
    other = store.atlas(0, np.array([1110.0, 0.0]))
    assert one is not other
    lines = []
    for atlas in (one, other):
        rows, columns = atlas.shape[0, 0]
        texels = atlas.texels[atlas.offset[0, 0] :][: rows * columns].reshape(rows, columns, 4)
        first_column = int((900.0 - atlas.origin[0, 0]) * 4)
        part = texels[:, first_column : first_column + 1200]
        lines.append(is_road(part[..., 0]) & (part[..., 2] > 0))
    assert (lines[0] == lines[1]).mean() > 0.9999
    assert lines[0].sum() > 1000


def test_the_map_error_drifts_and_starts_anew():
    env = make("highway-v0", route_map=True)
    assert np.ptp([abs(env.reset(seed=seed) and env._states["map_x"][0]) for seed in range(5)]) > 0
    before = env._states["map_y"].copy()
    env.step(1)
    assert env._states["map_y"] != before


def test_render_is_the_environments_own():
    env = CameraObservation(gym.make("merge-v0", render_mode="rgb_array"), SMALL)
    env.reset(seed=0)
    assert env.render().shape == (150, 600, 3)
    env.close()
