"""Streets of procedural towns: their course, their lanes, and how they look from a junction."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from highway_env.road.lane import LineType
from numpy.typing import NDArray

from drivecnn_envs.maps.curves import SAMPLE_SPACING

Array = NDArray[np.float64]
Node = tuple[int, ...]  # column and row; a dead end has a third number
Ends = tuple[Node, Node]


@dataclass(frozen=True)
class Street:
    """A street between two nodes.

    Attributes:
        start, end: (2,) m, where it begins and ends.
        leave, arrive: rad, its headings there, as driven from start to end.
        forward, backward: lanes in the direction start to end, and in the other one.
        median: m of land between the two directions.
        shoulder: m of road surface beside the lanes, at either side.
        lane_width: m.
        centre_line, edge_line: highway-env `LineType` between the directions and at the sides.
    """

    start: Array
    end: Array
    leave: float
    arrive: float
    lane_width: float
    centre_line: int
    edge_line: int
    forward: int = 1
    backward: int = 1
    median: float = 0.0
    shoulder: float = 0.0

    def turned(self) -> "Street":
        """The same street as seen from its other end."""
        return replace(
            self,
            start=self.end,
            end=self.start,
            leave=self.arrive + np.pi,
            arrive=self.leave + np.pi,
            forward=self.backward,
            backward=self.forward,
        )

    def curve(self, straight: tuple[float, float] = (0.0, 0.0)) -> Array:
        """The line between the directions, (N, 2) m: a cubic, its ends straight for so many m.

        Of a one-way street it is the middle.
        """
        first = np.array([np.cos(self.leave), np.sin(self.leave)])
        last = np.array([np.cos(self.arrive), np.sin(self.arrive)])
        begin, stop = self.start + straight[0] * first, self.end - straight[1] * last
        length = float(np.linalg.norm(stop - begin))
        t = np.linspace(0.0, 1.0, int(length / SAMPLE_SPACING) + 2)[:, None]
        cubic: Array = (
            (2 * t**3 - 3 * t**2 + 1) * begin
            + (t**3 - 2 * t**2 + t) * length * first
            + (3 * t**2 - 2 * t**3) * stop
            + (t**3 - t**2) * length * last
        )
        before = [self.start[None]] if straight[0] > 0 else []
        after = [self.end[None]] if straight[1] > 0 else []
        return np.concatenate([*before, cubic, *after])

    def laterals(self) -> Array:
        """How far left [m] of `curve` the lanes start to end lie, left to right; (forward,)."""
        middle = -self.median / 2 if self.backward else self.forward * self.lane_width / 2
        return np.asarray(middle - (np.arange(self.forward) + 0.5) * self.lane_width)

    def half_width(self) -> float:
        """Metres from the middle of the road surface to its edges."""
        lanes = (self.forward + self.backward) * self.lane_width
        return (self.median + lanes) / 2 + self.shoulder

    def line_types(self, number: int) -> tuple[int, int]:
        """Right and left line of a lane start to end; lanes side by side share a dashed line.

        As in highway-env, the lane on the left draws it.
        """
        inner = self.centre_line if self.backward and not self.median else self.edge_line
        right = self.edge_line if number == self.forward - 1 else int(LineType.STRIPED)
        return right, inner if number == 0 else int(LineType.NONE)


class Arm(NamedTuple):
    """A street as seen from one of its nodes. Laterals are left of its axis, looking away."""

    heading: float  # rad, of leaving the node
    leaving: tuple[float, ...]  # m, laterals of the lanes away from the node, from left to right
    arriving: tuple[float, ...]  # m, laterals of the lanes to the node, from THEIR left to right
    lane_width: float  # m

    @classmethod
    def of(cls, street: Street) -> "Arm":
        """The arm at the node where a street starts."""
        return cls(
            street.leave,
            tuple(street.laterals()),
            tuple(-street.turned().laterals()),
            street.lane_width,
        )

    @property
    def side(self) -> float:
        """Metres from the axis to the edges of the road."""
        return float(np.abs([*self.leaving, *self.arriving]).max()) + self.lane_width / 2


def arms_of(node: Node, streets: dict[Ends, Street]) -> dict[Node, Arm]:
    """The neighbours that a node's streets lead to, each with the street as an arm."""
    arms: dict[Node, Arm] = {}
    for (start, end), street in streets.items():
        if start == node:
            arms[end] = Arm.of(street)
        elif end == node:
            arms[start] = Arm.of(street.turned())
    return arms
