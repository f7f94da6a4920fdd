"""`DriveCNN/Track-v0`: lane following on closed circuits, seen by one camera.

It is `DriveCNN/Town-v0` with other defaults: the map, the camera and the length of the routes.
"""

from typing import Any

from drivecnn_envs.observation import ObservationConfig
from drivecnn_envs.town_env import TownEnv
from drivecnn_envs.towns import RouteOptions
from drivecnn_envs.vector_env import TownVectorEnv
from drivecnn_envs.views import CameraRig

MAP = "track:0"
OBSERVATION = ObservationConfig(CameraRig(yaws=(0.0,), field_of_view=1.5))
ROUTES = RouteOptions(count=100, length=300.0)


class TrackEnv(TownEnv):
    """One car that follows the one lane of a circuit for 300 m from a random place on it."""

    def __init__(
        self,
        map: str = MAP,  # noqa: A002 - the word users know
        render_mode: str | None = None,
        **options: Any,  # noqa: ANN401
    ) -> None:
        """Make the environment; the arguments are those of `TownEnv`.

        Several tracks, as `track:0-15`, are as good as one.
        """
        super().__init__(map, render_mode, **_with_defaults(options))


class TrackVectorEnv(TownVectorEnv):
    """B cars, each alone on a circuit. Otherwise as `TrackEnv`."""

    def __init__(
        self,
        num_envs: int,
        map: str = MAP,  # noqa: A002 - the word users know
        **options: Any,  # noqa: ANN401
    ) -> None:
        """Make the environments; the arguments are those of `TownVectorEnv`."""
        super().__init__(num_envs, map, **_with_defaults(options))


def _with_defaults(options: dict[str, Any]) -> dict[str, Any]:
    return {"observation": OBSERVATION, "routes": ROUTES, **options}
