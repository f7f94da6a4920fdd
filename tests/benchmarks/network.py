"""highway-env's physics on a big map: its own network class against the indexed one.

    python tests/benchmarks/network.py [MAP ...]

Rows are networks: highway-env's own classes alone, highway-env's network of our lanes, and ours.
`vehicle` is one car on a fixed action, `traffic` is 20 IDM cars (per car). Stock networks are so
slow that they are stepped less often; trajectories are compared over those steps.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import platform
import sys
import time
from pathlib import Path

import numpy as np
from highway_env.road.lane import PolyLane, StraightLane
from highway_env.road.road import Road, RoadNetwork
from highway_env.vehicle.behavior import IDMVehicle
from highway_env.vehicle.kinematics import Vehicle

from drivecnn.provenance import provenance
from drivecnn_envs.maps import load_map
from drivecnn_envs.roads import TownNetwork

SHARED = Path(os.environ.get("DRIVECNN_SHARED", Path(__file__).parents[2] / ".." / "shared"))
MAPS = [
    str(SHARED / "data/maps/opendrive/carla/Town04.xodr"),
    str(SHARED / "data/maps/osm/cities/munchen.osm.pbf"),
]
CARS = 20
DT = 1 / 15  # s
STOCK_STEPS, STEPS = 300, 900  # 20 and 60 s
POLY_STEPS = 3
SHORTEST_POLY_LANE = 3.0  # m, highway-env cannot make shorter ones
POLY_SPACING = 4  # points of ours for one of a PolyLane: 2 m


def stock_network(town: TownNetwork) -> RoadNetwork:
    """highway-env's network class with our lanes in it."""
    network = RoadNetwork()
    for (start, end, _), lane in town.lanes.items():
        network.add_lane(start, end, lane)
    return network


def poly_network(town: TownNetwork) -> RoadNetwork:
    """highway-env's network class with its own lanes of any shape."""
    network = RoadNetwork()
    for (start, end, _), lane in town.lanes.items():
        points = np.concatenate([lane.points[:-1:POLY_SPACING], lane.points[-1:]])
        if lane.length < SHORTEST_POLY_LANE:
            network.add_lane(start, end, StraightLane(points[0], points[-1], lane.widths[0]))
        else:
            edges = lane.edge(1).tolist(), lane.edge(0).tolist()
            network.add_lane(start, end, PolyLane(points.tolist(), *edges, lane.line_types))
    return network


def traffic(network: RoadNetwork, town: TownNetwork) -> Road:
    """20 IDM cars at random places, the same for every network of a town."""
    rng = np.random.default_rng(0)
    road = Road(network, np_random=np.random.RandomState(0))
    lanes = [lane for lane in town.lanes.values() if lane.length > 20]
    for number in rng.choice(len(lanes), CARS, replace=False):
        lane = lanes[number]
        station = rng.uniform(0.2, 0.6) * lane.length
        car = IDMVehicle(road, lane.position(station, 0.0), lane.heading_at(station), 8.0)
        car.randomize_behavior()
        road.vehicles.append(car)
    return road


def drive_traffic(network: RoadNetwork, town: TownNetwork, steps: int) -> tuple[float, np.ndarray]:
    """Vehicle steps per second, and positions and headings (steps, cars, 3)."""
    road = traffic(network, town)
    poses, start = [], time.perf_counter()
    for _ in range(steps):
        road.act()
        road.step(DT)
        poses.append([(*car.position, car.heading) for car in road.vehicles])
    return steps * CARS / (time.perf_counter() - start), np.array(poses)


def drive_alone(network: RoadNetwork, town: TownNetwork, steps: int) -> float:
    """Steps per second of one car that drives a wide circle."""
    lane = max(town.lanes.values(), key=lambda lane: lane.length)
    car = Vehicle(Road(network), lane.position(0.0, 0.0), lane.heading_at(0.0), 8.0)
    car.act({"steering": 0.02, "acceleration": 0.0})
    car.step(DT)
    start = time.perf_counter()
    for _ in range(steps):
        car.step(DT)
    return steps / (time.perf_counter() - start)


def main() -> None:
    print(f"{platform.machine()}, {os.cpu_count()} CPUs; {provenance()['versions']}")
    for spec in sys.argv[1:] or MAPS:
        town = load_map(spec)
        print(f"\n{Path(spec).name}: {len(town.lanes)} lanes; vehicle steps/s")
        stock = stock_network(town)
        kinds = (
            ("highway-env, PolyLane", poly_network(town), POLY_STEPS),
            ("highway-env, our lanes", stock, STOCK_STEPS),
            ("indexed", town, STEPS),
        )
        rates, poses = {}, {}
        for name, network, steps in kinds:
            alone = drive_alone(network, town, steps * 5)
            together, poses[name] = drive_traffic(network, town, steps)
            rates[name] = alone, together
            print(f"  {name:24} vehicle {alone:10,.1f}   traffic {together:10,.1f}", flush=True)
        for name in list(rates)[:-1]:
            gains = np.divide(rates["indexed"], rates[name])
            print(f"  indexed / {name:24} {gains[0]:8,.0f} x {gains[1]:8,.0f} x")
        gap = np.abs(poses["indexed"][:STOCK_STEPS] - poses["highway-env, our lanes"]).max()
        print(f"  largest difference of a trajectory over {STOCK_STEPS} steps: {gap:.1e} (m, rad)")


if __name__ == "__main__":
    main()
