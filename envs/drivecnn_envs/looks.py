"""Looks: colours, light, weather and camera of an episode, drawn from its appearance seed.

A look is two rows of numbers that kernels carry: a palette of packed colours, one for each
`Material` and `Coat`, and floats indexed by `Light`. Colours are intensities (0-255) in white
daylight.
"""

from enum import IntEnum, StrEnum
from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from drivecnn_envs.materials import Material
from drivecnn_envs.noise import LOOKS, mix, normal, uniform
from drivecnn_envs.pixels import PLACES

Floats = NDArray[np.float32]


class Family(StrEnum):
    """Looks to train with, and looks that training never shows: of each range another part."""

    TRAIN = "train"
    NEW = "new"


class Weather(IntEnum):
    """Kinds of weather and daylight, by row of the tables below."""

    CLEAR = 0
    CLOUDY = 1
    OVERCAST = 2
    FOG = 3
    RAIN = 4
    DUSK = 5
    NIGHT = 6


class Light(IntEnum):
    """What the floats of a look mean, by index; colours take three places."""

    AMBIENT = 0  # colour of the light from all sides, about 1 in daylight
    SUN = 3  # colour of the light from the sun
    FOG = 6  # its colour
    SKY_LOW = 9  # colour of the sky above the horizon
    SKY_HIGH = 12  # and overhead
    CLOUD = 15  # colour of clouds
    GLOW = 18  # colour added around the sun
    LAMP = 21  # colour of lit windows
    FOG_DENSITY = 24  # 1/m
    COVER = 25  # share of the sky that clouds cover
    HEADLIGHTS = 26  # light of the ego's headlights
    LIT = 27  # share of the windows that are lit
    WET = 28  # how much of the sky wet roads mirror
    RAIN = 29  # streaks in the air
    NOISE = 30  # of the sensor, intensity levels
    BLUR = 31  # share of each pixel that falls on its neighbours
    HILLS = 32  # height of the hills on the horizon, as a slope
    HILL_PHASE = 33  # rad


LIGHTS = 34


class Coat(IntEnum):
    """What is on a material, by place in a palette, after the materials' own colours."""

    PAINT = PLACES  # of markings
    CENTRE_PAINT = PLACES + 1  # of markings between directions
    GLASS = PLACES + 2  # of windows


PALETTE = PLACES + len(Coat)
MIDDLE_SHADE = 200.0  # a texel of this shade has its material's colour

_SHARES = {Family.TRAIN: (0.0, 0.6), Family.NEW: (0.7, 1.0)}
# Two colours for each material: a look draws one between them; then how coarse it looks.
_COLOURS = {
    Material.LAND: ([70, 98, 46], [138, 132, 76], 5),
    Material.FIELD: ([108, 94, 66], [156, 140, 104], 5),
    Material.GRAVEL: ([136, 130, 120], [172, 166, 154], 6),
    Material.PAVEMENT: ([132, 130, 127], [190, 183, 172], 2),
    Material.KERB: ([120, 120, 118], [206, 204, 196], 1),
    Material.ROAD: ([66, 66, 70], [128, 125, 121], 2),
    Material.PATCH: ([52, 52, 55], [92, 90, 88], 3),
    Material.PUDDLE: ([50, 52, 56], [84, 84, 84], 1),
    Material.CROWN: ([40, 68, 30], [116, 100, 44], 9),
    Material.TRUNK: ([66, 54, 43], [112, 98, 82], 5),
    Material.HEDGE: ([36, 60, 30], [84, 92, 46], 8),
    Material.POLE: ([84, 88, 90], [152, 156, 158], 0),
    Material.FENCE: ([104, 84, 60], [182, 178, 170], 4),
    Material.WALL_A: ([158, 86, 64], [200, 134, 104], 3),
    Material.WALL_B: ([192, 182, 160], [230, 222, 206], 1),
    Material.WALL_C: ([124, 128, 136], [180, 184, 190], 2),
    Material.WALL_D: ([170, 146, 94], [216, 198, 154], 2),
    Material.ROOF_A: ([124, 60, 43], [172, 96, 70], 4),
    Material.ROOF_B: ([62, 64, 70], [116, 108, 103], 4),
}
_PAINT = ([206, 206, 202], [246, 246, 240])
_YELLOW = ([226, 172, 50], [240, 196, 74])
_GLASS = ([40, 48, 60], [92, 108, 124])
_RANGES = np.zeros((PLACES, 2, 3))
_COARSE = np.zeros(PLACES, np.uint32)
for _material, (_low, _high, _coarse) in _COLOURS.items():
    _RANGES[_material] = _low, _high
    _COARSE[_material] = _coarse
