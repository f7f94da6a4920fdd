"""Junctions: which nodes are one place, how far it reaches into each street, and the ways through.

Where streets cross that are drawn as several lines, a place has several nodes, and the short
streets between them lie inside it. So do the streets of a small roundabout.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import NamedTuple

import networkx as nx
import numpy as np
from numba import njit
from numpy.typing import NDArray

from drivecnn_envs.maps.curves import stations, wrap
from drivecnn_envs.maps.osm.file import Restriction
from drivecnn_envs.maps.osm.smooth import ease, even
from drivecnn_envs.maps.osm.streets import Street

Array = NDArray[np.float64]

STEP = 1.0  # m between points of a street's line
MAX_CURVATURE = 0.18  # 1/m, a vehicle turns at up to 0.2
MIN_LANE = 4.0  # m, a street with less than that between two junctions lies inside them
LEAST_CUT = 4.0  # m a junction reaches into a street
TAPER = 10.0  # m, the same where streets go on as others without crossing any
KERB_RADIUS = 3.0  # m, of a corner
REACH = 30.0  # m of street looked at for what else is there
MOST_CUT = 24.0  # m
SAME_HEADING = 0.45  # rad, streets nearer in heading run side by side and do not cross
MAX_PLACE = 70.0  # m across, larger ones are not made by joining junctions
MAX_INSIDE = 45.0  # m, a longer street from a place to itself leads out and back
MAX_RING = 260.0  # m around, a larger roundabout is made of streets
ROUNDS = 6  # joining junctions makes larger ones, which may reach others


class Arm(NamedTuple):
    """An end of a street."""

    street: int
    at_end: bool


@dataclass
class Place:
    """A junction, a dead end, or where one street goes on as another.

    Attributes:
        name: of the place.
        nodes: in it.
        arms: street ends that lead out of it.
        inside: streets within.
    """

    name: str
    nodes: list[int]
    arms: list[Arm]
    inside: list[int]


class Movement(NamedTuple):
    """A legal way through a place.

    Attributes:
        origin: the arm that traffic comes from.
        target: the arm it leaves by.
        inside: streets driven within the place, each with whether it is driven backward.
        turn: rad from one heading to the other, left positive.
    """

    origin: Arm
    target: Arm
    inside: list[tuple[int, bool]]
    turn: float


@dataclass
class Plan:
    """Streets and places, and how far [m] each arm's street is cut back."""

    streets: list[Street]
    lines: list[Array]  # of the streets, smooth and even
    lengths: list[float]  # m, of the lines
    places: list[Place] = field(default_factory=list)
    cuts: dict[Arm, float] = field(default_factory=dict)

    def length(self, street: int) -> float:
        """Length of a street [m]."""
        return self.lengths[street]

    def leaving(self, arm: Arm) -> Array:
        """The first `REACH` metres (N, 2) of a street's line, from the arm's place outward."""
        line = self.lines[arm.street]
        count = int(REACH / STEP) + 2
        return np.ascontiguousarray(line[: -count - 1 : -1] if arm.at_end else line[:count])

    def node(self, arm: Arm) -> int:
        """The node that an arm begins at."""
        return self.streets[arm.street].ends[int(arm.at_end)]

    def heading(self, arm: Arm) -> float:
        """Heading [rad] away from the place, where the street is cut."""
        line = self.leaving(arm)
        number = min(max(int(self.cuts.get(arm, LEAST_CUT) / STEP), 1), len(line) - 1)
        step = line[number] - line[number - 1]
        return float(np.arctan2(step[1], step[0]))

    def has_lanes(self, arm: Arm, *, arriving: bool) -> bool:
        """Whether any lane of an arm leads into the place, or out of it."""
        layout = self.streets[arm.street].layout
        return bool(layout.forward if arm.at_end == arriving else layout.backward)


def find_places(streets: list[Street]) -> Plan:
    """All places of a map, each street cut back as far as the junctions at its ends reach."""
    lines = [_smooth(street) for street in streets]
    plan = Plan(streets, lines, [float(stations(line)[-1]) for line in lines])
    positions = {node: street.line[-i] for street in streets for i, node in enumerate(street.ends)}
    united: nx.utils.UnionFind[int] = nx.utils.UnionFind(positions)
    inside = _small_rings(streets)
    for number in inside:
        united.union(*streets[number].ends)
    known: dict[tuple[Arm, ...], dict[Arm, float]] = {}
    for _ in range(ROUNDS):
        plan.places = list(_places(streets, united, inside))
        plan.cuts = {}
        for place in plan.places:
            key = (*place.arms, *(Arm(number, True) for number in place.inside))
            if key not in known:
                known[key] = _reach(plan, place)
            plan.cuts.update(known[key])
        if not _unite(plan, united, inside, positions):
            break
    _fit_cuts(plan)
    return plan


