"""Cars parked beside the roads: never on a lane, nor where anything else stands."""

from typing import Any, TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

from drivecnn_envs.boxes import BOX, Kind
from drivecnn_envs.canvas import SWEPT, TAKEN, Canvas
from drivecnn_envs.materials import RESOLUTION, Material
from drivecnn_envs.noise import mix, uniform
from drivecnn_envs.shapes import height_of
from drivecnn_envs.townscape import Townscape

PARKING_LINES = 3  # grid lines of the frontage between two cars: 6 to 8.5 m
KERB_GAP = 0.6  # m between a parked car and a lane's edge
CAR_LENGTH, VAN_LENGTH = (4.2, 5.0), (5.5, 5.95)  # m, least and most
CAR_WIDTH, VAN_WIDTH = (1.7, 1.9), (1.95, 2.05)  # m
VANS = 0.08  # share of the parked vehicles
SLACK = 0.25  # m around a parked car where nothing else may be
STEPPED_ON = 1  # height units, a car parks on no more than a kerb
UNDER_CROWNS = 20  # height units, crowns that hang higher leave room for a car
Record: TypeAlias = Any  # a record of dtype BOX, which has no static type
_CROWN = int(Material.CROWN)


def park_cars(
    canvas: Canvas, townscape: Townscape, sides: NDArray[np.void], order: NDArray[np.int64]
) -> NDArray[np.void]:
    """Vehicles (N,) of dtype `BOX` along some streets; their texels count as taken.

    Args:
        canvas: with all that stands beside the road.
        townscape: what the town is like.
        sides: (M,) of dtype `SIDES`.
        order: numbers of the places to try, most important first.
    """
    cars = np.zeros(len(sides), BOX)
    cars = cars[: _park_all(canvas, townscape, sides, order, cars)].copy()
    cars["kind"] = Kind.VEHICLE
    for car in cars:
        car["height"] = height_of(Kind.VEHICLE, car["length"], int(car["seed"]))
    return cars


@njit(cache=True)
def _park_all(
    canvas: Canvas,
    townscape: Townscape,
    sides: NDArray[np.void],
    order: NDArray[np.int64],
    cars: NDArray[np.void],
) -> int:
    """Fill `cars` with those that find a place. Returns how many do."""
    count = 0
    for number in order:
        side = sides[number]
        key, street = mix(side.key, 60), side.street
        if side.fast or side.line % PARKING_LINES != 0 or uniform(street, 60) > townscape.parking:
            continue
        if uniform(key, 0) > townscape.parked:
            continue
        length, width = CAR_LENGTH, CAR_WIDTH
        if uniform(key, 1) < VANS:
            length, width = VAN_LENGTH, VAN_WIDTH
        car = cars[count]
        car.length = length[0] + (length[1] - length[0]) * uniform(key, 2)
        car.width = width[0] + (width[1] - width[0]) * uniform(key, 3)
        aside = KERB_GAP - side.lane + 0.5 * car.width + 0.25 * uniform(key, 4)
        car.x = side.x - side.out * side.along_y * aside
        car.y = side.y + side.out * side.along_x * aside
        turned = np.pi if uniform(key, 5) < 0.12 else 0.0
        car.yaw = np.arctan2(side.along_y, side.along_x) + turned + 0.05 * (uniform(key, 6) - 0.5)
        car.seed = mix(key, 7)
        if _park(canvas, car, False):
            _park(canvas, car, True)
            count += 1
    return count


@njit()
def _park(canvas: Canvas, car: Record, mark: bool) -> bool:
    """Whether a car may stand where it is; marks the place as taken if asked to."""
    cos, sin = np.cos(car.yaw), np.sin(car.yaw)
    slack = SLACK if mark else 0.5 * SLACK
    length, width = 0.5 * car.length + SLACK, 0.5 * car.width + slack
    across, along = abs(cos) * length + abs(sin) * width, abs(sin) * length + abs(cos) * width
    low = int(np.floor((car.y - along) / RESOLUTION)) - canvas.south
    high = int(np.ceil((car.y + along) / RESOLUTION)) - canvas.south
    left = int(np.floor((car.x - across) / RESOLUTION)) - canvas.west
    right = int(np.ceil((car.x + across) / RESOLUTION)) - canvas.west
    if low < 0 or left < 0 or high > canvas.uses.shape[0] or right > canvas.uses.shape[1]:
        return False
    for row in range(low, high):
        for column in range(left, right):
            dx = (canvas.west + column + 0.5) * RESOLUTION - car.x
            dy = (canvas.south + row + 0.5) * RESOLUTION - car.y
            if abs(dx * cos + dy * sin) > length or abs(dy * cos - dx * sin) > width:
                continue
            if mark:
                canvas.uses[row, column] |= TAKEN
                continue
            used = canvas.uses[row, column] & (SWEPT | TAKEN)
            if used or _is_in_the_way(canvas.texels[row, column]):
                return False
    return True


@njit(forceinline=True)
def _is_in_the_way(texel: NDArray[np.uint8]) -> bool:
    """Whether no car can be parked on a texel: a kerb is no obstacle, nor is a high crown."""
    hangs = texel[0] == _CROWN and texel[2] >= UNDER_CROWNS
    return texel[3] > STEPPED_ON and not hangs
