"""Every metric of a report, on episodes small enough to work out by hand."""

import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

from drivecnn import metrics
from drivecnn.episode import Episode
from drivecnn_envs.states import Infraction


def episode(progress: float = 400.0, **changes: Any) -> Episode:
    """400 m driven to the goal in ten frames of 0.1 s, straight down the middle."""
    fields: dict[str, Any] = {
        "map": "town",
        "route": 3,
        "seed": 5,
        "route_length": 400.0,
        "infraction": None,
        "dt": 0.1,
        "along": np.linspace(progress / 10, progress, 10),
        "lateral": np.zeros(10),
        "steering_angle": np.zeros(10),
        "nll": np.zeros(0),
        "lane_departures": 0,
        "junctions": (),
    }
    return Episode(**(fields | changes))


def failed(infraction: Infraction, progress: float = 100.0, **changes: Any) -> Episode:
    return episode(infraction=infraction, progress=progress, **changes)


def test_success_is_reaching_the_goal_without_an_infraction() -> None:
    episodes = [episode(), episode(progress=399.2), failed(Infraction.TIMEOUT, 400.0), episode()]
    assert metrics.success_rate(episodes) == 0.75


def test_route_completion_is_the_mean_share_driven_and_one_within_the_goals_tolerance() -> None:
    episodes = [episode(progress=399.2), failed(Infraction.OFF_ROAD, 100.0)]
    assert metrics.route_completion(episodes) == (1.0 + 0.25) / 2


def test_route_completion_stays_between_zero_and_one() -> None:
    assert metrics.route_completion([failed(Infraction.OFF_ROUTE, -3.0)]) == 0.0
    assert metrics.route_completion([failed(Infraction.OFF_ROUTE, 401.0)]) == 1.0


@pytest.mark.parametrize(
    ("infraction", "penalty"),
    [
        (Infraction.OFF_ROAD, 1.0),
        (Infraction.OFF_ROUTE, 1.0),
        (Infraction.COLLISION, 0.65),
        (Infraction.TIMEOUT, 0.70),
        (Infraction.VEHICLE_COLLISION, 0.60),
        (Infraction.HIT_BY_VEHICLE, 0.60),
    ],
)
def test_driving_score_is_completion_times_the_penalty(
    infraction: Infraction, penalty: float
) -> None:
    score = metrics.driving_score([episode(), failed(infraction, 200.0)])
    assert score == pytest.approx((1.0 + 0.5 * penalty) / 2)


def test_a_junction_is_entered_past_its_start_and_correct_five_metres_past_its_end() -> None:
    spans = ((50.0, 70.0), (90.0, 110.0), (200.0, 220.0))

    def count(progress: float) -> tuple[int, int]:
        counted = metrics.junctions([failed(Infraction.OFF_ROUTE, progress, junctions=spans)])
        return counted.entered, counted.correct

    assert count(50.0) == (0, 0)
    assert count(60.0) == (1, 0)
    assert count(74.9) == (1, 0)
    assert count(75.0) == (1, 1)
    assert count(100.0) == (2, 1)
    assert count(300.0) == (3, 3)


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_a_car_in_the_lane_beside_its_own_has_left_a_junction_the_wrong_way(side: float) -> None:
    def correct(off: float) -> int:
        along = np.array([45.0, 60.0, 74.0, 75.5, 90.0])
        lateral = side * np.array([0.0, 3.0, 3.0, off, 3.0])
        driven = episode(along=along, lateral=lateral, junctions=((50.0, 70.0),))
        return metrics.junctions([driven]).correct

    assert correct(1.7) == 1
    assert correct(1.8) == 0


def test_a_route_that_ends_within_five_metres_of_a_junction_is_judged_at_its_goal() -> None:
    aside = episode(lateral=np.full(10, 3.0), junctions=((380.0, 398.0),))
    assert metrics.junctions([aside]) == metrics.JunctionCount(entered=1, correct=0)


def test_a_junction_at_the_end_of_a_completed_route_is_correct() -> None:
    counted = metrics.junctions([episode(progress=399.5, junctions=((50.0, 70.0), (380.0, 398.0)))])
    assert counted == metrics.JunctionCount(entered=2, correct=2)


def test_lateral_error_is_the_mean_over_frames_not_over_episodes() -> None:
    episodes = [episode(lateral=np.array([1.0, -1.0, 1.0])), episode(lateral=np.array([-3.0]))]
    assert metrics.lateral_mae_m(episodes) == 1.5


def test_beyond_counts_frames_more_than_a_metre_off_to_either_side() -> None:
    episodes = [episode(lateral=np.array([0.0, 1.0, 1.1, -1.1])), episode(lateral=np.zeros(4))]
    assert metrics.beyond_1m_fraction(episodes) == 0.25


def test_whiteness_is_the_root_mean_square_of_the_steering_rate() -> None:
    # 0 -> 3 -> 3 deg at 10 Hz: rates 30 and 0 deg/s; 5 -> 6 deg: rate 10 deg/s
    episodes = [
        episode(steering_angle=np.deg2rad([0.0, 3.0, 3.0])),
        episode(steering_angle=np.deg2rad([5.0, 6.0])),
    ]
    assert metrics.whiteness_deg_s(episodes) == pytest.approx(math.sqrt((900 + 0 + 100) / 3))


