"""What happened on one route: what rollouts record and metrics read."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drivecnn_envs.states import Infraction


@dataclass(frozen=True)
class Episode:
    """One route driven in closed loop, one entry a decision.

    Attributes:
        map: name of the map.
        route: number of the route.
        seed: of the looks, the disturbances and the traffic.
        route_length: m to the goal.
        infraction: what ended it; None when it reached the goal.
        dt: s between two decisions.
        along: (T,) m along the route, after each decision.
        lateral: (T,) m left of the route.
        steering_angle: (T,) rad, front wheel.
        nll: (T,) nats of the expert's answer; empty when the driver gives no density.
        lane_departures: times the vehicle's middle left its lane.
        junctions: (start, end) [m] of each junction on the route that offers a choice.
    """

    map: str
    route: int
    seed: int
    route_length: float
    infraction: Infraction | None
    dt: float
    along: NDArray[np.float64]
    lateral: NDArray[np.float64]
    steering_angle: NDArray[np.float64]
    nll: NDArray[np.float64]
    lane_departures: int
    junctions: tuple[tuple[float, float], ...]

    @property
    def success(self) -> bool:
        """Whether the goal was reached."""
        return self.infraction is None

    @property
    def progress(self) -> float:
        """How far along the route it ended [m]."""
        return float(self.along[-1])

    @property
    def route_completion(self) -> float:
        """Share of the route driven, 0 to 1."""
        return 1.0 if self.success else min(max(self.progress / self.route_length, 0.0), 1.0)

    @property
    def seconds(self) -> float:
        """Simulated seconds driven."""
        return len(self.lateral) * self.dt

    @property
    def km(self) -> float:
        """Kilometres of route driven."""
        return self.progress / 1000.0
