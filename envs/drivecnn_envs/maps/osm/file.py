"""OpenStreetMap files as records: the drivable ways, their nodes and the turn restrictions.

Three formats: XML (.osm), the same packed (.osm.bz2), and the binary one (.osm.pbf).
"""

import bz2
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from drivecnn_envs.errors import MapError

if TYPE_CHECKING:
    import osmium

MAX_FILE_BYTES = 500_000_000  # also of an unpacked .osm.bz2
MAX_NODES = 5_000_000  # on drivable ways
MAX_WAY_NODES = 2_000  # OpenStreetMap's own limit
FORMATS = {".osm": "osm", ".bz2": "osm", ".pbf": "pbf"}
PIECE = 1 << 20  # bytes unpacked at a time

MAIN_ROADS = ("motorway", "trunk", "primary", "secondary", "tertiary")
ROADS = frozenset(
    {*MAIN_ROADS, *(f"{road}_link" for road in MAIN_ROADS)}
    | {"unclassified", "residential", "living_street", "road"}
)
CLOSED = frozenset({"no", "private", "agricultural", "forestry", "military", "psv", "bus"})
WHOSE_ACCESS = ("motorcar", "motor_vehicle", "vehicle", "access")  # the first that is given counts
RINGS = frozenset({"roundabout", "circular"})


class OsmWay(NamedTuple):
    """A way cars may drive."""

    name: int
    nodes: tuple[int, ...]
    tags: Mapping[str, str]


class Restriction(NamedTuple):
    """A turn that is not allowed, or the only one that is."""

    origin: int  # way
    via: int  # node
    target: int  # way
    only: bool


class OsmRecords(NamedTuple):
    """What a file holds of roads."""

    path: Path
    ways: list[OsmWay]
    positions: dict[int, tuple[float, float]]  # degrees north and east by node
    restrictions: list[Restriction]
    driving_sides: tuple[str, ...]  # values of driving_side tags


def read_records(path: Path, *, service: bool = False) -> OsmRecords:
    """The roads of a file, in two passes: ways and relations first, then the nodes they need.

    Args:
        path: .osm, .osm.bz2 or .osm.pbf.
        service: whether service roads are wanted.

    Raises:
        MapError: if the file is missing, too large, broken, of another kind or without a road.
    """
    source = _Source(path)
    with source.checked():
        ways, restrictions, sides = _read_ways(source, service)
        if not ways:
            raise _no_road(source, service)
    wanted = {node for way in ways for node in way.nodes}
    if len(wanted) > MAX_NODES:
        raise MapError(
            f"{path}: the roads have {len(wanted):,} nodes, expected at most {MAX_NODES:,}: "
            "cut the map into parts"
        )
    positions = {}
    with source.checked():
        for node in source.objects("node"):
            if node.id in wanted and node.location.valid():
                positions[node.id] = (node.location.lat, node.location.lon)
    return OsmRecords(path, ways, positions, restrictions, tuple(sides))