def test_whiteness_of_single_frames_is_zero() -> None:
    assert metrics.whiteness_deg_s([episode(steering_angle=np.ones(1))]) == 0.0


def test_an_intervention_is_each_time_the_car_gets_more_than_a_metre_off() -> None:
    lateral = np.array([0.0, 1.2, 1.5, 0.4, -1.1, -0.2, 0.0])
    assert metrics.interventions([episode(lateral=lateral)]) == 2
    assert metrics.interventions([episode(lateral=np.array([1.5, 1.5, 0.0]))]) == 1


def test_a_failure_is_one_intervention_unless_the_car_was_off_then() -> None:
    on_route = failed(Infraction.COLLISION)
    off_route = failed(Infraction.OFF_ROUTE, lateral=np.array([0.0, 1.2, 5.1]))
    assert metrics.interventions([episode(), on_route, off_route]) == 2
    back_again = failed(Infraction.COLLISION, lateral=np.array([0.0, 1.2, 0.1]))
    assert metrics.interventions([back_again]) == 2


def test_km_is_the_route_driven() -> None:
    assert metrics.km([episode(), failed(Infraction.OFF_ROAD, 100.0)]) == 0.5


def test_autonomy_takes_six_seconds_for_each_intervention() -> None:
    minute = episode(lateral=np.zeros(600))
    wandering = episode(lateral=np.r_[np.zeros(300), 1.2, np.zeros(299)])
    assert metrics.autonomy([minute, wandering]) == pytest.approx(95.0)


def test_autonomy_is_never_negative() -> None:
    assert metrics.autonomy([failed(Infraction.COLLISION)]) == 0.0


def test_infractions_are_counted_by_kind_beside_lane_departures() -> None:
    kinds = [*Infraction, Infraction.OFF_ROAD]
    counted = metrics.infractions([episode(lane_departures=2), *(failed(kind) for kind in kinds)])
    assert dataclasses.asdict(counted) == {
        "off_road": 2,
        "off_route": 1,
        "collision": 1,
        "vehicle_collision": 1,
        "hit_by_vehicle": 1,
        "timeout": 1,
        "lane_departure": 2,
    }


def test_collisions_for_each_km_are_those_that_the_ego_caused() -> None:
    kinds = [Infraction.COLLISION, Infraction.VEHICLE_COLLISION, Infraction.HIT_BY_VEHICLE]
    episodes = [episode(), *(failed(kind, 200.0) for kind in [*kinds, Infraction.TIMEOUT])]
    assert metrics.collisions_per_km(episodes) == pytest.approx(2 / 1.2)
    assert metrics.collisions_per_km([failed(Infraction.COLLISION, 0.0)]) == 0.0


def test_nll_is_the_mean_over_frames_that_have_one() -> None:
    episodes = [episode(nll=np.array([1.0, 2.0])), episode(nll=np.array([-6.0])), episode()]
    assert metrics.nll(episodes) == -1.0
    assert metrics.nll([episode()]) is None


@pytest.mark.parametrize(("successes", "n"), [(50, 100), (98, 100), (0, 10), (10, 10), (1, 1)])
def test_wilson_interval_is_that_of_scipy(successes: int, n: int) -> None:
    expected = binomtest(successes, n).proportion_ci(confidence_level=0.95, method="wilson")
    got = metrics.wilson_interval(successes, n)
    assert got == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_wilson_interval_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="0 successes of 0"):
        metrics.wilson_interval(0, 0)
    with pytest.raises(ValueError, match="3 successes of 2"):
        metrics.wilson_interval(3, 2)


def mixed() -> list[Episode]:
    rng = np.random.default_rng(0)
    return [
        episode(
            infraction=infraction,
            along=np.linspace(0.0, rng.uniform(0, 400), 50),
            lateral=rng.normal(0, 0.7, 50),
            steering_angle=rng.normal(0, 0.1, 50),
            nll=rng.normal(-2, 1, 50),
            junctions=((30.0, 50.0), (200.0, 230.0)),
        )
        for infraction in [None, None, *Infraction]
    ]


def test_the_summary_has_exactly_the_keys_of_the_report_and_is_plain_json() -> None:
    report = dataclasses.asdict(metrics.summarise(mixed()))
    assert list(report) == [
        "routes",
        "success_rate",
        "route_completion",
        "driving_score",
        "junctions",
        "lateral_mae_m",
        "beyond_1m_fraction",
        "whiteness_deg_s",
        "interventions",
        "km",
        "autonomy",
        "infractions",
        "collisions_per_km",
        "nll",
        "ci95",
    ]
    assert list(report["junctions"]) == ["entered", "correct"]
    assert report["routes"] == 8
    low, high = json.loads(json.dumps(report))["ci95"]["success_rate"]
    assert low < report["success_rate"] == 2 / 8 < high
    numbers = [value for value in report.values() if not isinstance(value, dict)]
    assert {type(value) for value in numbers} == {int, float}


def test_the_summary_does_not_depend_on_the_order_the_episodes_ended_in() -> None:
    assert metrics.summarise(mixed()) == metrics.summarise(mixed()[::-1])


def test_no_episode_is_refused_in_one_line() -> None:
    with pytest.raises(ValueError, match="drive at least one before asking for metrics") as error:
        metrics.summarise([])
    assert "\n" not in str(error.value)
