"""The colour of each pixel: light, paint, windows, grain, wetness, fog; and the sky.

A row of an image is shaded in blocks of pixels, in stages: arithmetic that fills vector registers,
and between its stages the look-ups, which cannot. The stages hand over rows of two scratch arrays.
"""

import numpy as np
from numba import njit

from drivecnn_envs.looks import MIDDLE_SHADE, STOREY, Light
from drivecnn_envs.materials import SHADED, Material
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
SKY_DEPTH = 1000.0  # m, as CARLA has it
CLOUD_SCALE, CLOUD_BASE = 9.0, 0.06  # of the clouds' texture; keeps it finite at the horizon
SKY_STEEPNESS = 2.6  # how fast the sky's colour changes with height
# rows of the scratch arrays
_WORD, _OWN, _OTHER, _GRAIN, _CELL = (np.uint64(row * BLOCK) for row in range(5))
_DEPTH, _Z, _EAST, _NORTH, _SLOPE, _RED, _GREEN, _BLUE = (
    np.uint64(row * BLOCK) for row in range(8)
)
SCRATCH, RED = 8 * BLOCK, np.uint64(5 * BLOCK)
_PIXELS = np.uint64(BLOCK)


_F, _U, _I = np.float32, np.uint32, np.int32
_ONE, _NO = np.float32(1.0), np.float32(0.0)
_MATERIAL, _SHADED, _FINISHED = _U(PLACES - 1), _U(SHADED), _U(min(Finish))
_CROWN, _WALL, _ROOF = _U(Material.CROWN), _U(Material.WALL_A), _U(Material.ROOF_A)
_ROAD, _PUDDLE = _U(Material.ROAD), _U(Material.PUDDLE)
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


@njit(inline="always")
def shade_block(
    pixels: Pixels, row: int, first: np.uint64, camera: Camera, palette: Words, light: Floats,
    sun: tuple[float, float], words: Words, numbers: Floats,
) -> None:  # fmt: skip
    """Colours of `BLOCK` pixels of a row from a column on, into `numbers`, from `RED` on."""
    seen = _load(pixels, row, first, camera, words, numbers)
    if seen > 0:
        _locate(camera, words, numbers)
        _look_up(palette, words)
        _shade(light, words, numbers)
    if seen < BLOCK:
        _shade_sky(light, sun, words, numbers)


@njit(inline="always")
def _load(
    pixels: Pixels, row: int, first: np.uint64, camera: Camera, words: Words, numbers: Floats
) -> int:
    """Take a block of pixels. Returns how many of them are not sky."""
    seen, line = np.int32(0), np.uint64(row)
    for k in range(_PIXELS):
        word = pixels.word[line, first + k]
        words[_WORD + k] = word
        seen += np.int32(1) if word != OPEN else np.int32(0)
    for k in range(_PIXELS):
        numbers[_DEPTH + k] = pixels.depth[line, first + k]
    for k in range(_PIXELS):
        numbers[_EAST + k] = pixels.forward_x[first + k]
    for k in range(_PIXELS):
        numbers[_NORTH + k] = pixels.forward_y[first + k]
    down, per_row = _F(row + 0.5 - camera.horizon), _F(1.0 / camera.focal)
    for k in range(_PIXELS):
        numbers[_SLOPE + k] = (down - _F(pixels.shift[first + k])) * per_row
    return int(seen)


@njit(inline="always")
def _locate(camera: Camera, words: Words, numbers: Floats) -> None:
    """Where in the world the pixels are: heights, places in the grain, and cells of 4 x 4 x 3 m."""
    east, north, height = _F(camera.x), _F(camera.y), _F(camera.height)
    for k in range(_PIXELS):
        depth = numbers[_DEPTH + k]
        z = height - numbers[_SLOPE + k] * depth
        x, y = east + depth * numbers[_EAST + k], north + depth * numbers[_NORTH + k]
        stands = (words[_WORD + k] & _MATERIAL) >= _CROWN
        u = (x + y if stands else x) * _F(GRAIN_SCALE)
        v = (z if stands else y) * _F(GRAIN_SCALE)
        words[_GRAIN + k] = ((_U(_I(u)) & _WRAP) * _WIDTH) | (_U(_I(v)) & _WRAP)
        cell = _U(_I(x * _F(0.25))) * _HASH_X + _U(_I(y * _F(0.25))) * _HASH_Y
        cell += _U(_I(z * _F(1.0 / STOREY) + _ONE)) * _HASH_Z
        cell = (cell ^ (cell >> _FIFTEEN)) * _HASH
        words[_CELL + k] = (cell >> _TWELVE) & _BYTE
        numbers[_Z + k] = z


@njit(inline="always")
def _look_up(palette: Words, words: Words) -> None:
    """The colours of the pixels' materials, and their grain."""
    for k in range(_PIXELS):
        material = words[_WORD + k] & _MATERIAL
        words[_OWN + k] = palette[np.uint64(material)]
        words[_OTHER + k] = palette[np.uint64(material + _U(PLACES))]
        words[_GRAIN + k] = GRAIN[np.uint64(words[_GRAIN + k])]


@njit(inline="always")
def _byte(word: np.uint32, shift: np.uint32) -> np.float32:
    """A byte of a word as a number."""
    return _F(_I((word >> shift) & _BYTE))


