"""Worlds of map files, kept on disk once built: the second time a city is there in a moment.

An entry is a folder named by a hash of the map file, its options, the seed and the code that
builds worlds, so that it never has to be invalidated. `DRIVECNN_CACHE` says where entries are.
"""

import hashlib
import json
import os
import shutil
import tempfile
import warnings
from contextlib import suppress
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import platformdirs

from drivecnn_envs.errors import MapWarning
from drivecnn_envs.maps import is_map_file, load_map, split_options
from drivecnn_envs.roads import PavedStrip, SampledLane, TownNetwork
from drivecnn_envs.world import MIP_LEVELS, World, build_world

MAX_BYTES = 8_000_000_000  # of all entries; those used longest ago go first
_LEVELS = [f"level{number}.npy" for number in range(MIP_LEVELS)]


def load_world(spec: str, seed: int = 0) -> World:
    """The world of a map, what `load_map` reads; that of a file comes from the cache if it can.

    Raises:
        MapError: if the map cannot be read, or is too large.
    """
    if not is_map_file(spec):
        return build_world(load_map(spec), seed)
    entry = cache_folder() / _key(spec, seed)
    with suppress(OSError, ValueError, KeyError, EOFError):  # not there, or damaged
        return _read(entry, seed)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        world = build_world(load_map(spec), seed)
    said = [str(warning.message) for warning in caught if warning.category is MapWarning]
    with suppress(OSError):  # no place to write: the world is built anew each time
        _write(world, said, entry)
        _make_room(entry)
    for warning in caught:
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return world


def cache_folder() -> Path:
    """Where entries are, and nothing else: below `DRIVECNN_CACHE`, else the user's cache folder."""
    chosen = os.environ.get("DRIVECNN_CACHE")
    return (Path(chosen) if chosen else platformdirs.user_cache_path()) / "drivecnn" / "worlds"


def _key(spec: str, seed: int) -> str:
    """The name of an entry."""
    path, options = split_options(spec)
    digest = hashlib.sha256(_code())
    digest.update(json.dumps([path.name, options, seed]).encode())
    with path.open("rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()[:32]


@cache
def _code() -> bytes:
    """A hash of this package's sources: other code may build other worlds."""
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.digest()


def _write(world: World, said: list[str], entry: Path) -> None:
    """Put a world on disk: the entry appears when it is complete."""
    entry.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=entry.parent, prefix="new-"))
    try:
        for name, level in zip(_LEVELS, world.levels, strict=True):
            np.save(folder / name, level)
        np.save(folder / "roads.npy", world.roads)
        np.save(folder / "origin.npy", world.origin)
        np.save(folder / "sun.npy", world.sun)
        np.save(folder / "parked.npy", world.parked)
        _write_network(world.network, said, folder)
        shutil.rmtree(entry, ignore_errors=True)  # a damaged one
        folder.rename(entry)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _read(entry: Path, seed: int) -> World:
    """The world of an entry; its rasters are read from disk as they are looked at."""
    network, said = _read_network(entry)
    levels = tuple(np.load(entry / name, mmap_mode="r") for name in _LEVELS)
    roads, origin = np.load(entry / "roads.npy"), np.load(entry / "origin.npy")
    sun, parked = float(np.load(entry / "sun.npy")), np.load(entry / "parked.npy")
    with suppress(OSError):  # of somebody else's cache, or of one that can only be read
        os.utime(entry)
    for message in said:
        warnings.warn(message, MapWarning, stacklevel=4)
    return World(network, seed, levels, roads, origin, sun, parked)


def _write_network(network: TownNetwork, said: list[str], folder: Path) -> None:
    lanes = network.lanes
    points = [lane.points for lane in lanes.values()] + [strip.points for strip in network.paved]
    widths = [lane.widths for lane in lanes.values()] + [strip.widths for strip in network.paved]
    np.save(folder / "points.npy", np.concatenate(points))
    np.save(folder / "widths.npy", np.concatenate(widths))
    np.save(folder / "offsets.npy", np.cumsum([0, *map(len, points)]))
    facts = {
        "name": network.name,
        "join_gap": network.join_gap,
        "left_hand": network.left_hand,
        "said": said,
        "lanes": [
            {
                "edge": index[:2],
                "line_types": [int(kind) for kind in lane.line_types],
                "speed_limit": lane.speed_limit,
                "junction": lane.junction,
                "forbidden": lane.forbidden,
                "priority": int(lane.priority),
            }
            for index, lane in lanes.items()
        ],
    }
    (folder / "network.json").write_text(json.dumps(facts))


def _read_network(folder: Path) -> tuple[TownNetwork, list[str]]:
    facts = json.loads((folder / "network.json").read_text())
    points, widths = np.load(folder / "points.npy"), np.load(folder / "widths.npy")
    parts = [slice(*ends) for ends in pairwise(np.load(folder / "offsets.npy"))]
    network = TownNetwork(facts["name"], facts["join_gap"], left_hand=facts["left_hand"])
    for part, lane in zip(parts, facts["lanes"], strict=False):
        start, end = lane.pop("edge")
        lane["line_types"] = tuple(lane["line_types"])
        network.add_lane(start, end, SampledLane(points[part], widths[part], **lane))
    for part in parts[len(facts["lanes"]) :]:
        network.paved.append(PavedStrip(points[part], widths[part]))
    return network, facts["said"]


def _make_room(kept: Path) -> None:
    """Delete the entries used longest ago until all fit into `MAX_BYTES`; `kept` stays."""
    entries = sorted(kept.parent.iterdir(), key=lambda entry: entry.stat().st_mtime)
    sizes = {entry: sum(f.stat().st_size for f in entry.rglob("*")) for entry in entries}
    total = sum(sizes.values())
    for entry in entries:
        if total <= MAX_BYTES:
            break
        if entry != kept:
            shutil.rmtree(entry, ignore_errors=True)
            total -= sizes[entry]
