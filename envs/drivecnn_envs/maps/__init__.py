"""Maps by name: `load_map(spec)` gives a road network, generated, mirrored or read."""

import re
from pathlib import Path

from drivecnn_envs.errors import MapError
from drivecnn_envs.maps.highway import SCENARIOS, mirror_scenario
from drivecnn_envs.maps.opendrive import read_opendrive
from drivecnn_envs.maps.procedural import generate_town
from drivecnn_envs.roads import TownNetwork

FORMS = "procedural:SEED, highway:NAME or a path to an OpenDRIVE file (.xodr)"
_RANGE = re.compile(r"procedural:(\d+)-(\d+)")
_TOWN = re.compile(r"procedural:(\d+)")


def load_map(spec: str) -> TownNetwork:
    """The road network of a map, in right-handed axes.

    Args:
        spec: `procedural:SEED`, `highway:NAME` (a scenario of highway-env) or a path to an
            OpenDRIVE file.

    Raises:
        MapError: one line that says what was expected, if there is no such map or it is broken.
    """
    town = _TOWN.fullmatch(spec)
    if town:
        return generate_town(int(town[1]))
    kind, _, name = spec.partition(":")
    if kind == "procedural":
        raise MapError(f"map {spec!r}: expected procedural:SEED with a whole number >= 0")
    if kind == "highway":
        return mirror_scenario(name)
    path = Path(spec)
    if path.suffix == ".xodr" or _is_file(path):
        return read_opendrive(path)
    raise MapError(
        f"map {spec!r} is not known: give {FORMS}; scenarios are {', '.join(sorted(SCENARIOS))}"
    )


def _is_file(path: Path) -> bool:
    """Whether there is such a file; there is none of a name that the system refuses."""
    try:
        return path.is_file()
    except OSError:
        return False


def expand_maps(spec: str) -> list[str]:
    """The maps a spec stands for: `procedural:8-10` is three towns, any other spec is one map."""
    towns = _RANGE.fullmatch(spec)
    if not towns:
        return [spec]
    first, last = int(towns[1]), int(towns[2])
    if last < first:
        raise MapError(f"map {spec!r}: expected procedural:FIRST-LAST with LAST >= FIRST")
    return [f"procedural:{seed}" for seed in range(first, last + 1)]