_RANGES[Material.ROAD_CENTRE] = _RANGES[Material.ROAD]
_COARSE[Material.ROAD_CENTRE] = _COARSE[Material.ROAD]
_PAINTS, _YELLOWS, _GLASSES = (np.array(pair, np.float64) for pair in (_PAINT, _YELLOW, _GLASS))
_KINDS = np.array([0.30, 0.17, 0.15, 0.07, 0.12, 0.11, 0.08]).cumsum()  # of the weathers
# of each weather: ambient, sun, sky low, sky high; then cloud, glow
_SKIES = np.array(
    [
        [[0.50, 0.55, 0.64], [0.60, 0.56, 0.47], [198, 214, 230], [84, 136, 206]],
        [[0.60, 0.62, 0.66], [0.42, 0.40, 0.35], [204, 213, 222], [116, 152, 198]],
        [[0.82, 0.84, 0.87], [0.03, 0.03, 0.03], [208, 211, 215], [170, 176, 184]],
        [[0.80, 0.81, 0.83], [0.02, 0.02, 0.02], [196, 199, 202], [184, 188, 192]],
        [[0.54, 0.57, 0.62], [0.00, 0.00, 0.00], [150, 156, 163], [108, 115, 125]],
        [[0.27, 0.27, 0.37], [0.50, 0.29, 0.14], [236, 164, 108], [66, 82, 138]],
        [[0.075, 0.085, 0.13], [0.0, 0.0, 0.0], [38, 42, 62], [9, 11, 22]],
    ],
    np.float64,
)
_CLOUDS = np.array(
    [
        [[240, 242, 246], [40, 34, 20]],
        [[226, 229, 234], [24, 20, 10]],
        [[150, 155, 163], [0, 0, 0]],
        [[190, 193, 197], [0, 0, 0]],
        [[88, 94, 103], [0, 0, 0]],
        [[196, 124, 108], [96, 52, 14]],
        [[30, 32, 44], [0, 0, 0]],
    ],
    np.float64,
)
_COLOURS_OF_LIGHT = np.concatenate([_SKIES, _CLOUDS], axis=1)  # (weathers, 6, 3)
# fog density from and to [1/m], cover from and to, headlights, lit windows, wet
_AIR = np.array(
    [
        [0.0004, 0.003, 0.05, 0.3, 0.0, 0.02, 0.0],
        [0.0006, 0.005, 0.4, 0.7, 0.0, 0.05, 0.0],
        [0.0010, 0.008, 0.8, 1.0, 0.0, 0.10, 0.1],
        [0.0120, 0.034, 0.9, 1.0, 0.2, 0.20, 0.2],
        [0.0040, 0.012, 0.9, 1.0, 0.3, 0.25, 0.6],
        [0.0006, 0.005, 0.2, 0.7, 0.6, 0.35, 0.0],
        [0.0008, 0.004, 0.2, 0.8, 1.3, 0.35, 0.1],
    ]
)
_LAMP = np.array([244.0, 206.0, 134.0])
_ROAD, _CENTRE = int(Material.ROAD), int(Material.ROAD_CENTRE)
_PAINT_PLACE, _CENTRE_PLACE, _GLASS_PLACE = (int(coat) for coat in Coat)
_PLACES = np.array(
    [Light.AMBIENT, Light.SUN, Light.SKY_LOW, Light.SKY_HIGH, Light.CLOUD, Light.GLOW]
)  # of the colours in `_COLOURS_OF_LIGHT`
_FOG, _SKY_LOW, _LAMP_COLOUR = int(Light.FOG), int(Light.SKY_LOW), int(Light.LAMP)
_DENSITY, _COVER = int(Light.FOG_DENSITY), int(Light.COVER)
_HEADLIGHTS, _LIT, _WET = int(Light.HEADLIGHTS), int(Light.LIT), int(Light.WET)
_RAIN_STREAKS, _NOISE, _BLUR = int(Light.RAIN), int(Light.NOISE), int(Light.BLUR)
_HILLS, _HILL_PHASE = int(Light.HILLS), int(Light.HILL_PHASE)
_RAIN = int(Weather.RAIN)


