"""Towns from a seed: a jittered grid of curved streets and whatever else their config asks for.

The same seed and config give the same town on every machine.
"""

import numpy as np

from drivecnn_envs.errors import MapError
from drivecnn_envs.maps.procedural.config import DIFFICULTIES, TownConfig
from drivecnn_envs.maps.procedural.lanes import build_lanes, mirror
from drivecnn_envs.maps.procedural.layout import UnfitError, lay_out
from drivecnn_envs.maps.procedural.plan import draw_plan
from drivecnn_envs.roads import SampledLane, TownNetwork

STREAM = 1_000_003  # keeps this generator's random numbers apart from other users of the seed
MAX_CURVATURE = 0.185  # 1/m, unless corners are to be sharper; a vehicle here turns at up to 0.2
MAX_ATTEMPTS = 100  # at a town; a sensible config needs a few


def generate_town(seed: int, config: TownConfig = DIFFICULTIES["easy"]) -> TownNetwork:
    """A town, always the same for a seed >= 0 and a config.

    Raises:
        MapError: if no town of this config can be drawn.
    """
    name = _name(seed, config)
    sharpest = max(MAX_CURVATURE, 1.01 / config.corner_radius[0])
    for attempt in range(MAX_ATTEMPTS):
        rng = np.random.default_rng([STREAM, seed, attempt])
        try:
            layout = lay_out(draw_plan(config, rng), config)
        except UnfitError:
            continue
        network = build_lanes(name, layout)
        if max(_sharpest_turn(lane) for lane in network.lanes.values()) <= sharpest:
            return mirror(network) if config.left_hand else network
    raise MapError(
        f"{name}: expected a town within {MAX_ATTEMPTS} attempts, all had streets too sharp, too "
        "short or too near each other: give larger blocks, or less jitter, bend, diagonals, "
        "dead ends and avenues"
    )


def _name(seed: int, config: TownConfig) -> str:
    """What a town is called: an easy one by its seed alone, as before there were levels."""
    levels = [level for level, known in DIFFICULTIES.items() if known == config]
    level = levels[0] if levels else "custom"
    return f"procedural:{seed}" if level == "easy" else f"procedural:{level}:{seed}"


def _sharpest_turn(lane: SampledLane) -> float:
    """Largest curvature [1/m] of a lane's centre line, either way."""
    return float(np.abs(np.gradient(lane.headings, lane.stations)).max())