class _Source:
    """A file that can be read over and over, its errors turned into MapErrors."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._osmium = import_osmium()
        kind = FORMATS.get(path.suffix)
        if kind is None:
            raise MapError(f"{path}: expected an .osm, .osm.bz2 or .osm.pbf file: give one of them")
        try:
            size = path.stat().st_size
            with path.open("rb") as stream:
                stream.read(1)
        except OSError as error:
            raise MapError(
                f"{path}: expected a map file, {error.strerror or error}: check the path"
            ) from error
        if size > MAX_FILE_BYTES:
            raise self._too_large(size)
        self._data: Any = (
            self._osmium.io.FileBuffer(self._unpack(), kind)
            if path.suffix == ".bz2"
            else self._osmium.io.File(str(path), kind)
        )

    def _unpack(self) -> bytes:
        """The content of a .bz2 file, no more than `MAX_FILE_BYTES`: a small file may hold much."""
        content = bytearray()
        try:
            with bz2.open(self.path) as stream:
                while piece := stream.read(PIECE):
                    content += piece
                    if len(content) > MAX_FILE_BYTES:
                        raise self._too_large(len(content))
        except (OSError, EOFError) as error:
            raise self._broken(error) from error
        return bytes(content)

    def objects(self, *kinds: str) -> Iterator[Any]:
        """All objects of some kinds ("node", "way", "relation") in the file."""
        bits = self._osmium.osm.osm_entity_bits.NOTHING
        for kind in kinds:
            bits |= getattr(self._osmium.osm, kind.upper())
        return iter(self._osmium.FileProcessor(self._data, bits))

    @contextmanager
    def checked(self) -> Iterator[None]:
        """A context in which errors that the content raises become MapErrors."""
        wrong = (RuntimeError, ValueError, OverflowError, self._osmium.InvalidLocationError)
        try:
            yield
        except MapError:
            raise
        except wrong as error:
            raise self._broken(error) from error

    def _broken(self, error: Exception) -> MapError:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        return MapError(
            f"{self.path}: expected OpenStreetMap data, got {reason}: give a whole .osm, .osm.bz2 "
            "or .osm.pbf file"
        )

    def _too_large(self, size: int) -> MapError:
        return MapError(
            f"{self.path}: the file holds {size / 1e6:.0f} MB or more, expected at most "
            f"{MAX_FILE_BYTES / 1e6:.0f} MB: cut the map into parts"
        )


def import_osmium() -> Any:  # noqa: ANN401 (an extra)
    """The osmium module, which is an extra.

    Raises:
        MapError: if it is not installed.
    """
    try:
        import osmium
    except ImportError as error:
        raise MapError(
            "OpenStreetMap files need the package osmium: pip install 'drivecnn[osm]'"
        ) from error
    return osmium


def _read_ways(source: _Source, service: bool) -> tuple[list[OsmWay], list[Restriction], list[str]]:
    """The drivable ways, each once, the turn restrictions and the driving sides named."""
    ways: dict[int, OsmWay] = {}
    restrictions: list[Restriction] = []
    sides: list[str] = []
    for item in source.objects("way", "relation"):
        if side := item.tags.get("driving_side"):
            sides.append(side)
        if not item.is_way():
            restrictions += _restrictions(item)
        elif item.id not in ways and is_drivable(item.tags, service=service):
            nodes = tuple(node.ref for node in item.nodes)[:MAX_WAY_NODES]
            ways[item.id] = OsmWay(item.id, nodes, {tag.k: tag.v for tag in item.tags})
    return list(ways.values()), restrictions, sides


def is_drivable(tags: Mapping[str, str], *, service: bool = False) -> bool:
    """Whether the tags are of a road that cars may use."""
    road = tags.get("highway")
    if road not in ROADS and not (service and road == "service"):
        return False
    if tags.get("area") == "yes":
        return False
    access = next((value for key in WHOSE_ACCESS if (value := tags.get(key))), "yes")
    return access not in CLOSED


def _restrictions(relation: "osmium.osm.Relation") -> Iterator[Restriction]:
    """The turns that a relation forbids or prescribes at a node; ways between are not followed."""
    rule = relation.tags.get("restriction") or ""
    if relation.tags.get("type") != "restriction" or not rule.startswith(("no_", "only_")):
        return
    members: dict[str, list[int]] = {}
    for member in relation.members:
        if member.type == ("n" if member.role == "via" else "w"):
            members.setdefault(member.role, []).append(member.ref)
    if len(members.get("via", [])) == 1:
        for origin in members.get("from", []):
            for target in members.get("to", []):
                yield Restriction(origin, members["via"][0], target, rule.startswith("only_"))


def _no_road(source: _Source, service: bool) -> MapError:
    """Why a file has no drivable way."""
    if any(relation.tags.get("type") == "lanelet" for relation in source.objects("relation")):
        found = "a Lanelet2 map, which is another format"
    else:
        found = "none"
    hint = "" if service else " (service roads are left out unless asked for)"
    return MapError(
        f"{source.path}: expected ways with highway=* that cars may use{hint}, got {found}: "
        "give an OpenStreetMap extract with roads"
    )
