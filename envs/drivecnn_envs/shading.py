"""The colour of each pixel: light, paint, windows, grain, wetness, fog; and the sky.

A row of an image is shaded in blocks of pixels, in stages: arithmetic that fills vector registers,
and between its stages the look-ups, which cannot. The stages hand over rows of a scratch array.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from drivecnn_envs.looks import MIDDLE_SHADE, Coat, Light
from drivecnn_envs.materials import SHADED, STOREY, Material
from drivecnn_envs.pixels import BLOCK, OPEN, PLACES, Camera, Finish, Floats, Pixels, Words
from drivecnn_envs.textures import CLOUDS, GRAIN, GRAIN_SCALE, TEXTURE_SIZE

WINDOW_SILL, WINDOW_TOP = 0.9, 2.25  # m above each storey's floor
WINDOW_HALF = 62.0  # of the 255 parts of a window's period
DARKEST_GRAIN = 0.3  # share of the light that grain leaves at least
GRAIN_REACH = 14.0  # m, beyond which grain fades
BEAM_REACH = 15.0  # m at which headlights have half their light
BEAM_TOP = 2.2  # m, nothing above is lit by them
MIRROR_REACH = 9.0  # m at which a wet road mirrors half of what it can
PUDDLE_MIRROR = 0.75
CLOUD_SCALE, CLOUD_BASE = 9.0, 0.06  # of the clouds' texture; keeps it finite at the horizon
SKY_STEEPNESS = 2.6  # how fast the sky's colour changes with height
# rows of the scratch array
_GRAIN, _OWN = np.uint64(0), np.uint64(BLOCK)
TOGETHER = 8  # rows
_PIXELS, _ROW = np.uint64(BLOCK), np.uint64(2 * BLOCK)
SCRATCH = TOGETHER * 2 * BLOCK

_F, _U, _I = np.float32, np.uint32, np.int32
_ONE, _NO, _WHITE = np.float32(1.0), np.float32(0.0), np.float32(255.0)
_MATERIAL, _SHADED, _FINISHED = _U(PLACES - 1), _U(SHADED), _U(min(Finish))
_CROWN, _WALL, _ROOF = _U(Material.CROWN), _U(Material.WALL_A), _U(Material.ROOF_A)
_ROAD, _CENTRE, _PUDDLE = _U(Material.ROAD), _U(Material.ROAD_CENTRE), _U(Material.PUDDLE)
_PAINT, _CENTRE_PAINT, _GLASS = (int(coat) for coat in Coat)
_BYTE, _ZERO, _EIGHT, _SIXTEEN, _TWENTY_FOUR = _U(255), _U(0), _U(8), _U(16), _U(24)
_WRAP, _WIDTH = _U(TEXTURE_SIZE - 1), _U(TEXTURE_SIZE)
_HASH_X, _HASH_Y, _HASH_Z = _U(0x9E3779B1), _U(0x85EBCA6B), _U(0xC2B2AE35)
_HASH, _FIFTEEN, _TWELVE = _U(0x2C1B3C6D), _U(15), _U(12)
_AMBIENT, _SUN, _FOG, _LAMP = (int(i) for i in (Light.AMBIENT, Light.SUN, Light.FOG, Light.LAMP))
_LOW, _HIGH, _CLOUD, _GLOW = (
    int(i) for i in (Light.SKY_LOW, Light.SKY_HIGH, Light.CLOUD, Light.GLOW)
)
_DENSITY, _COVER, _BEAM = int(Light.FOG_DENSITY), int(Light.COVER), int(Light.HEADLIGHTS)
_LIT, _WET = int(Light.LIT), int(Light.WET)
_GLOSSY = _U(((1 << Material.ROOF_A) - (1 << Material.WALL_A)) | 1 << Material.PUDDLE)
Rgb = tuple[np.float32, np.float32, np.float32]
Forward = tuple[np.float32, np.float32]


class Air(NamedTuple):
    """The light and the weather of an image, and what is on materials: it stays in registers."""

    paint: np.uint32
    centre_paint: np.uint32
    glass: np.uint32
    ambient: Rgb
    sunlight: Rgb
    lamp: Rgb
    sky: Rgb
    fog: Rgb
    lit: np.float32
    wet: np.float32
    beam: np.float32
    density: np.float32


class Rays(NamedTuple):
    """The rays of a row of pixels; each goes ahead as its column does."""

    east: np.float32  # m, where they start
    north: np.float32
    height: np.float32
    slope: np.float32  # m that they fall per metre of depth


@njit(forceinline=True)
def air_of(palette: Words, light: Floats) -> Air:
    """The light and weather of a look."""
    return Air(
        palette[_PAINT], palette[_CENTRE_PAINT], palette[_GLASS],
        (light[_AMBIENT], light[_AMBIENT + 1], light[_AMBIENT + 2]),
        (light[_SUN], light[_SUN + 1], light[_SUN + 2]),
        (light[_LAMP], light[_LAMP + 1], light[_LAMP + 2]),
        (light[_LOW], light[_LOW + 1], light[_LOW + 2]),
        (light[_FOG], light[_FOG + 1], light[_FOG + 2]),
        light[_LIT] * _WHITE, light[_WET], light[_BEAM], light[_DENSITY],
    )  # fmt: skip


@njit(forceinline=True)
def rays_of(camera: Camera, row: int) -> Rays:
    """The rays of a row."""
    slope = (row + 0.5 - camera.horizon) / camera.focal
    return Rays(_F(camera.x), _F(camera.y), _F(camera.height), _F(slope))


@njit(forceinline=True)
def shade_block(
    pixels: Pixels, block: int, camera: Camera, palette: Words, light: Floats,
    sun: tuple[float, float], words: Words, sharp: Words,
) -> None:  # fmt: skip
    """Give a block of columns its colours. `words` is (SCRATCH,)."""
    own, first, air = np.uint64(block), np.uint64(block * BLOCK), air_of(palette, light)
    thoughtful, rows = air.wet > _NO or air.beam > _NO, pixels.word.shape[1]
    for top in range(0, rows, TOGETHER):
        count = np.uint64(min(TOGETHER, rows - top))
        kinds, seen = _U(0), _I(0)
        for number in range(count):
            line, at = np.uint64(top) + number, number * _ROW
            rays = rays_of(camera, int(line))
            for k in range(_PIXELS):
                word, depth = pixels.word[own, line, k], pixels.depth[own, line, k]
                kinds |= _U(1) << (word & _MATERIAL)
                seen += _I(1) if word != OPEN else _I(0)
                words[_GRAIN + at + k] = grain_at(word, depth, rays, _forward(pixels, first + k))
        if seen > 0:
            for number in range(count):
                line, at = np.uint64(top) + number, number * _ROW
                for k in range(_PIXELS):
                    material = pixels.word[own, line, k] & _MATERIAL
                    words[_OWN + at + k] = palette[np.uint64(material)]
                    words[_GRAIN + at + k] = GRAIN[np.uint64(words[_GRAIN + at + k])]
        for number in range(count):
            line, at = np.uint64(top) + number, number * _ROW
            rays = rays_of(camera, int(line))
            if seen > 0:
                if thoughtful or (kinds & _GLOSSY) != _U(0):
                    _shade(pixels, own, line, rays, air, True, at, words, sharp)
                else:
                    _shade(pixels, own, line, rays, air, False, at, words, sharp)
            if seen < _I(count) * BLOCK:
                _shade_sky(pixels, own, line, rays, light, sun, at, words, sharp)


@njit(forceinline=True)
def _forward(pixels: Pixels, column: np.uint64) -> Forward:
    """Where a column's ray goes: m east and north per metre of depth."""
    return pixels.forward_x[column], pixels.forward_y[column]


