"""The vehicle model is highway-env's; curvature and speed mean what they say."""

import numpy as np
import pytest
from highway_env.vehicle.kinematics import Vehicle

from drivecnn_envs.vehicle import (
    ACCELERATION,
    BRAKING,
    DT,
    LATERAL_ACCELERATION,
    MAX_CURVATURE,
    MAX_SPEED,
    SUBSTEPS,
    VEHICLE_LENGTH,
    VEHICLE_WIDTH,
    control_speed,
    move,
    speed_profile,
    steering_angle,
    steering_angles,
)


def test_vehicle_has_the_size_of_highway_envs():
    assert (VEHICLE_LENGTH, VEHICLE_WIDTH) == (Vehicle.LENGTH, Vehicle.WIDTH)


def test_vehicle_moves_as_highway_envs_does():
    rng = np.random.default_rng(0)
    pose = (3.0, -7.0, 0.4, 5.0)
    vehicle = Vehicle(None, pose[:2], pose[2], pose[3])
    for _ in range(600):
        angle, acceleration = rng.uniform(-0.8, 0.8), rng.uniform(-1.0, 1.0)
        pose = move(*pose, angle, acceleration)
        vehicle.act({"steering": angle, "acceleration": acceleration})
        for _ in range(SUBSTEPS):
            vehicle.step(DT / SUBSTEPS)
    assert pose == pytest.approx((*vehicle.position, vehicle.heading, vehicle.speed), abs=1e-9)


@pytest.mark.parametrize("curvature", [-0.2, -0.05, 0.01, 0.1, 0.2])
def test_steering_angle_drives_a_circle_of_the_curvature_asked_for(curvature):
    pose = (0.0, 0.0, 0.0, 1.0)
    points = []
    for _ in range(400):
        pose = move(*pose, steering_angle(curvature), 0.0)
        points.append(pose[:2])
    x, y = np.array(points).T
    # A circle through the points by least squares: x^2 + y^2 = 2 a x + 2 b y + c.
    columns = np.column_stack([2 * x, 2 * y, np.ones(len(x))])
    a, b, c = np.linalg.lstsq(columns, x**2 + y**2, rcond=None)[0]
    assert np.sqrt(c + a * a + b * b) == pytest.approx(1 / abs(curvature), rel=0.01)
    assert np.sign(pose[2]) == np.sign(curvature)


def test_curvature_beyond_the_vehicles_limit_is_the_limit():
    assert steering_angle(5.0) == steering_angle(MAX_CURVATURE)
    assert steering_angle(-5.0) == -steering_angle(MAX_CURVATURE)


def test_steering_angles_of_a_batch_are_those_of_its_members():
    curvature = np.linspace(-0.3, 0.3, 31, dtype=np.float32)
    single = [steering_angle(float(value)) for value in curvature]
    assert steering_angles(curvature) == pytest.approx(single, abs=1e-12)


def test_speed_control_reaches_the_wanted_speed_and_keeps_it():
    speed = 0.0
    for _ in range(60):
        speed += control_speed(speed, 7.3) * DT
    assert speed == pytest.approx(7.3)


@pytest.mark.parametrize(("speed", "wanted"), [(0.0, 8.0), (8.0, 0.0), (5.0, 5.1), (5.0, 4.9)])
def test_speed_control_stays_within_comfortable_acceleration(speed, wanted):
    acceleration = control_speed(speed, wanted)
    assert -BRAKING <= acceleration <= ACCELERATION
    assert (acceleration > 0) == (wanted > speed)


def test_speed_profile_keeps_speed_and_lateral_acceleration_within_limits():
    curvature = np.random.default_rng(0).uniform(-0.2, 0.2, 500)
    curvature[:100] = 0.0
    speed = speed_profile(curvature, 1.0)
    assert speed.max() == MAX_SPEED
    assert (speed**2 * np.abs(curvature)).max() <= LATERAL_ACCELERATION + 1e-9


def test_speed_profile_brakes_before_a_curve_no_harder_than_the_vehicle_can():
    curvature = np.zeros(60)
    curvature[40:] = 0.2
    speed = speed_profile(curvature, 1.0)
    braking = (speed[:-1] ** 2 - speed[1:] ** 2) / 2.0
    assert speed[0] == MAX_SPEED
    assert speed[39] < MAX_SPEED
    assert braking.max() <= BRAKING
    assert (np.diff(speed) <= 0).all()
