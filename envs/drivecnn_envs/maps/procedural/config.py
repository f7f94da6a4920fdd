"""What procedural towns are like: sizes, shapes and how often each kind of street occurs."""

from dataclasses import dataclass, fields

import numpy as np

from drivecnn_envs.errors import InputError

MAX_BLOCKS = 12  # a side, a town of 144 blocks takes seconds
SMALLEST_BLOCK, LARGEST_BLOCK = 50.0, 400.0  # m
WIDE_TURN = 1000.0  # m, a radius that no turn in a town reaches


@dataclass(frozen=True)
class TownConfig:
    """A kind of town. The defaults are the easy one: plain streets and junctions only.

    Attributes:
        blocks: least and most blocks in each direction.
        block_size: m, least and most.
        jitter: m, how far a junction may lie from its grid point, each way.
        bend: rad, how far a curved street's end may turn away from the straight connection.
        removed: share of the grid's streets left out, as far as the town stays whole.
        free_angle: rad, a street bends only where its neighbours at a junction stay this far.
        least_angle: rad, arms of a junction are turned apart to this; 0 leaves them as they are.
        corner_radius: m, centre line of a right turn, least and most. A vehicle here drives at
            least 5 m and cuts tighter ones.
        varied_corners: whether each junction has a radius of its own; else a town has one.
        lane_width: m, least and most.
        fitted_junctions: whether streets run straight into their junctions, and each arm is cut
            back only as far as its own corners need. Else all arms alike, curved or not.
        diagonals: share of the blocks that a street crosses from corner to corner.
        dead_ends: share of the grid's gaps, at its rim too, that a dead end reaches into.
        avenues: share of the grid's lines that have several lanes a direction.
        avenue_lanes: lanes a direction of an avenue, least and most.
        medians: share of the avenues with land between their directions.
        one_way: share of the streets to drive in one direction only.
        wide_one_way: share of the one-way streets with several lanes.
        one_way_lanes: lanes of such a street, least and most.
        shoulders: share of the streets with a paved shoulder at either side.
        shoulder_width: m, least and most.
        setback: m that streets end before where their junction has to begin, least and most.
        compact: share of the junctions without setbacks, whose turns are as wide as there is room:
            they begin where a street ends. `turn_radius` is for the others.
        turn_radius: m, of turns across a junction, at most. Below `WIDE_TURN`, right turns keep to
            the radius of the corners even where the junction has room for wider ones.
        roundabouts: share of the junctions, those of avenues left out, that become roundabouts.
        roundabout_radius: m, centre line of the circle, least and most.
        left_hand: whether traffic keeps to the left.
    """

    blocks: tuple[int, int] = (3, 4)
    block_size: tuple[float, float] = (64.0, 115.0)
    jitter: float = 9.0
    bend: float = 0.7
    removed: float = 0.13
    free_angle: float = 1.0
    least_angle: float = 0.0
    corner_radius: tuple[float, float] = (6.5, 10.0)
    varied_corners: bool = False
    lane_width: tuple[float, float] = (3.0, 4.0)
    fitted_junctions: bool = False
    diagonals: float = 0.0
    dead_ends: float = 0.0
    avenues: float = 0.0
    avenue_lanes: tuple[int, int] = (2, 2)
    medians: float = 0.0
    one_way: float = 0.0
    wide_one_way: float = 0.0
    one_way_lanes: tuple[int, int] = (2, 2)
    shoulders: float = 0.0
    shoulder_width: tuple[float, float] = (0.5, 4.0)
    setback: tuple[float, float] = (0.0, 0.0)
    compact: float = 0.0
    turn_radius: float = WIDE_TURN
    roundabouts: float = 0.0
    roundabout_radius: tuple[float, float] = (10.0, 15.0)
    left_hand: bool = False

    def __post_init__(self) -> None:
        """Refuse what no town can be made of."""
        for field in fields(self):
            if not _is_like(getattr(self, field.name), field.default):
                given = type(getattr(self, field.name)).__name__
                raise InputError(
                    f"town {field.name} is a {given}, expected something like {field.default}"
                )
        for name, low, high, unit in _RANGES:
            value = np.atleast_1d(getattr(self, name))
            if not (low <= value.min() and value.max() <= high and (np.diff(value) >= 0).all()):
                rising = ", the least first" if len(value) > 1 else ""
                raise InputError(
                    f"town {name} is {getattr(self, name)}, expected {low:g} to {high:g} "
                    f"{unit}{rising}"
                )
        needing = [name for name in _NEED_FITTED if getattr(self, name) > 0]
        if needing and not self.fitted_junctions:
            raise InputError(
                f"town with {', '.join(needing)} above 0 and fitted_junctions false: expected "
                "fitted_junctions true, or none of these"
            )


