"""Who goes first where ways cross or merge.

The rules are highway-env's (`RegulatedRoad`): both vehicles are predicted, and where they would
meet, the one on the lane of lower priority yields; between equals, the one farther from the place.
Two things are added, without which traffic jams for good. A vehicle enters a group of crossings
only when it can leave it again, and then all of the group is reserved for it. And one that has
waited long enough is let in by all who can still stop.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from drivecnn_envs.crowd import HORIZON, MAX_WAYS, Crowd, time_to
from drivecnn_envs.following import STANDING, View
from drivecnn_envs.overlaps import Overlaps

Array = NDArray[np.float64]
Ints = NDArray[np.int32]

PATIENCE = 5.0  # s of waiting until a vehicle is let in
LONG_PATIENCE = 15.0  # s, the same where the others are on a road of higher priority
DECISION_TIME, DECISION_BRAKING = 1.5, 2.0  # s, m/s2; as far before a crossing a vehicle decides
DECISION_DISTANCE = 8.0  # m, in addition
STOP_GAP = 1.0  # m between a waiting vehicle's front and the crossing
CLEARANCE = 2.0  # m more than its length that a vehicle wants to have free behind a crossing
EARLY = 0.8  # of the expected time, when a vehicle may arrive already
LATE = 1.25  # of the expected time, when it may still be there
NOSE = 1.0  # m that a vehicle may be in a crossing and still wait before it
MARGIN = 0.5  # s between a vehicle that leaves a crossing and one that enters it
RESPECT = 1.0  # s, the same if the one that enters has the right of way
_NONE, _FOE, _OCCUPIED = 0, 1, 2  # what keeps a vehicle from entering, from good to bad
_NOT, _FULL, _STUCK = 0, 1, 2  # why it could not enter even if nobody else wanted to


class Claims(NamedTuple):
    """What M vehicles, the ego being the last, mean to do at the next crossings on their ways."""

    begin: Array  # (M,) m from a vehicle's middle to the next group of crossings, inf if none
    end: Array  # (M,) m to the end of that group
    clear: Array  # (M,) m to the end of the last crossing of it that is no merge
    inside: NDArray[np.bool_]  # (M,) whether it is in a crossing
    stuck: Ints  # (M,) whether it could enter now: `_NOT`, `_FULL` or `_STUCK`
    head: Ints  # (L,) first entry of each strand of the world, -1 if nobody will drive there
    after: Ints  # (M x MAX_WAYS,) next entry of the same strand; an entry is vehicle and way
    first_strand: int  # of the world
    ego_zones: Ints  # (Z,) crossings near the ego on its route


@njit(cache=True)
def settle(crowd: Crowd, crossings: Overlaps, strands: tuple[int, int], view: View) -> Array:
    """How far (M,) [m] each vehicle may drive because of the right of way, inf where all is clear.

    Vehicles that may enter the next group of crossings have it reserved from now on, in place.

    Args:
        crowd: around one ego.
        crossings: of the scene.
        strands: the first of the ego's world, and the first of the next world.
        view: what the vehicles see on their ways.
    """
    claims = _claims(crowd, crossings, strands)
    lines = np.full(len(crowd), np.inf)
    for me in range(len(crowd)):
        if crowd[me].there:
            _find_group(crowd, claims, crossings, me)
            if _cannot_go(crowd, claims, view, me):
                crowd[me].reserved = 0.0
                _find_group(crowd, claims, crossings, me)
            claims.stuck[me] = _stuck(crowd, claims, view, me)
    for me in range(len(crowd)):
        asks = claims.begin[me] < np.inf and claims.stuck[me] == _NOT
        if asks and _hindrance(crowd, claims, crossings, me) == _OCCUPIED:
            claims.stuck[me] = _STUCK
    for me in range(len(crowd)):
        if claims.begin[me] == np.inf:
            continue
        if claims.stuck[me] != _NOT or _hindrance(crowd, claims, crossings, me) != _NONE:
            lines[me] = claims.begin[me] - 0.5 * crowd[me].length - STOP_GAP
        else:
            crowd[me].reserved = claims.end[me]
    return lines


@njit(forceinline=True)
def _cannot_go(crowd: Crowd, claims: Claims, view: View, me: int) -> bool:
    """Whether a vehicle stands before the crossings that are reserved for it: others may go."""
    stands = crowd[me].speed < STANDING and not claims.inside[me]
    return stands and view.free[me] < crowd[me].reserved


@njit(forceinline=True)
def _stuck(crowd: Crowd, claims: Claims, view: View, me: int) -> int:
    """Whether a vehicle could enter its group of crossings if nobody else wanted to.

    It could not if it is not the first before it (`_STUCK`) - unless crossings are reserved for
    the first - or if there is no room behind it (`_FULL`).
    """
    leader = view.leader[me]
    if leader >= 0 and view.near[me] < claims.begin[me] and crowd[leader].reserved <= 0.0:
        return _STUCK
    if view.free[me] > claims.clear[me] + crowd[me].length + CLEARANCE:
        return _NOT
    return _FULL if view.free[me] > claims.end[me] else _STUCK


@njit(forceinline=True)
def _claims(crowd: Crowd, crossings: Overlaps, strands: tuple[int, int]) -> Claims:
    """Claims of vehicles whose next crossings are not yet known."""
    first, last = strands
    count, ego = len(crowd), len(crowd) - 1
    head = np.full(last - first, -1, np.int32)
    after = np.empty(count * MAX_WAYS, np.int32)
    for me in range(ego):
        for n in range(crowd[me].ways):
            entry = me * MAX_WAYS + n
            after[entry] = head[crowd[me].strand[n] - first]
            head[crowd[me].strand[n] - first] = entry
    front, route = 0.5 * crowd[ego].length, crowd[ego].strand[0]
    low, high = crossings.offset[route], crossings.offset[route + 1]
    near = np.empty(high - low, np.int32)
    found = 0
    for z in range(low, high):
        begin = crowd[ego].start[0] + crossings.begin[z]
        end = crowd[ego].start[0] + crossings.end[z]
        if end + front > 0.0 and begin - front < HORIZON:
            near[found] = z
            found += 1
    return Claims(
        np.full(count, np.inf),
        np.full(count, -np.inf),
        np.full(count, -np.inf),
        np.zeros(count, np.bool_),
        np.zeros(count, np.int32),
        head,
        after,
        first,
        near[:found],
    )


@njit(forceinline=True)
def decision_distance(speed: float) -> float:
    """How far [m] before a crossing a vehicle decides whether to enter it."""
    return speed * speed / (2.0 * DECISION_BRAKING) + speed * DECISION_TIME + DECISION_DISTANCE


@njit(cache=True)
def _find_group(crowd: Crowd, claims: Claims, crossings: Overlaps, me: int) -> None:
    """Find the next group of crossings that a vehicle has to ask for; note where it is.

    Crossings with too little room between them to stand there are one group.
    """
    decide = 0.5 * crowd[me].length + decision_distance(crowd[me].speed)
    for n in range(crowd[me].ways):
        strand, start = crowd[me].strand[n], crowd[me].start[n]
        if start > max(decide, claims.end[me] + crowd[me].length + CLEARANCE):
            break
        for z in range(crossings.offset[strand], crossings.offset[strand + 1]):
            _join(
                crowd,
                claims,
                me,
                start + crossings.begin[z],
                start + crossings.end[z],
                crossings.merge[z],
            )
    if me < len(crowd) - 1:
        for z in claims.ego_zones:
            for n in range(crowd[me].ways):
                if crowd[me].strand[n] == crossings.foe[z]:
                    begin = crowd[me].start[n] + crossings.foe_begin[z]
                    end = crowd[me].start[n] + crossings.foe_end[z]
                    _join(crowd, claims, me, begin, end, crossings.merge[z])


@njit(forceinline=True)
def _join(crowd: Crowd, claims: Claims, me: int, begin: float, end: float, merge: bool) -> None:
    """Take a crossing from one place [m] to another on a vehicle's way into its group if it is."""
    front, room = 0.5 * crowd[me].length, crowd[me].length + CLEARANCE
    if end + front <= 0.0:
        return
    if begin < front - NOSE:
        claims.inside[me] = True
    if begin < max(crowd[me].reserved, front - NOSE):
        return
    if claims.begin[me] == np.inf:
        if begin <= front + decision_distance(crowd[me].speed):
            claims.begin[me], claims.end[me] = begin, end
            claims.clear[me] = -np.inf if merge else end
    elif begin - claims.end[me] <= room:
        claims.begin[me] = min(claims.begin[me], begin)
        claims.end[me] = max(claims.end[me], end)
        claims.clear[me] = claims.clear[me] if merge else max(claims.clear[me], end)


