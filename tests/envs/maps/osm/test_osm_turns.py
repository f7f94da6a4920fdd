"""Which lane leads where across a junction."""

import pytest

from drivecnn_envs.maps.osm.turns import Exit, link_lanes

LEFT, AHEAD, RIGHT = 1.57, 0.0, -1.57
NOTHING = frozenset()


def links(turns, *exits, aside=lambda way, lane, target: target - lane):
    marked = [frozenset(turn.split(";")) - {""} for turn in turns]
    return {tuple(link) for link in link_lanes(marked, [Exit(*way) for way in exits], aside)}


def test_one_lane_leads_everywhere():
    found = links([""], (LEFT, 1), (AHEAD, 1), (RIGHT, 1))
    assert found == {(0, 0, 0), (0, 1, 0), (0, 2, 0)}


def test_side_lanes_turn_and_all_go_ahead():
    found = links(["", ""], (LEFT, 1), (AHEAD, 2), (RIGHT, 2))
    assert found == {(0, 0, 0), (0, 1, 0), (1, 1, 1), (1, 2, 1)}


def test_the_fitting_lane_of_a_wider_street_is_taken():
    assert (0, 0, 0) in links([""], (LEFT, 3), (RIGHT, 3))
    assert (0, 1, 2) in links([""], (LEFT, 3), (RIGHT, 3))


def test_turn_markings_are_obeyed():
    found = links(["left", "left", "through;right"], (LEFT, 2), (AHEAD, 1), (RIGHT, 1))
    assert found == {(0, 0, 0), (1, 0, 1), (2, 1, 0), (2, 2, 0)}


def test_a_slight_turn_means_the_exit_beside_the_one_ahead():
    found = links(["through", "slight_right"], (0.05, 1), (-0.2, 1))
    assert found == {(0, 0, 0), (1, 1, 0)}


def test_lanes_of_a_t_junction_are_shared_out():
    assert links(["", ""], (LEFT, 1), (RIGHT, 1)) == {(0, 0, 0), (1, 1, 0)}
    assert links(["", "", ""], (LEFT, 2), (RIGHT, 2)) >= {(0, 0, 0), (2, 1, 1)}


def test_lanes_that_run_out_lead_into_those_that_go_on():
    assert links(["", "", ""], (AHEAD, 2)) == {(0, 0, 0), (1, 0, 1), (2, 0, 1)} or links(
        ["", "", ""], (AHEAD, 2)
    ) == {(0, 0, 0), (1, 0, 0), (2, 0, 1)}


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("exits", [[LEFT], [AHEAD], [LEFT, RIGHT], [LEFT, AHEAD], [AHEAD, RIGHT]])
@pytest.mark.parametrize("turn", ["", "left", "reverse", "left;through", "merge_to_left"])
def test_every_lane_leads_somewhere_and_none_cross(count, exits, turn):
    found = links([turn] * count, *((turn, 2) for turn in exits))
    assert {lane for lane, _, _ in found} == set(range(count))
    for lane, way, target in found:
        for other, other_way, other_target in found:
            if way == other_way and lane < other:
                assert target <= other_target