@njit(forceinline=True)
def grain_at(word: np.uint32, depth: np.float32, rays: Rays, forward: Forward) -> np.uint32:
    """Number of the texel of grain that a pixel shows."""
    x, y = rays.east + depth * forward[0], rays.north + depth * forward[1]
    z = rays.height - rays.slope * depth
    stands = (word & _MATERIAL) >= _CROWN
    u = (x + y if stands else x) * _F(GRAIN_SCALE)
    v = (z if stands else y) * _F(GRAIN_SCALE)
    return ((_U(_I(u)) & _WRAP) * _WIDTH) | (_U(_I(v)) & _WRAP)


@njit(forceinline=True)
def _byte(word: np.uint32, shift: np.uint32) -> np.float32:
    """A byte of a word as a number."""
    return _F(_I((word >> shift) & _BYTE))


@njit(forceinline=True)
def pack(red: np.float32, green: np.float32, blue: np.float32) -> np.uint32:
    """A colour in one number: red + 256 green + 65536 blue."""
    word = _U(_I(min(red, _WHITE))) | (_U(_I(min(green, _WHITE))) << _EIGHT)
    return word | (_U(_I(min(blue, _WHITE))) << _SIXTEEN)


@njit(forceinline=True)
def _shade(
    pixels: Pixels, block: np.uint64, line: np.uint64, rays: Rays, air: Air, glossy: bool,
    at: np.uint64, words: Words, sharp: Words,
) -> None:  # fmt: skip
    first = block * _PIXELS
    for k in range(_PIXELS):
        word, depth = pixels.word[block, line, k], pixels.depth[block, line, k]
        own, grain = words[_OWN + at + k], words[_GRAIN + at + k]
        colour = colour_of(word, depth, own, grain, rays, _forward(pixels, first + k), air, glossy)
        sharp[line, first + k] = colour