@njit(cache=True)
def _hindrance(crowd: Crowd, claims: Claims, crossings: Overlaps, me: int) -> int:
    """What keeps a vehicle from entering its group of crossings: the worst, see `_hinders`."""
    ego, worst = len(crowd) - 1, _NONE
    for n in range(crowd[me].ways):
        strand, start = crowd[me].strand[n], crowd[me].start[n]
        if start > claims.end[me]:
            break
        for z in range(crossings.offset[strand], crossings.offset[strand + 1]):
            begin, end = start + crossings.begin[z], start + crossings.end[z]
            if not claims.begin[me] <= begin <= claims.end[me]:
                continue
            entry = claims.head[crossings.foe[z] - claims.first_strand]
            while entry >= 0:
                other = entry // MAX_WAYS
                foe = crowd[other].start[entry - other * MAX_WAYS]
                zone = begin, end, foe + crossings.foe_begin[z], foe + crossings.foe_end[z]
                if other != me:
                    found = _hinders(crowd, claims, (me, other), zone, _rules(crossings, z, 1))
                    worst = max(worst, found)
                entry = claims.after[entry]
        for z in claims.ego_zones:
            if me == ego or crossings.foe[z] != strand:
                continue
            begin, end = start + crossings.foe_begin[z], start + crossings.foe_end[z]
            if claims.begin[me] <= begin <= claims.end[me]:
                foe = crowd[ego].start[0]
                zone = begin, end, foe + crossings.begin[z], foe + crossings.end[z]
                found = _hinders(crowd, claims, (me, ego), zone, _rules(crossings, z, -1))
                worst = max(worst, found)
    return worst


