"""How well episodes were driven. Every metric is a function of the episodes and nothing else.

Frames and episodes are added with `math.fsum`, so that a figure does not depend on the order in
which the episodes ended. A mean over nothing raises a ValueError; a count of nothing is 0.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drivecnn.episode import Episode
from drivecnn_envs.states import Infraction

PENALTY = {  # CARLA leaderboard, which does not ask whose fault a collision was
    Infraction.COLLISION: 0.65,
    Infraction.TIMEOUT: 0.70,
    Infraction.VEHICLE_COLLISION: 0.60,
    Infraction.HIT_BY_VEHICLE: 0.60,
}
CAUSED = (Infraction.COLLISION, Infraction.VEHICLE_COLLISION)  # by the ego
BEYOND = 1.0  # m off the route: a frame counts as beyond, and a rising edge as an intervention
INTERVENTION_COST = 6.0  # s of human driving for each, Bojarski et al. 2016 (arXiv 1604.07316)
JUNCTION_MARGIN = 5.0  # m driven past a junction before its turn is judged
HALF_LANE = 1.75  # m off the route there: farther off, the car is in another lane
Z_95 = 1.959963984540054  # the 97.5 % quantile of the normal distribution


@dataclass(frozen=True)
class JunctionCount:
    """Junctions with a choice that were entered, and how many of those were left the right way."""

    entered: int
    correct: int


@dataclass(frozen=True)
class InfractionCount:
    """How often each infraction ended an episode, and how often a lane was left."""

    off_road: int
    off_route: int
    collision: int
    vehicle_collision: int
    hit_by_vehicle: int
    timeout: int
    lane_departure: int


@dataclass(frozen=True)
class ConfidenceIntervals:
    """95 % intervals (low, high)."""

    success_rate: tuple[float, float]


@dataclass(frozen=True)
class Metrics:
    """All figures of a set of episodes, named as in the report. `nll` is None without one."""

    routes: int
    success_rate: float
    route_completion: float
    driving_score: float
    junctions: JunctionCount
    lateral_mae_m: float
    beyond_1m_fraction: float
    whiteness_deg_s: float
    interventions: int
    km: float
    autonomy: float
    infractions: InfractionCount
    collisions_per_km: float
    nll: float | None
    ci95: ConfidenceIntervals


def summarise(episodes: Sequence[Episode]) -> Metrics:
    """All metrics of the episodes.

    Raises:
        ValueError: when there is no episode, or none of them has a frame.
    """
    successes = sum(episode.success for episode in episodes)
    return Metrics(
        routes=len(episodes),
        success_rate=success_rate(episodes),
        route_completion=route_completion(episodes),
        driving_score=driving_score(episodes),
        junctions=junctions(episodes),
        lateral_mae_m=lateral_mae_m(episodes),
        beyond_1m_fraction=beyond_1m_fraction(episodes),
        whiteness_deg_s=whiteness_deg_s(episodes),
        interventions=interventions(episodes),
        km=km(episodes),
        autonomy=autonomy(episodes),
        infractions=infractions(episodes),
        collisions_per_km=collisions_per_km(episodes),
        nll=nll(episodes),
        ci95=ConfidenceIntervals(success_rate=wilson_interval(successes, len(episodes))),
    )


def success_rate(episodes: Sequence[Episode]) -> float:
    """Share of the routes driven to their goal without an infraction, 0 to 1."""
    return _mean([float(episode.success) for episode in episodes])


def route_completion(episodes: Sequence[Episode]) -> float:
    """Mean share of the route that was driven, 0 to 1."""
    return _mean([episode.route_completion for episode in episodes])


def driving_score(episodes: Sequence[Episode]) -> float:
    """Mean of route completion x penalty, 0 to 1 (CARLA's driving score, which is in percent).

    A collision costs 0.60 with a vehicle and 0.65 with what stands, a timeout 0.70. OFF_ROAD and
    OFF_ROUTE have no penalty of their own: they end the episode, which costs completion.
    """
    scores = []
    for episode in episodes:
        penalty = 1.0 if episode.infraction is None else PENALTY.get(episode.infraction, 1.0)
        scores.append(episode.route_completion * penalty)
    return _mean(scores)


def junctions(episodes: Sequence[Episode]) -> JunctionCount:
    """Junctions with a choice: entered, and left the right way.

    Entered: the progress passed the junction's start. Correct: 5 m past the junction's end, or at
    the route's goal before that, the car was less than half a lane off the route. A lane beside it
    may lead elsewhere.
    """
    entered = correct = 0
    for episode in episodes:
        for start, end in episode.junctions:
            if episode.progress > start:
                entered += 1
                correct += _left_right(episode, end)
    return JunctionCount(entered, correct)


def _left_right(episode: Episode, end: float) -> bool:
    """Whether an episode's car took the right way out of a junction that ends there [m]."""
    past = np.flatnonzero(episode.along >= end + JUNCTION_MARGIN)
    if not len(past) and not episode.success:
        return False
    frame = past[0] if len(past) else -1
    return bool(abs(episode.lateral[frame]) < HALF_LANE)


def lateral_mae_m(episodes: Sequence[Episode]) -> float:
    """Mean distance [m] to the route over all frames."""
    return _mean(_distance(episodes))


def beyond_1m_fraction(episodes: Sequence[Episode]) -> float:
    """Share of all frames that are more than 1 m off the route, 0 to 1."""
    return _mean((_distance(episodes) > BEYOND).astype(float))


def whiteness_deg_s(episodes: Sequence[Episode]) -> float:
    """Root mean square [deg/s] of how fast the front wheels turn; 0 without two frames in a row.

    sqrt(mean((d steering angle / dt)^2)) over all pairs of frames that follow each other within an
    episode: the measure of UT-ADL's real-car tests.
    """
    rates = [np.diff(np.rad2deg(episode.steering_angle)) / episode.dt for episode in episodes]
    squares = np.concatenate(rates) ** 2
    return math.sqrt(_mean(squares)) if len(squares) else 0.0


def interventions(episodes: Sequence[Episode]) -> int:
    """How often a person would have taken over.

    Each time the car came to be more than 1 m off the route, and each failure of a car that was not
    (a collision on the route, a timeout).
    """
    total = 0
    for episode in episodes:
        beyond = np.r_[False, np.abs(episode.lateral) > BEYOND]
        total += int(np.count_nonzero(beyond[1:] & ~beyond[:-1]))
        total += int(not (episode.success or beyond[-1]))
    return total


def km(episodes: Sequence[Episode]) -> float:
    """Kilometres of route driven."""
    return math.fsum(episode.km for episode in episodes)


def autonomy(episodes: Sequence[Episode]) -> float:
    """PilotNet's autonomy in percent: 100 x (1 - 6 s x interventions / elapsed s), at least 0."""
    seconds = math.fsum(episode.seconds for episode in episodes)
    if seconds == 0:
        raise ValueError("no frames in the episodes: autonomy needs some elapsed time")
    return 100.0 * max(0.0, 1.0 - INTERVENTION_COST * interventions(episodes) / seconds)


def infractions(episodes: Sequence[Episode]) -> InfractionCount:
    """How often each infraction ended an episode, and how often a lane was left."""
    ended_by = [episode.infraction for episode in episodes]
    return InfractionCount(
        off_road=ended_by.count(Infraction.OFF_ROAD),
        off_route=ended_by.count(Infraction.OFF_ROUTE),
        collision=ended_by.count(Infraction.COLLISION),
        vehicle_collision=ended_by.count(Infraction.VEHICLE_COLLISION),
        hit_by_vehicle=ended_by.count(Infraction.HIT_BY_VEHICLE),
        timeout=ended_by.count(Infraction.TIMEOUT),
        lane_departure=sum(episode.lane_departures for episode in episodes),
    )


def collisions_per_km(episodes: Sequence[Episode]) -> float:
    """Collisions that the ego caused, with vehicles and with what stands, for each km driven.

    0 when nothing was driven.
    """
    caused = sum(episode.infraction in CAUSED for episode in episodes)
    driven = km(episodes)
    return caused / driven if driven > 0.0 else 0.0


def nll(episodes: Sequence[Episode]) -> float | None:
    """Mean negative log-likelihood [nats] of the expert's curvature over all frames that have one.

    None when no frame has: the driver gave no density.
    """
    values = np.concatenate([episode.nll for episode in episodes])
    return _mean(values) if len(values) else None


def wilson_interval(successes: int, n: int) -> tuple[float, float]:
    """95 % interval (low, high) of a success rate, 0 to 1 (Wilson, JASA 22, 1927).

    Raises:
        ValueError: unless 0 <= successes <= n and n >= 1.
    """
    if not 0 <= successes <= n or n < 1:
        raise ValueError(f"{successes} successes of {n}: expected 0 <= successes <= n and n >= 1")
    rate, z2 = successes / n, Z_95**2
    centre = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 * math.sqrt(rate * (1 - rate) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    low = 0.0 if successes == 0 else centre - half  # exactly 0 and 1 at the ends, not 1e-17
    high = 1.0 if successes == n else centre + half
    return low, high


def _distance(episodes: Sequence[Episode]) -> NDArray[np.float64]:
    """Distance [m] to the route of every frame of all episodes."""
    if not episodes:
        raise ValueError("no episodes: drive at least one before asking for metrics")
    distance: NDArray[np.float64] = np.abs(np.concatenate([e.lateral for e in episodes]))
    return distance


def _mean(values: Sequence[float] | NDArray[np.float64]) -> float:
    """The mean, the same for every order of the values."""
    if len(values) == 0:
        raise ValueError("no episodes or frames: drive at least one before asking for metrics")
    return math.fsum(values) / len(values)