class Looks(NamedTuple):
    """The looks of B states, for kernels."""

    palette: NDArray[np.uint32]  # (B, PALETTE) red + 256 green + 65536 blue, and coarseness above
    light: Floats  # (B, LIGHTS)


def draw_looks(seeds: NDArray[np.uint64], family: Family) -> Looks:
    """The looks of appearance seeds (B,)."""
    looks = Looks(
        np.zeros((len(seeds), PALETTE), np.uint32), np.zeros((len(seeds), LIGHTS), np.float32)
    )
    low, high = _SHARES[family]
    _draw(seeds, low, high, looks)
    return looks


@njit(parallel=True, nogil=True, cache=True)
def _draw(seeds: NDArray[np.uint64], low: float, high: float, looks: Looks) -> None:
    for i in prange(len(seeds)):
        stream = mix(seeds[i], LOOKS)
        _draw_palette(stream, low, high, looks.palette[i])
        _draw_light(stream, low, high, looks.light[i])


@njit(cache=True)
def _draw_palette(stream: np.uint64, low: float, high: float, palette: NDArray[np.uint32]) -> None:
    """Colours of all materials and of what is on them."""
    for material in range(PLACES):
        drawn = _ROAD if material == _CENTRE else material
        own = _colour(_RANGES[material], stream, drawn, low, high)
        palette[material] = own | _COARSE[material] << np.uint32(24)
    centre = _YELLOWS if uniform(stream, 200) < 0.5 else _PAINTS
    palette[_PAINT_PLACE] = _colour(_PAINTS, stream, 100, low, high)
    palette[_CENTRE_PLACE] = _colour(centre, stream, 101, low, high)
    palette[_GLASS_PLACE] = _colour(_GLASSES, stream, 102, low, high)


@njit(forceinline=True)
def _colour(
    ends: NDArray[np.float64], stream: np.uint64, draw: int, low: float, high: float
) -> np.uint32:
    """A packed colour between two, with a tint of its own."""
    blend = low + (high - low) * uniform(stream, 4 * draw)
    packed = np.uint32(0)
    for channel in range(3):
        tint = 1.0 + 0.05 * (2.0 * uniform(stream, 4 * draw + 1 + channel) - 1.0)
        value = (ends[0, channel] + blend * (ends[1, channel] - ends[0, channel])) * tint
        packed |= np.uint32(min(max(value, 0.0), 255.0)) << np.uint32(8 * channel)
    return packed


@njit(cache=True)
def weather_of(seed: np.uint64) -> int:
    """The kind of weather, see `Weather`, that an appearance seed draws."""
    return _weather(mix(seed, LOOKS))


@njit(forceinline=True)
def _weather(stream: np.uint64) -> int:
    kind, draw = 0, uniform(stream, 900)
    while kind < len(_KINDS) - 1 and draw > _KINDS[kind]:
        kind += 1
    return kind


@njit(cache=True)
def _draw_light(stream: np.uint64, low: float, high: float, light: Floats) -> None:
    """Weather, daylight and the camera's exposure."""
    kind = _weather(stream)
    exposure = np.exp(0.1 * min(max(normal(stream, 901), -2.0), 1.5))
    warmth = 0.03 * normal(stream, 902)
    for colour in range(len(_PLACES)):
        for channel in range(3):
            level = _COLOURS_OF_LIGHT[kind, colour, channel] * (1.0 + warmth * (1 - channel))
            light[_PLACES[colour] + channel] = level * exposure
    for channel in range(3):
        light[_FOG + channel] = light[_SKY_LOW + channel]
        light[_LAMP_COLOUR + channel] = _LAMP[channel] * exposure
    part = low + (high - low) * uniform(stream, 903)
    light[_DENSITY] = _AIR[kind, 0] + part * (_AIR[kind, 1] - _AIR[kind, 0])
    light[_COVER] = _AIR[kind, 2] + part * (_AIR[kind, 3] - _AIR[kind, 2])
    light[_HEADLIGHTS], light[_LIT], light[_WET] = _AIR[kind, 4], _AIR[kind, 5], _AIR[kind, 6]
    light[_RAIN_STREAKS] = 1.0 if kind == _RAIN else 0.0
    light[_NOISE] = 1.5 + 4.0 * (low + (high - low) * uniform(stream, 904))
    light[_BLUR] = 0.3 * uniform(stream, 905) ** 2
    light[_HILLS] = max(0.09 * uniform(stream, 906) - 0.02, 0.0)
    light[_HILL_PHASE] = 2.0 * np.pi * uniform(stream, 907)