@njit(forceinline=True)
def _hinders(
    crowd: Crowd,
    claims: Claims,
    pair: tuple[int, int],
    zone: tuple[float, float, float, float],
    rules: tuple[int, bool],
) -> int:
    """Whether the second of two vehicles keeps the first from entering a crossing.

    Returns `_NONE`, `_FOE` if it goes first, or `_OCCUPIED` if it stands there.

    `zone` is where the crossing begins and ends [m] on its way and on the other's, from their
    middles; `rules` are the priority of its lane less that of the other's, and whether they merge.
    """
    me, other = pair
    rank, merge = rules
    begin, end, other_begin, other_end = zone
    front, other_front = 0.5 * crowd[me].length, 0.5 * crowd[other].length
    if other_end + other_front <= 0.0 or other_begin - other_front > HORIZON:
        return _NONE
    arrives = EARLY * time_to(crowd[other], other_begin - other_front)
    leave = LATE * time_to(crowd[me], end + front)
    inside = other_begin <= other_front - NOSE
    if inside or other_begin < crowd[other].reserved:
        if crowd[other].speed < STANDING:
            return _OCCUPIED if inside else _FOE
        leaves = LATE * time_to(crowd[other], other_end + other_front)
        before = not inside and leave + MARGIN < arrives
        after = leaves + MARGIN < EARLY * time_to(crowd[me], begin - front)
        return _NONE if before or after else _FOE
    stuck = claims.stuck[other]
    if (
        stuck == _STUCK
        or (stuck == _FULL and not merge)
        or _goes_first(crowd, pair, begin - other_begin, rank)
    ):
        return _NONE
    return _FOE if leave + RESPECT > arrives else _NONE


@njit(forceinline=True)
def _rules(crossings: Overlaps, number: int, side: int) -> tuple[int, bool]:
    """Rank and merge of a crossing, seen from the way (1) or from the strand (-1)."""
    return side * crossings.rank[number], crossings.merge[number]


@njit(forceinline=True)
def _goes_first(crowd: Crowd, pair: tuple[int, int], farther: float, rank: int) -> bool:
    """Whether the first of two vehicles may go first, which is so much farther [m] away."""
    waited, other_waited = crowd[pair[0]].waited, crowd[pair[1]].waited
    patience = PATIENCE if rank == 0 else LONG_PATIENCE
    if max(waited, other_waited) > patience and waited != other_waited:
        return bool(waited > other_waited)
    if rank != 0:
        return rank > 0
    return farther < 0.0 or (farther == 0.0 and pair[0] < pair[1])
