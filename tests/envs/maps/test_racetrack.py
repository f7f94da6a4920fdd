"""Race tracks from CSV files and circuits from a seed: their lanes, and what bad files answer."""

import os
import re

import networkx as nx
import numpy as np
import pytest
from highway_env.road.lane import LineType
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivecnn_envs.errors import MapError
from drivecnn_envs.maps import racetrack
from drivecnn_envs.maps.racetrack import generate_track, read_track
from drivecnn_envs.observation import ObservationConfig, Observer
from drivecnn_envs.routes import follow, random_routes
from drivecnn_envs.scene import Scene
from drivecnn_envs.simulator import SUCCESS, Simulator
from drivecnn_envs.world import build_world

ANTICLOCKWISE = ("Austin", "IMS", "SaoPaulo", "YasMarina")
CLOCKWISE = (
    *("Budapest", "Catalunya", "Hockenheim", "Melbourne", "MexicoCity", "Nuerburgring"),
    *("Oschersleben", "Sakhir", "Sepang", "Silverstone", "Sochi", "Spielberg"),
)
TRACKS = (*ANTICLOCKWISE, *CLOCKWISE, "MoscowRaceway")
LENGTHS = {"Austin": 5513, "Silverstone": 5891, "Spielberg": 4318, "Oschersleben": 3696}  # m
HEADER = "# x_m,y_m,w_tr_right_m,w_tr_left_m\n"


def ring(points=60, radius=50.0, to_right=3.0, to_left=4.0):
    """Rows (N, 4) of a circle, driven anticlockwise from (radius, 0)."""
    angles = 2 * np.pi * np.arange(points) / points
    sides = np.broadcast_to([to_right, to_left], (points, 2))
    return np.column_stack([radius * np.cos(angles), radius * np.sin(angles), sides])


def text(rows):
    return HEADER + "".join(",".join(str(cell) for cell in row) + "\n" for row in rows)


def centre_line(network):
    """The centre line (M, 2) of all lanes, the first point not repeated."""
    return np.concatenate([lane.points[:-1] for lane in network.lanes.values()])


def turning(network):
    """Total change of heading once around [rad]."""
    line = centre_line(network)
    steps = np.diff(np.concatenate([line, line[:2]]), axis=0)
    headings = np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))
    return headings[-1] - headings[0]


@pytest.fixture
def read(tmp_path):
    """A function that reads a text as a file."""

    def read_text(content):
        path = tmp_path / "ring.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_track(path)

    return read_text


@pytest.fixture(scope="module")
def tracks(shared):
    folder = shared / "data" / "maps" / "tracks"
    return {name: read_track(folder / f"{name}.csv") for name in TRACKS}


def drive_along(network, drive, routes):
    """The expert's outcomes and |lateral| [m] on the routes."""
    scene = Scene.of([build_world(network, 0)], [routes])
    simulator = Simulator(scene, Observer(ObservationConfig()))
    numbers = range(len(routes))
    return drive(simulator, simulator.start(numbers, numbers), limit=20_000)


@pytest.mark.parametrize("name", TRACKS)
def test_track_is_one_closed_lane_without_junctions(tracks, name):
    network = tracks[name]
    assert len(network.lanes) >= 2
    assert {lane.junction for lane in network.lanes.values()} == {None}
    assert all(len(network.followers(index)) == 1 for index in network.lanes)
    assert nx.is_strongly_connected(network.lane_graph)


@pytest.mark.parametrize("name", TRACKS)
def test_no_bend_is_too_sharp_for_the_vehicle(tracks, name):
    for lane in tracks[name].lanes.values():
        assert np.abs(np.gradient(lane.headings, lane.stations)).max() < 0.185


@pytest.mark.parametrize("name", ANTICLOCKWISE + CLOCKWISE)
def test_real_circuit_is_driven_in_its_real_direction(tracks, name):
    turn = 2 * np.pi if name in ANTICLOCKWISE else -2 * np.pi
    assert turning(tracks[name]) == pytest.approx(turn, abs=0.1)


@pytest.mark.parametrize("name", LENGTHS)
def test_real_circuit_has_its_published_length(tracks, name):
    length = sum(lane.length for lane in tracks[name].lanes.values())
    assert length == pytest.approx(LENGTHS[name], rel=0.01)


def test_lane_reaches_from_edge_to_edge(read):
    network = read(text(ring()))
    for lane in network.lanes.values():
        for side, radius in ((0, 53.0), (1, 46.0)):
            assert np.linalg.norm(lane.edge(side), axis=1) == pytest.approx(radius, abs=0.05)


def test_width_follows_the_file(read):
    rows = ring()
    rows[:, 2] += np.linspace(0.0, 2.0, len(rows))
    network = read(text(rows))
    lanes = list(network.lanes.values())
    assert lanes[0].width_at(0.0) == pytest.approx(7.0)
    assert lanes[-1].width_at(lanes[-1].length - 6.0) == pytest.approx(9.0, abs=0.1)


def test_edges_are_painted(read):
    for lane in read(text(ring())).lanes.values():
        assert lane.line_types == [LineType.CONTINUOUS_LINE, LineType.CONTINUOUS_LINE]