def _smooth(street: Street) -> Array:
    """A street's line without corners too sharp for its outermost lane; (N, 2) m."""
    if np.ptp(street.line, axis=0).max() < STEP:
        return even(street.line, STEP)
    limit = MAX_CURVATURE / (1.0 + MAX_CURVATURE * street.layout.width / 2)
    return ease(street.line, STEP, limit, pinned=1)


def _small_rings(streets: Sequence[Street]) -> set[int]:
    """The streets of roundabouts small enough to be one place each."""
    rings: nx.MultiGraph[int] = nx.MultiGraph()
    for number, street in enumerate(streets):
        if street.layout.ring:
            length = float(stations(street.line)[-1])
            rings.add_edge(*street.ends, number=number, length=length)
    small: set[int] = set()
    for nodes in nx.connected_components(rings):
        ring = rings.subgraph(nodes)
        alone = len(ring.edges) == 1 and not any(
            end in nodes for s in streets if not s.layout.ring for end in s.ends
        )
        if ring.size("length") <= MAX_RING and not alone:
            small.update(ring.edges[edge]["number"] for edge in ring.edges)
    return small


def _places(
    streets: Sequence[Street], united: "nx.utils.UnionFind[int]", inside: set[int]
) -> Iterator[Place]:
    """The places that nodes have been united to."""
    places: dict[int, Place] = {}
    for node in united:
        root = united[node]
        places.setdefault(root, Place(str(root), [], [], [])).nodes.append(node)
    for number, street in enumerate(streets):
        if number in inside:
            places[united[street.ends[0]]].inside.append(number)
            continue
        for at_end, node in enumerate(street.ends):
            places[united[node]].arms.append(Arm(number, bool(at_end)))
    return iter(places.values())


def _unite(
    plan: Plan,
    united: "nx.utils.UnionFind[int]",
    inside: set[int],
    positions: dict[int, Array],
) -> bool:
    """Put streets too short for their junctions inside one; returns whether there were any."""
    members = {united[place.nodes[0]]: place.nodes for place in plan.places}
    found = False
    for number, street in enumerate(plan.streets):
        if number in inside:
            continue
        length = plan.length(number)
        needed = plan.cuts[Arm(number, False)] + plan.cuts[Arm(number, True)] + MIN_LANE
        first, last = (united[node] for node in street.ends)
        if first == last:
            fits = length > MAX_INSIDE or (length >= needed and street.ends[0] == street.ends[1])
            if not fits or length < MIN_LANE:
                inside.add(number)
                found = True
            continue
        if length >= needed or (street.layout.ring and length >= MIN_LANE):
            continue
        both = members[first] + members[last]
        size = np.ptp([positions[node] for node in both], axis=0)
        if length < 2 * MIN_LANE or np.hypot(*size) <= MAX_PLACE:
            united.union(first, last)
            members[united[first]] = both
            inside.add(number)
            found = True
    return found


def _reach(plan: Plan, place: Place) -> dict[Arm, float]:
    """How far [m] a place reaches into each of its arms."""
    if len(place.arms) == 1 and not place.inside:
        return {place.arms[0]: 0.0}
    crossing = False
    cuts = {}
    strips = [(plan.leaving(arm), plan.streets[arm.street].layout.width / 2) for arm in place.arms]
    inner = [(plan.lines[n], plan.streets[n].layout.width / 2) for n in place.inside]
    for number, (arm, (line, half_width)) in enumerate(zip(place.arms, strips, strict=True)):
        cut = 0.0
        for other, strip in enumerate([*strips, *inner]):
            if other != number:
                cut = max(cut, _overlap(line, half_width, *strip))
        crossing |= cut > 0.0
        cuts[arm] = min(cut + KERB_RADIUS, MOST_CUT)
    if crossing:
        return {arm: max(cut, LEAST_CUT) for arm, cut in cuts.items()}
    return dict.fromkeys(cuts, LEAST_CUT)