@njit(forceinline=True)
def colour_of(
    word: np.uint32, depth: np.float32, own: np.uint32, grain: np.uint32, rays: Rays,
    forward: Forward, air: Air, glossy: bool,
) -> np.uint32:  # fmt: skip
    """The colour of a pixel, lit and dimmed by the fog before it, packed.

    Args:
        word: what it shows.
        depth: m.
        own: colour of its material, and how coarse that is.
        grain: of its place, 0 to 255.
        rays: of its row.
        forward: m east and north per metre of depth, of its column.
        air: the light.
        glossy: whether to think of windows, headlights, and what mirrors the sky.
    """
    material, third = word & _MATERIAL, _byte(word, _SIXTEEN)
    fog = _ONE + depth * air.density
    share = _ONE / (fog * depth)  # one division for two quotients
    near, haze = min(_ONE, _F(GRAIN_REACH) * share * fog), _ONE - share * depth
    rough = (_F(_I(grain)) - _F(128)) * _byte(own, _TWENTY_FOUR) * _F(0.001)
    bright = _byte(word, _EIGHT) * _F(1.0 / MIDDLE_SHADE)
    bright *= max(_ONE + rough * near, _F(DARKEST_GRAIN))
    road = (material >= _ROAD) & (material <= _PUDDLE)
    amount = third * _F(1 / 255) if road else _NO
    other = air.centre_paint if material == _CENTRE else air.paint
    ahead, glows, mirror = _NO, _NO, _NO
    if glossy:
        z = rays.height - rays.slope * depth
        window = (material >= _WALL) & (material < _ROOF) & window_at(third, z)
        amount, other = (_ONE, air.glass) if window else (amount, other)
        glows = _ONE if window & (_cell(depth, z, rays, forward) < air.lit) else _NO
        low = max(_NO, min(_ONE, _F(BEAM_TOP) - z))
        ahead = air.beam * low / (_ONE + depth * depth * _F(1.0 / BEAM_REACH**2))
        mirror = (_F(PUDDLE_MIRROR) if material == _PUDDLE else air.wet) if road else _NO
        mirror = mirror * depth / (depth + _F(MIRROR_REACH))
    bright *= _ONE - amount
    sunny = _NO if (word & _SHADED) != _U(0) else _ONE
    red = bright * _byte(own, _ZERO) + amount * _byte(other, _ZERO)
    green = bright * _byte(own, _EIGHT) + amount * _byte(other, _EIGHT)
    blue = bright * _byte(own, _SIXTEEN) + amount * _byte(other, _SIXTEEN)
    red *= air.ambient[0] + sunny * air.sunlight[0] + ahead
    green *= air.ambient[1] + sunny * air.sunlight[1] + ahead
    blue *= air.ambient[2] + sunny * air.sunlight[2] + ahead
    if glossy:
        red += glows * (air.lamp[0] - red) + mirror * (air.sky[0] - red)
        green += glows * (air.lamp[1] - green) + mirror * (air.sky[1] - green)
        blue += glows * (air.lamp[2] - blue) + mirror * (air.sky[2] - blue)
    red += haze * (air.fog[0] - red)
    green += haze * (air.fog[1] - green)
    blue += haze * (air.fog[2] - blue)
    return word >> _EIGHT if material >= _FINISHED else pack(red, green, blue)