@njit(inline="always")
def _shade(light: Floats, words: Words, numbers: Floats) -> None:
    """Light the pixels, and dim them by the fog before them."""
    ambient = light[_AMBIENT], light[_AMBIENT + 1], light[_AMBIENT + 2]
    sunlight = light[_SUN], light[_SUN + 1], light[_SUN + 2]
    lamp = light[_LAMP], light[_LAMP + 1], light[_LAMP + 2]
    sky = light[_LOW], light[_LOW + 1], light[_LOW + 2]
    air = light[_FOG], light[_FOG + 1], light[_FOG + 2]
    lit, wet, beam, density = light[_LIT] * _F(255), light[_WET], light[_BEAM], light[_DENSITY]
    for k in range(_PIXELS):
        word, own, other = words[_WORD + k], words[_OWN + k], words[_OTHER + k]
        depth, z = numbers[_DEPTH + k], numbers[_Z + k]
        material = word & _MATERIAL
        third = _byte(word, _SIXTEEN)
        near = min(_ONE, _F(GRAIN_REACH) / depth)
        grain = (_F(_I(words[_GRAIN + k])) - _F(128)) * _byte(own, _TWENTY_FOUR) * _F(0.001)
        bright = (
            _byte(word, _EIGHT)
            * _F(1.0 / MIDDLE_SHADE)
            * max(_ONE + grain * near, _F(DARKEST_GRAIN))
        )
        road = (material >= _ROAD) & (material <= _PUDDLE)
        wall = (material >= _WALL) & (material < _ROOF)
        storeys = z * _F(1.0 / STOREY)
        up = storeys - _F(_I(storeys))
        window = wall & (third > _NO) & (abs(third - _F(128)) < _F(WINDOW_HALF))
        window = window & (up > _F(WINDOW_SILL / STOREY)) & (up < _F(WINDOW_TOP / STOREY))
        amount = (_ONE if window else _NO) + (third * _F(1 / 255) if road else _NO)
        bright = bright * (_ONE - amount)
        sunny = _NO if (word & _SHADED) != _U(0) else _ONE
        low = max(_NO, min(_ONE, _F(BEAM_TOP) - z))
        ahead = beam * low / (_ONE + depth * depth * _F(1.0 / BEAM_REACH**2))
        red = bright * _byte(own, _ZERO) + amount * _byte(other, _ZERO)
        green = bright * _byte(own, _EIGHT) + amount * _byte(other, _EIGHT)
        blue = bright * _byte(own, _SIXTEEN) + amount * _byte(other, _SIXTEEN)
        red *= ambient[0] + sunny * sunlight[0] + ahead
        green *= ambient[1] + sunny * sunlight[1] + ahead
        blue *= ambient[2] + sunny * sunlight[2] + ahead
        glows = _ONE if window & (_F(_I(words[_CELL + k])) < lit) else _NO
        mirror = (_F(PUDDLE_MIRROR) if material == _PUDDLE else wet) if road else _NO
        mirror = mirror * depth / (depth + _F(MIRROR_REACH))
        red += glows * (lamp[0] - red) + mirror * (sky[0] - red)
        green += glows * (lamp[1] - green) + mirror * (sky[1] - green)
        blue += glows * (lamp[2] - blue) + mirror * (sky[2] - blue)
        haze = depth * density
        haze = haze / (_ONE + haze)
        finished = material >= _FINISHED
        numbers[_RED + k] = _byte(word, _EIGHT) if finished else red + haze * (air[0] - red)
        numbers[_GREEN + k] = third if finished else green + haze * (air[1] - green)
        numbers[_BLUE + k] = (
            _byte(word, _TWENTY_FOUR) if finished else blue + haze * (air[2] - blue)
        )


@njit(inline="always")
def _shade_sky(light: Floats, sun: tuple[float, float], words: Words, numbers: Floats) -> None:
    """The sky where nothing stands before it: its two colours, the sun's glow, and clouds."""
    for k in range(_PIXELS):
        rise = max(-numbers[_SLOPE + k], _NO)
        spread = _F(CLOUD_SCALE) / (rise + _F(CLOUD_BASE))
        u = numbers[_EAST + k] * spread + _F(4096)
        v = numbers[_NORTH + k] * spread + _F(4096)
        words[_GRAIN + k] = ((_U(_I(u)) & _WRAP) * _WIDTH) | (_U(_I(v)) & _WRAP)
    for k in range(_PIXELS):
        words[_GRAIN + k] = CLOUDS[np.uint64(words[_GRAIN + k])]
    low = light[_LOW], light[_LOW + 1], light[_LOW + 2]
    high = light[_HIGH], light[_HIGH + 1], light[_HIGH + 2]
    cloud = light[_CLOUD], light[_CLOUD + 1], light[_CLOUD + 2]
    glow = light[_GLOW], light[_GLOW + 1], light[_GLOW + 2]
    bare, east, north = _ONE - light[_COVER], _F(sun[0]), _F(sun[1])
    for k in range(_PIXELS):
        rise = max(-numbers[_SLOPE + k], _NO)
        up = min(_F(SKY_STEEPNESS) * rise, _ONE)
        thick = min(max((_F(_I(words[_GRAIN + k])) * _F(1 / 255) - bare) * _F(3), _NO), _ONE)
        thick = thick * min(_ONE, _F(14) * rise)
        near = max(_NO, numbers[_EAST + k] * east + numbers[_NORTH + k] * north)
        near = near * near * near * max(_NO, _ONE - _F(2) * rise)
        red = low[0] + up * (high[0] - low[0]) + near * glow[0]
        green = low[1] + up * (high[1] - low[1]) + near * glow[1]
        blue = low[2] + up * (high[2] - low[2]) + near * glow[2]
        free = words[_WORD + k] == OPEN
        numbers[_RED + k] = red + thick * (cloud[0] - red) if free else numbers[_RED + k]
        numbers[_GREEN + k] = green + thick * (cloud[1] - green) if free else numbers[_GREEN + k]
        numbers[_BLUE + k] = blue + thick * (cloud[2] - blue) if free else numbers[_BLUE + k]