@njit(cache=True)
def _overlap(line: Array, half_width: float, other: Array, other_half: float) -> float:
    """How far [m] along a street one of its edges last lies on another that runs across."""
    across = np.sin(SAME_HEADING)
    for i in range(len(line) - 1, 0, -1):
        x, y = line[i]
        dx, dy = x - line[i - 1, 0], y - line[i - 1, 1]
        length = max(np.hypot(dx, dy), 1e-9)
        dx, dy = dx / length, dy / length
        for j in range(1, len(other)):
            x0, y0 = other[j - 1]
            ex, ey = other[j, 0] - x0, other[j, 1] - y0
            span = max(np.hypot(ex, ey), 1e-9)
            ex, ey = ex / span, ey / span
            if abs(dx * ey - dy * ex) <= across:
                continue
            for side in (-half_width, 0.0, half_width):
                away_x, away_y = x - side * dy - x0, y + side * dx - y0
                along = min(max(away_x * ex + away_y * ey, 0.0), span)
                gap_x, gap_y = away_x - along * ex, away_y - along * ey
                if gap_x * gap_x + gap_y * gap_y <= other_half * other_half:
                    return i * STEP
    return 0.0


def _fit_cuts(plan: Plan) -> None:
    """Widen tapers and shorten what does not fit, so that each street keeps some length."""
    inside = {number for place in plan.places for number in place.inside}
    for place in plan.places:
        if len(place.arms) > 1 and all(plan.cuts[arm] <= LEAST_CUT for arm in place.arms):
            plan.cuts.update(dict.fromkeys(place.arms, TAPER))
    for number in range(len(plan.streets)):
        if number not in inside:
            ends = [Arm(number, False), Arm(number, True)]
            room = max(plan.length(number) - MIN_LANE, 0.2 * plan.length(number))
            share = min(1.0, room / max(sum(plan.cuts[end] for end in ends), 1e-9))
            for end in ends:
                plan.cuts[end] *= share


class Rules:
    """The turn restrictions of a map, by way and node."""

    def __init__(self, restrictions: Iterable[Restriction]) -> None:
        self._forbidden: set[tuple[int, int, int]] = set()
        self._only: dict[tuple[int, int], set[int]] = defaultdict(set)
        for rule in restrictions:
            if rule.only:
                self._only[rule.origin, rule.via].add(rule.target)
            else:
                self._forbidden.add((rule.origin, rule.via, rule.target))

    def allow(self, origin: int, via: int, target: int) -> bool:
        """Whether one may go on from a way to another at a node."""
        only = self._only.get((origin, via))
        return (origin, via, target) not in self._forbidden and (not only or target in only)


def movements(plan: Plan, place: Place, rules: Rules, origin: Arm) -> list[Movement]:
    """The ways through a place from one arm, none of them a turn back."""
    street = plan.streets[origin.street]
    found: dict[Arm, Movement] = {}
    exits: dict[int, list[Arm]] = defaultdict(list)
    for arm in place.arms:
        if plan.has_lanes(arm, arriving=False):
            exits[plan.node(arm)].append(arm)
    starts: dict[int, list[tuple[int, bool]]] = defaultdict(list)
    for number in place.inside:
        layout = plan.streets[number].layout
        if layout.forward:
            starts[plan.streets[number].ends[0]].append((number, False))
        if layout.backward:
            starts[plan.streets[number].ends[1]].append((number, True))
    heading = plan.heading(origin) + np.pi
    queue: list[tuple[float, int, int, int, list[tuple[int, bool]]]] = []
    heappush(queue, (0.0, 0, plan.node(origin), street.ways[int(origin.at_end)], []))
    seen: set[tuple[int, bool]] = set()
    pushed = 0
    while queue:
        length, _, node, way, path = heappop(queue)
        for arm in exits[node]:
            target = plan.streets[arm.street]
            same = arm == origin and not path
            if arm not in found and not same and rules.allow(way, node, target.ways[arm.at_end]):
                turn = wrap(plan.heading(arm) - heading)
                found[arm] = Movement(origin, arm, path, turn)
        for step in starts[node]:
            number, backward = step
            inner = plan.streets[number]
            returns = bool(path) and path[-1] == (number, not backward)
            if step in seen or returns or not rules.allow(way, node, inner.ways[backward]):
                continue
            seen.add(step)
            pushed += 1
            there = inner.ends[int(not backward)]
            longer = length + plan.length(number)
            heappush(queue, (longer, pushed, there, inner.ways[not backward], [*path, step]))
    return list(found.values())
