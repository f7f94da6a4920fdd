"""Roads of a named place, downloaded with osmnx, as the same records that files give."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from drivecnn_envs.errors import MapError
from drivecnn_envs.maps.osm.file import OsmRecords, OsmWay, is_drivable

DOWNLOAD_TIMEOUT = 120.0  # s, for all requests together
REQUEST_TIMEOUT = 30.0  # s, for one
TAGS = (
    *("highway", "oneway", "junction", "area", "access", "vehicle", "motor_vehicle", "motorcar"),
    *("lanes", "lanes:forward", "lanes:backward", "lanes:both_ways", "width", "width:lanes"),
    *("turn:lanes", "turn:lanes:forward", "turn:lanes:backward"),
    *("maxspeed", "maxspeed:forward", "maxspeed:backward", "driving_side"),
)


def fetch_records(place: str, *, service: bool = False) -> OsmRecords:
    """The roads of a place; osmnx does not give its turn restrictions.

    Raises:
        MapError: if osmnx is not installed, there is no network, the place is not found or holds
            no road, or the answer takes longer than `DOWNLOAD_TIMEOUT`.
    """
    graph = _download(place, "drive_service" if service else "drive")
    positions = {int(node): (float(at["y"]), float(at["x"])) for node, at in graph.nodes.items()}
    ways = []
    for start, end, edge in graph.edges(data=True):
        if edge.get("reversed"):
            continue  # osmnx lists two-way roads once for each direction
        tags = {key: _text(edge[key]) for key in TAGS if key in edge}
        if is_drivable(tags, service=service):
            ways.append(OsmWay(int(edge["osmid"]), (int(start), int(end)), tags))
    if not ways:
        raise MapError(f"place {place!r} has no road that cars may use: name a larger one")
    sides = tuple(side for way in ways if (side := way.tags.get("driving_side")))
    return OsmRecords(Path(place), ways, positions, [], sides)


def _text(value: object) -> str:
    """A tag as the map writes it; osmnx makes oneway a truth value."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _download(place: str, kind: str) -> Any:  # noqa: ANN401 (osmnx is an extra without types here)
    """The graph that osmnx makes of a place, every node of every way kept."""
    try:
        import osmnx
    except ImportError as error:
        raise MapError(
            f"place {place!r}: places need the package osmnx: pip install 'drivecnn[osm]'"
        ) from error
    answers: list[Any] = []
    failures: list[Exception] = []

    def work() -> None:
        try:
            answers.append(osmnx.graph_from_place(place, network_type=kind, simplify=False))
        except Exception as error:  # whatever of its many packages fails, it is told below
            failures.append(error)

    with _settings(osmnx):
        # osmnx waits and asks again for as long as a server is busy: a thread can be left waiting
        worker = threading.Thread(target=work, daemon=True)
        worker.start()
        worker.join(DOWNLOAD_TIMEOUT)
    if failures:
        raise _failure(place, failures[0]) from failures[0]
    if not answers:
        raise MapError(
            f"place {place!r}: no answer within {DOWNLOAD_TIMEOUT:.0f} s: try again later or give "
            "an .osm.pbf file"
        )
    return answers[0]


def _failure(place: str, error: Exception) -> MapError:
    """What to tell about a failed download."""
    if isinstance(error, OSError):  # all errors of requests are
        return MapError(
            f"place {place!r}: expected a network connection to OpenStreetMap, got none "
            f"({type(error).__name__}): connect, or give an .osm.pbf file"
        )
    reason = " ".join(str(error).split())[:200]
    return MapError(
        f"place {place!r}: expected a place that OpenStreetMap knows, got {reason}: "
        "correct the name or give an .osm.pbf file"
    )


@contextmanager
def _settings(osmnx: Any) -> Iterator[None]:  # noqa: ANN401
    """Ask for all tags of lanes, wait a bounded time and leave no files behind."""
    wanted = {
        "useful_tags_way": list(TAGS),
        "requests_timeout": REQUEST_TIMEOUT,
        "use_cache": False,
    }
    before = {name: getattr(osmnx.settings, name) for name in wanted}
    try:
        for name, value in wanted.items():
            setattr(osmnx.settings, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(osmnx.settings, name, value)