def test_lanes_meet_where_they_are_joined_the_last_and_the_first_too(read):
    network = read(text(ring()))
    for index, lane in network.lanes.items():
        (after,) = network.followers(index)
        assert lane.points[-1].tolist() == network.lanes[after].points[0].tolist()


def test_centre_line_is_smooth_even_where_the_widths_jump(read):
    rows = ring()
    rows[20:40, 2] += 2.0
    line = centre_line(read(text(rows)))
    steps = np.diff(line, axis=0)
    headings = np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))
    assert np.abs(np.diff(headings)).max() / 0.5 < 0.04


def test_routes_go_around_for_ever(read):
    network = read(text(ring()))
    (route,) = random_routes(network, 1, np.random.default_rng(0), 2000.0)
    assert route.length == 2000.0
    assert np.abs(np.diff(route.yaw)).max() < 0.05


def test_line_may_cross_itself(read):
    angles = np.linspace(0.0, 2 * np.pi, 80, endpoint=False)
    eight = np.column_stack([80 * np.sin(angles), 50 * np.sin(2 * angles), *np.full((2, 80), 3.0)])
    assert turning(read(text(eight))) == pytest.approx(0.0, abs=0.1)


def test_last_point_may_repeat_the_first(read):
    rows = ring()
    again = centre_line(read(text(np.concatenate([rows, rows[:1]]))))
    assert np.array_equal(again, centre_line(read(text(rows))))


def test_file_may_have_no_header_blank_lines_and_windows_ends(read):
    rows = text(ring()).removeprefix(HEADER).replace("\n", "\r\n\r\n")
    assert np.array_equal(centre_line(read(rows)), centre_line(read(text(ring()))))


def test_network_is_named_after_its_file(read):
    assert read(text(ring())).name == "ring"


def test_expert_drives_real_hairpins(tracks, drive):
    routes = random_routes(tracks["Oschersleben"], 2, np.random.default_rng(0), 300.0)
    outcomes, lateral = drive_along(tracks["Oschersleben"], drive, routes)
    assert (outcomes == SUCCESS).all()
    assert lateral.max() < 0.5


@pytest.mark.slow
@pytest.mark.parametrize("name", TRACKS)
def test_expert_drives_a_whole_lap(tracks, drive, name):
    network = tracks[name]
    lap = sum(lane.length for lane in network.lanes.values())
    (route,) = random_routes(network, 1, np.random.default_rng(0), lap)
    outcomes, lateral = drive_along(network, drive, [route])
    assert outcomes.tolist() == [SUCCESS]
    assert lateral.max() < 0.5


