"""The ego vehicle's motion: speed control, curvature to front-wheel angle, and the bicycle model.

The model is highway-env's `Vehicle`: reference point in the middle, wheelbase `VEHICLE_LENGTH`.
With slip angle beta, sin(beta) = curvature x length / 2 and tan(steering angle) = 2 tan(beta).
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

VEHICLE_LENGTH = 5.0  # m, highway-env's Vehicle.LENGTH
VEHICLE_WIDTH = 2.0  # m, highway-env's Vehicle.WIDTH
MAX_CURVATURE = 0.2  # 1/m, a 5 m radius
DT = 0.1  # s between two decisions
SUBSTEPS = 2  # integration steps in one decision
MAX_SPEED = 8.0  # m/s
LATERAL_ACCELERATION = 2.5  # m/s2, what the speed controller allows in a curve
ACCELERATION, BRAKING = 2.0, 3.0  # m/s2


@njit(cache=True)
def steering_angle(curvature: float) -> float:
    """Front-wheel angle [rad] that drives the vehicle's middle along a curvature [1/m]."""
    bounded = min(max(curvature, -MAX_CURVATURE), MAX_CURVATURE)
    return float(np.arctan(2.0 * np.tan(np.arcsin(bounded * VEHICLE_LENGTH / 2.0))))


@njit(cache=True)
def control_speed(speed: float, wanted: float, most: float = np.inf) -> float:
    """Acceleration [m/s2], held for `DT`, that brings a speed towards the wanted one.

    It is not above `most` [m/s2], unless the vehicle would drive backwards.
    """
    acceleration = min(max((wanted - speed) / DT, -BRAKING), ACCELERATION)
    return acceleration if acceleration <= most else max(most, -speed / DT)


@njit(cache=True)
def speed_profile(curvature: NDArray[np.float64], spacing: float) -> NDArray[np.float64]:
    """Speed [m/s] at each point of a route that suits the curve there and those ahead.

    Args:
        curvature: (N,) 1/m.
        spacing: m between two points.
    """
    speed = np.empty(len(curvature))
    for i in range(len(curvature)):
        curve = max(abs(curvature[i]), 1e-6)
        speed[i] = min(MAX_SPEED, np.sqrt(LATERAL_ACCELERATION / curve))
    for i in range(len(curvature) - 2, -1, -1):
        speed[i] = min(speed[i], np.sqrt(speed[i + 1] ** 2 + 2.0 * BRAKING * 0.8 * spacing))
    return speed


@njit(cache=True)
def move(
    x: float, y: float, yaw: float, speed: float, angle: float, acceleration: float
) -> tuple[float, float, float, float]:
    """Pose and speed after `DT` of a front-wheel angle [rad] and an acceleration [m/s2]."""
    dt = DT / SUBSTEPS
    slip = np.arctan(0.5 * np.tan(angle))
    for _ in range(SUBSTEPS):
        x += speed * np.cos(yaw + slip) * dt
        y += speed * np.sin(yaw + slip) * dt
        yaw += speed * np.sin(slip) / (VEHICLE_LENGTH / 2.0) * dt
        speed += acceleration * dt
    return x, y, yaw, speed


@njit(cache=True)
def steering_angles(curvature: NDArray[np.float32]) -> NDArray[np.float64]:
    """Front-wheel angles (B,) [rad] of curvatures (B,) [1/m]; see `steering_angle`."""
    angles = np.empty(len(curvature))
    for i in range(len(curvature)):
        angles[i] = steering_angle(curvature[i])
    return angles
