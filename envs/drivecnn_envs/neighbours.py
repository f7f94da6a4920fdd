"""What is around each ego: the vehicles of its traffic, and the cars parked in its world."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from drivecnn_envs.bodies import size_of
from drivecnn_envs.boxes import BOX, Boxes, Kind
from drivecnn_envs.cells import Cells, cells_near, things_in
from drivecnn_envs.collisions import boxes_overlap
from drivecnn_envs.march import FAR_DEPTH
from drivecnn_envs.shapes import HEIGHTS, style_of
from drivecnn_envs.states import NOWHERE, States
from drivecnn_envs.vehicle import VEHICLE_LENGTH, VEHICLE_WIDTH

if TYPE_CHECKING:
    from drivecnn_envs.scene import Scene
    from drivecnn_envs.world import World

MOST = 64  # boxes that are drawn for one ego
CELL = 40.0  # m, of the grid that parked cars are found by
TOUCHING = 12.0  # m between the middles of two vehicles, beyond it they cannot touch
NOTHING, PARKED, VEHICLE_BEFORE, VEHICLE_BESIDE = range(4)  # what an ego touches
_VEHICLE = int(Kind.VEHICLE)


class Parked(NamedTuple):
    """The cars parked in all worlds, and where to find them."""

    table: NDArray[np.void]  # (N,) of dtype BOX, world by world
    cells: Cells

    @classmethod
    def of(cls, worlds: "Sequence[World]") -> "Parked":
        """The cars parked in worlds."""
        table = np.concatenate([np.zeros(0, BOX), *(world.parked for world in worlds)])
        offset = np.cumsum([0, *(len(world.parked) for world in worlds)])
        return cls(table, Cells.of(table["x"], table["y"], offset, CELL))


def contacts(states: States, parked: Parked) -> NDArray[np.uint8]:
    """What each ego (B,) touches: `NOTHING`, `PARKED`, `VEHICLE_BEFORE` or `VEHICLE_BESIDE`.

    `VEHICLE_BEFORE` is said of vehicles that its front half touches.
    """
    touched = np.full(len(states), NOTHING, np.uint8)
    _touch(states, *parked, touched)
    return touched


def surrounding_boxes(scene: "Scene", states: States) -> Boxes:
    """The vehicles and parked cars around states, as far as cameras see, the nearest `MOST`.

    The vehicles come first, by place, then the parked cars.
    """
    chosen = np.empty((len(states), MOST), np.int32)
    offset = np.zeros(len(states) + 1, np.int64)
    _choose(states, *scene.parked, chosen, offset[1:])
    np.cumsum(offset, out=offset)
    boxes = Boxes(offset, np.zeros(offset[-1], BOX))
    _fill(states, scene.parked.table, chosen, boxes)
    return boxes


@njit(parallel=True, nogil=True, cache=True)
def _touch(
    states: States, parked: NDArray[np.void], cells: Cells, touched: NDArray[np.uint8]
) -> None:
    for i in prange(len(states)):
        state = states[i]
        if _touches_vehicle(state, VEHICLE_LENGTH):
            before = _touches_vehicle(state, 0.5 * VEHICLE_LENGTH)
            touched[i] = VEHICLE_BEFORE if before else VEHICLE_BESIDE
        left, right, bottom, top = cells_near(cells, state.world, state.x, state.y, TOUCHING)
        for row in range(bottom, top):
            first, last = things_in(cells, state.world, row, left, right)
            for n in range(first, last):
                car = parked[cells.thing[n]]
                if boxes_overlap(
                    (state.x, state.y, state.yaw),
                    (VEHICLE_LENGTH, VEHICLE_WIDTH),
                    (car.x, car.y, car.yaw),
                    (car.length, car.width),
                ):
                    touched[i] = PARKED


@njit()
def _touches_vehicle(
    state: Any,  # noqa: ANN401 - a record of dtype STATE, which has no static type
    length: float,
) -> bool:
    """Whether the foremost part of an ego, so long [m], touches another vehicle."""
    back = 0.5 * (VEHICLE_LENGTH - length)
    x, y = state.x + back * np.cos(state.yaw), state.y + back * np.sin(state.yaw)
    for k in range(len(state.vehicles)):
        other = state.vehicles[k]
        near = abs(other.x - x) < TOUCHING and abs(other.y - y) < TOUCHING
        if other.strand != NOWHERE and near:
            pose = float(other.x), float(other.y), float(other.yaw)
            size = size_of(other.seed)
            if boxes_overlap((x, y, state.yaw), (length, VEHICLE_WIDTH), pose, size):
                return True
    return False


@njit(parallel=True, nogil=True, cache=True)
def _choose(
    states: States,
    parked: NDArray[np.void],
    cells: Cells,
    chosen: NDArray[np.int32],
    counts: NDArray[np.int64],
) -> None:
    """Fill in which boxes (B, MOST) to draw and how many; parked cars are numbered after places."""
    for i in prange(len(states)):
        state = states[i]
        places = len(state.vehicles)
        left, right, bottom, top = cells_near(cells, state.world, state.x, state.y, FAR_DEPTH)
        room = places
        for row in range(bottom, top):
            first, last = things_in(cells, state.world, row, left, right)
            room += last - first
        number, squared = np.empty(room, np.int32), np.empty(room)
        count = 0
        for k in range(places):
            vehicle = state.vehicles[k]
            away = (vehicle.x - state.x) ** 2 + (vehicle.y - state.y) ** 2
            if vehicle.strand != NOWHERE and away < FAR_DEPTH**2:
                number[count], squared[count] = k, away
                count += 1
        for row in range(bottom, top):
            first, last = things_in(cells, state.world, row, left, right)
            for n in range(first, last):
                car = parked[cells.thing[n]]
                away = (car.x - state.x) ** 2 + (car.y - state.y) ** 2
                if away < FAR_DEPTH**2:
                    number[count], squared[count] = places + cells.thing[n], away
                    count += 1
        farthest = np.inf
        if count > MOST:
            farthest = np.sort(squared[:count])[MOST - 1]
        kept = 0
        for n in range(count):
            if squared[n] <= farthest and kept < MOST:
                chosen[i, kept] = number[n]
                kept += 1
        counts[i] = kept


@njit(parallel=True, nogil=True, cache=True)
def _fill(
    states: States, parked: NDArray[np.void], chosen: NDArray[np.int32], boxes: Boxes
) -> None:
    """Write the chosen boxes (B, MOST) into a table that has room for them."""
    for i in prange(len(states)):
        state = states[i]
        places = len(state.vehicles)
        for n in range(boxes.offset[i + 1] - boxes.offset[i]):
            number = chosen[i, n]
            box = boxes.table[boxes.offset[i] + n]
            if number < places:
                vehicle = state.vehicles[number]
                length, width = size_of(vehicle.seed)
                box.x, box.y, box.yaw = vehicle.x, vehicle.y, vehicle.yaw
                box.length, box.width, box.kind = length, width, _VEHICLE
                box.seed = np.uint64(vehicle.seed)
                box.height = HEIGHTS[style_of(_VEHICLE, length, box.seed)]
            else:
                car = parked[number - places]
                box.x, box.y, box.yaw = car.x, car.y, car.yaw
                box.length, box.width, box.height = car.length, car.width, car.height
                box.seed, box.kind = car.seed, car.kind
