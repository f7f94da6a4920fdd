"""Towns from a seed: a plan of streets, its layout, and the lanes on it."""

from drivecnn_envs.maps.procedural.config import DIFFICULTIES, TownConfig
from drivecnn_envs.maps.procedural.town import generate_town

__all__ = ["DIFFICULTIES", "TownConfig", "generate_town"]