def _is_like(given: object, default: object) -> bool:
    """Whether a value is of its default's kind; whole numbers may stand for others."""
    if isinstance(default, tuple):
        return (
            isinstance(given, tuple)
            and len(given) == len(default)
            and all(map(_is_like, given, default))
        )
    if isinstance(default, bool) or isinstance(given, bool):
        return isinstance(given, bool) and isinstance(default, bool)
    return isinstance(given, int) or (isinstance(given, float) and isinstance(default, float))


_NEED_FITTED = ("diagonals", "dead_ends", "avenues", "one_way", "roundabouts")
_RANGES = (  # name, least, most, unit
    ("blocks", 2, MAX_BLOCKS, "blocks"),
    ("block_size", SMALLEST_BLOCK, LARGEST_BLOCK, "m"),
    ("jitter", 0.0, 20.0, "m"),
    ("bend", 0.0, 1.2, "rad"),
    ("free_angle", 0.5, 1.5, "rad"),
    ("least_angle", 0.0, 1.0, "rad"),
    ("corner_radius", 3.0, 15.0, "m"),
    ("avenue_lanes", 2, 5, "lanes"),
    ("one_way_lanes", 2, 5, "lanes"),
    ("shoulder_width", 0.0, 6.0, "m"),
    ("setback", 0.0, 15.0, "m"),
    ("turn_radius", 3.0, WIDE_TURN, "m"),
    ("lane_width", 2.5, 5.0, "m"),
    ("roundabout_radius", 9.0, 18.0, "m"),
    *(
        (name, 0.0, 1.0, "of all")
        for name in (
            "removed",
            "diagonals",
            "dead_ends",
            "avenues",
            "medians",
            "one_way",
            "wide_one_way",
            "shoulders",
            "compact",
            "roundabouts",
        )
    ),
)

DIFFICULTIES: dict[str, TownConfig] = {
    "easy": TownConfig(),
    "medium": TownConfig(
        blocks=(3, 5),
        block_size=(80.0, 130.0),
        jitter=11.0,
        bend=0.8,
        removed=0.16,
        least_angle=1.0,
        fitted_junctions=True,
        diagonals=0.08,
        dead_ends=0.12,
        avenues=0.12,
        one_way=0.08,
        wide_one_way=0.3,
        roundabouts=0.12,
    ),
    "hard": TownConfig(
        blocks=(3, 5),
        block_size=(95.0, 150.0),
        jitter=14.0,
        bend=1.0,
        removed=0.2,
        free_angle=0.9,
        least_angle=0.85,
        corner_radius=(6.2, 9.0),
        lane_width=(2.8, 4.0),
        fitted_junctions=True,
        diagonals=0.25,
        dead_ends=0.3,
        avenues=0.25,
        one_way=0.18,
        wide_one_way=0.4,
        roundabouts=0.2,
        roundabout_radius=(9.5, 16.0),
    ),
    "city": TownConfig(
        blocks=(2, 4),
        block_size=(110.0, 190.0),
        jitter=12.0,
        bend=0.8,
        removed=0.15,
        free_angle=0.9,
        least_angle=1.0,
        corner_radius=(3.2, 12.0),
        varied_corners=True,
        lane_width=(3.0, 4.0),
        fitted_junctions=True,
        diagonals=0.08,
        dead_ends=0.1,
        avenues=0.5,
        avenue_lanes=(2, 5),
        medians=0.5,
        one_way=0.2,
        wide_one_way=0.6,
        one_way_lanes=(2, 5),
        shoulders=0.6,
        setback=(0.0, 8.0),
        compact=0.6,
        turn_radius=20.0,
        roundabouts=0.1,
    ),
}
