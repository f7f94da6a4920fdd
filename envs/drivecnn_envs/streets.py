"""All that traffic has to know about the worlds and routes of a scene."""

from typing import NamedTuple

from drivecnn_envs.cells import Cells
from drivecnn_envs.overlaps import Overlaps
from drivecnn_envs.scene import Scene
from drivecnn_envs.spawning import cells_of, open_points
from drivecnn_envs.states import RouteTable
from drivecnn_envs.strands import Strands


class Streets(NamedTuple):
    """Lanes by place, where they and the routes cross, and the routes."""

    strands: Strands
    crossings: Overlaps
    points: Cells  # of strands
    routes: RouteTable

    @classmethod
    def of(cls, scene: Scene) -> "Streets":
        """The streets of a scene."""
        strands = Strands.of([world.network for world in scene.worlds])
        crossings = Overlaps.of(strands, scene.table, scene.route_worlds)
        strands = strands._replace(open=open_points(strands, crossings))
        return cls(strands, crossings, cells_of(strands), scene.table)