BROKEN = {
    "empty": ("", "0 points, expected at least 8"),
    "few points": (text(ring(7, radius=9)), "7 points, expected at least 8"),
    "a header only": (HEADER, "0 points"),
    "a table of words": ("name,colour\nAustin,red\n", "ring.csv:1: expected the four numbers"),
    "bytes": (b"\x89PNG\r\n\x1a\n\xff\xfe\x00", "no UTF-8 text"),
    "three columns": (text(ring()[:, :3]), "ring.csv:2: expected the four numbers"),
    "five columns": (text(ring()[:, [0, 1, 2, 3, 3]]), "expected the four numbers"),
    "a missing number": (text(ring()).replace(",3.0,", ",,", 1), "expected the four numbers"),
    "nan": (HEADER + "nan,0,3,3\n", "ring.csv:2: the point is (nan, 0) m"),
    "nan north": (HEADER + "0,nan,3,3\n", "ring.csv:2: the point is (0, nan) m"),
    "infinity": (HEADER + "0,-1e999,3,3\n", "the point is (0, -inf) m"),
    "huge coordinates": (text(ring() * [1e7, 1, 1, 1]), "expected coordinates up to 1e+07 m"),
    "a negative width": (text(ring(to_left=-1.0)), "the widths are 3 m and -1 m"),
    "no width": (text(ring(to_left=0.0, to_right=0.0)), "2 to 60 m together"),
    "huge widths": (text(ring(to_left=1e6)), "2 to 60 m together"),
    "nan width": (HEADER + "0,0,nan,3\n", "the widths are nan m and 3 m"),
    "nan width on the left": (HEADER + "0,0,3,nan\n", "the widths are 3 m and nan m"),
    "a point twice": (text(ring()[[0, 1, 1, *range(2, 60)]]), "ring.csv:4: the point is the same"),
    "an open line": (text(ring()[:40]), "not closed, its last point is 89.1 m from the first"),
    "a long line": (text(ring() * [400, 400, 1, 1]), "126 km long, expected at most 100 km"),
    "kilometres": (text(ring(radius=0.5, to_left=3.0)), "a bend with a radius of 0.4"),
    "a way there and back": (
        text([(abs(number) * 5.0, 0.0, 3.0, 3.0) for number in range(-20, 20)]),
        "expected at least 5 m: smooth the line",
    ),
    "widths beyond the middle": (text(ring(to_left=55.0, to_right=0.0, radius=27.5)), "bend"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_broken_file_is_refused_in_one_line_that_names_it(read, name):
    content, message = BROKEN[name]
    with pytest.raises(MapError, match=re.escape(message)) as caught:
        read(content)
    assert "ring.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder_are_refused(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere.csv"):
        with pytest.raises(MapError, match="expected a CSV file, there is none"):
            read_track(path)


def test_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(MapError, match="there is none"):
        read_track(tmp_path / "pipe.csv")


def test_huge_file_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "huge.csv"
    with path.open("wb") as stream:
        stream.truncate(10**12)  # a sparse file: nobody could read it
    with pytest.raises(MapError, match="has 1000000 MB, expected at most 50 MB"):
        read_track(path)


def test_too_many_points_are_refused(read, monkeypatch):
    monkeypatch.setattr(racetrack, "MAX_POINTS", 50)
    with pytest.raises(MapError, match=r"ring.csv:52: expected at most 50 points"):
        read(text(ring()))


PIECES = [b"", b"0", b"-", b".", b"e", b"9999", b"nan", b",", b"\n", b"#", b"\xff", b"\0", b"inf"]
EDIT = st.tuples(
    st.sampled_from(["replace", "cut", "double", "cell", "point"]),
    st.integers(0, 10**6),
    st.integers(0, 400),
    st.one_of(st.sampled_from(PIECES), st.binary(max_size=4)),
)


def mutate(content, edits):
    """The content after edits: bytes replaced, cut out or doubled, a cell or a point changed."""
    for kind, place, size, piece in edits:
        start = place % (len(content) + 1)
        if kind == "replace":
            content = content[:start] + piece + content[start + len(piece) :]
        elif kind == "cut":
            content = content[:start] + content[start + size :]
        elif kind == "double":
            content = content[:start] + content[start : start + size] + content[start:]
        else:
            lines = content.split(b"\n")
            number = place % len(lines)
            cells = lines[number].split(b",")
            cells[size % len(cells)] = piece
            point = [b"%d" % size, b"%d" % (place % 400), b"3", b"%d" % (size % 9)]
            lines[number] = b",".join(cells if kind == "cell" else point)
            content = b"\n".join(lines)
    return content


def check_mutation(path, content, edits):
    path.write_bytes(mutate(content, edits))
    try:
        network = read_track(path)
    except MapError as error:
        assert "\n" not in str(error)  # noqa: PT017 - any other error fails the test
    else:
        assert nx.is_strongly_connected(network.lane_graph)
        follow(network, list(network.lanes))


FUZZ = settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@FUZZ
@given(edits=st.lists(EDIT, min_size=1, max_size=4))
def test_mutated_file_is_read_or_refused(tmp_path, edits):
    check_mutation(tmp_path / "ring.csv", text(ring().round(3)).encode(), edits)


@pytest.mark.slow
@settings(FUZZ, max_examples=10_000)
@given(edits=st.lists(EDIT, min_size=1, max_size=6))
def test_ten_thousand_mutated_files_are_read_or_refused(tmp_path, shared, edits):
    content = (shared / "data" / "maps" / "tracks" / "Oschersleben.csv").read_bytes()
    check_mutation(tmp_path / "ring.csv", content, edits)


@pytest.fixture(scope="module")
def circuits():
    return [generate_track(seed) for seed in range(20)]


def test_same_seed_gives_the_same_circuit_and_others_differ(circuits):
    assert np.array_equal(centre_line(circuits[3]), centre_line(generate_track(3)))
    assert len({centre_line(network).tobytes() for network in circuits}) == 20


def test_circuits_are_closed_lanes_that_bend_both_ways_and_not_too_sharply(circuits):
    for network in circuits:
        assert nx.is_strongly_connected(network.lane_graph)
        assert 400.0 <= sum(lane.length for lane in network.lanes.values()) <= 1200.0
        bends = [np.gradient(lane.headings, lane.stations) for lane in network.lanes.values()]
        curvature = np.concatenate(bends)
        assert curvature.min() < 0.0 < curvature.max()
        assert np.abs(curvature).max() < 0.105


def test_circuits_are_driven_both_ways_around(circuits):
    turns = {round(turning(network) / (2 * np.pi)) for network in circuits}
    assert turns == {-1, 1}


def test_circuits_never_come_near_themselves(circuits):
    for network in circuits:
        line = centre_line(network)[::4]
        width = network.lanes["0", "1", 0].widths[0]
        gaps = np.linalg.norm(line[:, None] - line[None], axis=2)
        apart = np.abs(np.arange(len(line))[:, None] - np.arange(len(line)))
        apart = np.minimum(apart, len(line) - apart) * 2.0  # m along the line
        assert gaps[apart > 40.0].min() > width


def test_circuit_is_named_after_its_seed():
    assert generate_track(7).name == "track:7"


def test_expert_drives_circuits(circuits, drive):
    for network in circuits[:3]:
        routes = random_routes(network, 2, np.random.default_rng(0), 300.0)
        outcomes, lateral = drive_along(network, drive, routes)
        assert (outcomes == SUCCESS).all()
        assert lateral.max() < 0.5