@njit(forceinline=True)
def window_at(third: np.float32, z: np.float32) -> np.bool_:
    """Whether there is glass in a wall, z [m] above the ground; `third` is its place beside it."""
    storeys = z * _F(1.0 / STOREY)
    up = storeys - _F(_I(storeys))
    beside = (third > _NO) & (abs(third - _F(128)) < _F(WINDOW_HALF))
    return beside & (up > _F(WINDOW_SILL / STOREY)) & (up < _F(WINDOW_TOP / STOREY))


@njit(forceinline=True)
def _cell(depth: np.float32, z: np.float32, rays: Rays, forward: Forward) -> np.float32:
    """A number from 0 to 255 that points have in common in a cell of 4 x 4 x 3 m."""
    x, y = rays.east + depth * forward[0], rays.north + depth * forward[1]
    cell = _U(_I(x * _F(0.25))) * _HASH_X + _U(_I(y * _F(0.25))) * _HASH_Y
    cell += _U(_I(z * _F(1.0 / STOREY) + _ONE)) * _HASH_Z
    cell = (cell ^ (cell >> _FIFTEEN)) * _HASH
    return _byte(cell, _TWELVE)


@njit(forceinline=True)
def _shade_sky(
    pixels: Pixels, block: np.uint64, line: np.uint64, rays: Rays, light: Floats,
    sun: tuple[float, float], at: np.uint64, words: Words, sharp: Words,
) -> None:  # fmt: skip
    """The sky where nothing stands before it."""
    first = block * _PIXELS
    for k in range(_PIXELS):
        words[_GRAIN + at + k] = cloud_at(rays, _forward(pixels, first + k))
    for k in range(_PIXELS):
        words[_GRAIN + at + k] = CLOUDS[np.uint64(words[_GRAIN + at + k])]
    for k in range(_PIXELS):
        forward = _forward(pixels, first + k)
        colour = sky_colour(words[_GRAIN + at + k], rays, forward, light, sun)
        free = pixels.word[block, line, k] == OPEN
        sharp[line, first + k] = colour if free else sharp[line, first + k]


@njit(forceinline=True)
def cloud_at(rays: Rays, forward: Forward) -> np.uint32:
    """Number of the texel of cloud that a pixel of the sky shows."""
    spread = _F(CLOUD_SCALE) / (max(-rays.slope, _NO) + _F(CLOUD_BASE))
    u, v = forward[0] * spread + _F(4096), forward[1] * spread + _F(4096)
    return ((_U(_I(u)) & _WRAP) * _WIDTH) | (_U(_I(v)) & _WRAP)


@njit(forceinline=True)
def sky_colour(
    clouded: np.uint32, rays: Rays, forward: Forward, light: Floats, sun: tuple[float, float]
) -> np.uint32:
    """The sky in a pixel, packed: its two colours, the sun's glow, and clouds (0 to 255)."""
    rise = max(-rays.slope, _NO)
    up = min(_F(SKY_STEEPNESS) * rise, _ONE)
    bare = _ONE - light[_COVER]
    thick = min(max((_F(_I(clouded)) * _F(1 / 255) - bare) * _F(3), _NO), _ONE)
    thick = thick * min(_ONE, _F(14) * rise)
    near = max(_NO, forward[0] * _F(sun[0]) + forward[1] * _F(sun[1]))
    near = near * near * near * max(_NO, _ONE - _F(2) * rise)
    red = light[_LOW] + up * (light[_HIGH] - light[_LOW]) + near * light[_GLOW]
    green = light[_LOW + 1] + up * (light[_HIGH + 1] - light[_LOW + 1]) + near * light[_GLOW + 1]
    blue = light[_LOW + 2] + up * (light[_HIGH + 2] - light[_LOW + 2]) + near * light[_GLOW + 2]
    red += thick * (light[_CLOUD] - red)
    green += thick * (light[_CLOUD + 1] - green)
    blue += thick * (light[_CLOUD + 2] - blue)
    return pack(red, green, blue)
