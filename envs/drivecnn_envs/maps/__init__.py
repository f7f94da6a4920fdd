"""Maps by name: `load_map(spec)` gives a road network, generated, mirrored or read."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import yaml

from drivecnn_envs.errors import InputError, MapError
from drivecnn_envs.maps.highway import mirror_scenario
from drivecnn_envs.maps.opendrive import read_opendrive
from drivecnn_envs.maps.osm import OsmOptions, read_osm, read_place
from drivecnn_envs.maps.procedural import DIFFICULTIES, TownConfig, generate_town
from drivecnn_envs.maps.racetrack import generate_track, read_track
from drivecnn_envs.roads import TownNetwork

FORMS = (
    "procedural:SEED, procedural:LEVEL:SEED, track:SEED, highway:NAME, osm:PLACE, or a path to an "
    "OpenDRIVE (.xodr), OpenStreetMap (.osm, .osm.bz2, .osm.pbf) or race track (.csv) file"
)
MOST_MAPS = 10_000  # that one spec may stand for
OSM_SUFFIXES = (".osm", ".osm.bz2", ".osm.pbf")
MOST_DIGITS = 18  # of a seed
_SEEDED = re.compile(r"(?:(?P<level>.+):)?(?P<first>\d{1,18})(?:-(?P<last>\d{1,18}))?")


def load_map(spec: str) -> TownNetwork:
    """The road network of a map, in right-handed axes.

    Args:
        spec: one of

            * `procedural:SEED` or `procedural:LEVEL:SEED`, a town; the level is one of
              `DIFFICULTIES` ("easy" if not given) or a YAML file with fields of `TownConfig`,
            * `track:SEED`, a circuit,
            * `highway:NAME`, a scenario of highway-env,
            * `osm:PLACE`, a place that OpenStreetMap knows by name (needs a network),
            * a path to an OpenDRIVE, OpenStreetMap or race track file.

            OpenStreetMap maps take options, fields of `OsmOptions`, after a question mark:
            `city.osm.pbf?traffic=left&service=yes&around=48.14,11.58&radius=800`.

    Raises:
        MapError: one line that says what was expected, if there is no such map or it is broken.
    """
    kind, colon, name = spec.partition(":")
    if colon and kind in _KINDS:
        return _KINDS[kind](name)
    path, options = split_options(spec)
    if path.name.endswith(OSM_SUFFIXES):
        return read_osm(path, _osm_options(spec, options))
    if options:
        raise MapError(f"map {spec!r}: only OpenStreetMap maps take options, remove '?{options}'")
    if path.suffix == ".csv":
        return read_track(path)
    if path.suffix == ".xodr" or _is_file(path):
        return read_opendrive(path)
    raise MapError(f"map {spec!r} is not known: give {FORMS}")


def expand_maps(spec: str) -> list[str]:
    """The maps a spec stands for: `procedural:8-10` is three towns, any other spec is one map."""
    kind, colon, name = spec.partition(":")
    seeded = _SEEDED.fullmatch(name)
    if kind not in ("procedural", "track") or not colon or not seeded or not seeded["last"]:
        return [spec]
    first, last = int(seeded["first"]), int(seeded["last"])
    if last < first:
        raise MapError(f"map {spec!r}: expected {kind}:FIRST-LAST with LAST >= FIRST")
    if last - first >= MOST_MAPS:
        raise MapError(f"map {spec!r}: {last - first + 1} maps, expected {MOST_MAPS} at most")
    level = "" if seeded["level"] is None else f"{seeded['level']}:"
    return [f"{kind}:{level}{seed}" for seed in range(first, last + 1)]


def split_options(spec: str) -> tuple[Path, str]:
    """The path of a file's spec, and the options that follow it."""
    path, _, options = spec.partition("?")
    return Path(path), options


def is_map_file(spec: str) -> bool:
    """Whether a spec names a file that is there."""
    kind, colon, _ = spec.partition(":")
    return not (colon and kind in _KINDS) and _is_file(split_options(spec)[0])


def _is_file(path: Path) -> bool:
    """Whether there is such a file; there is none of a name that the system refuses."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _town(name: str) -> TownNetwork:
    seeded = _SEEDED.fullmatch(name)
    if not seeded or seeded["last"]:
        raise MapError(
            f"map 'procedural:{name}': expected procedural:SEED or procedural:LEVEL:SEED with a "
            "whole number >= 0"
        )
    return generate_town(int(seeded["first"]), _town_config(seeded["level"] or "easy"))


def _town_config(level: str) -> TownConfig:
    """The config of a difficulty by name, or in a YAML file."""
    if level in DIFFICULTIES:
        return DIFFICULTIES[level]
    path = Path(level)
    if not _is_file(path):
        raise MapError(
            f"procedural towns have no level {level!r}: choose one of {', '.join(DIFFICULTIES)}, "
            "or name a YAML file with fields of TownConfig"
        )
    try:
        fields: dict[str, Any] = yaml.safe_load(path.read_text()) or {}
        return TownConfig(**{key: _tuple(value) for key, value in fields.items()})
    except InputError as error:
        raise MapError(f"{path}: {error}") from error
    except (yaml.YAMLError, OSError, UnicodeError, TypeError, AttributeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise MapError(f"{path}: expected YAML with fields of TownConfig, got {reason}") from error


def _tuple(value: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
    return tuple(value) if isinstance(value, list) else value


def _track(name: str) -> TownNetwork:
    if not name.isdecimal() or len(name) > MOST_DIGITS:
        raise MapError(f"map 'track:{name}': expected track:SEED with a whole number >= 0")
    return generate_track(int(name))


def _place(name: str) -> TownNetwork:
    place, _, options = name.partition("?")
    return read_place(place, _osm_options(f"osm:{name}", options))


def _osm_options(spec: str, text: str) -> OsmOptions:
    """The options `traffic=left&service=yes&around=48.1,11.5&radius=500`."""
    given: dict[str, Any] = {}
    try:
        for key, value in parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text)):
            given[key] = _OSM_VALUES[key](value)
    except (KeyError, ValueError) as error:
        raise MapError(
            f"map {spec!r}: expected options like '?traffic=left&service=yes&around=48.14,11.58&"
            f"radius=800', got {text!r}: {' '.join(str(error).split())}"
        ) from error
    try:
        return OsmOptions(**given)
    except InputError as error:
        raise MapError(f"map {spec!r}: {error}") from error


def _pair(text: str) -> tuple[float, float]:
    latitude, longitude = (float(part) for part in text.split(","))
    return latitude, longitude


_OSM_VALUES: dict[str, Callable[[str], Any]] = {
    "traffic": str,
    "service": {"yes": True, "no": False}.__getitem__,
    "around": _pair,
    "radius": float,
}
_KINDS: dict[str, Callable[[str], TownNetwork]] = {
    "procedural": _town,
    "track": _track,
    "highway": mirror_scenario,
    "osm": _place,
}
