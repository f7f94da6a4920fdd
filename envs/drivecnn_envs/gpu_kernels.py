"""The cameras' kernels for an NVIDIA GPU: the functions of the CPU's, one thread a column or pixel.

Where the CPU works on a block of columns in stages that fill its vector registers, a thread here
takes one through all of them. Images are as the CPU's but for the last bits of floats.
"""

from typing import NamedTuple

import numpy as np
from numba import cuda
from numpy.typing import NDArray

from drivecnn_envs.bodywork import draw_body, paint_landmark, sight_of
from drivecnn_envs.box_shadows import darkened, ground_depth, is_ground
from drivecnn_envs.boxes import Boxes, Kind, Seen, turned
from drivecnn_envs.cameras import AFIELD, Images, camera_of, class_of, ground_in
from drivecnn_envs.grading import Grades, grade_pixel
from drivecnn_envs.hills import hill_word, raise_hills
from drivecnn_envs.looks import Light, Looks
from drivecnn_envs.march import (
    LAND_WORD,
    MIDDLE,
    NO_ROW,
    Ground,
    filled_by,
    ground_of,
    number_under,
    plan_steps,
    rows_of,
    step_of,
)
from drivecnn_envs.noise import mix
from drivecnn_envs.pixels import (
    BLOCK,
    OPEN,
    PLACES,
    SKY_DEPTH,
    Camera,
    Floats,
    Ints,
    Pixels,
    Words,
    aim,
    spare_rows,
)
from drivecnn_envs.posts import PostTable, draw_posts
from drivecnn_envs.route_map import draw_roads, draw_route, map_pose
from drivecnn_envs.sensor import (
    RAIN_DRAW,
    blurred,
    brighter,
    drop_of,
    drops_in,
    faults_of,
    noise_at,
    noise_seed,
    noisy,
)
from drivecnn_envs.shading import (
    air_of,
    cloud_at,
    colour_of,
    grain_at,
    rays_of,
    sky_colour,
)
from drivecnn_envs.shapes import TRACE
from drivecnn_envs.states import Atlas, RouteTable, States
from drivecnn_envs.textures import CLOUDS, GRAIN
from drivecnn_envs.views import Views

_CODE, _LAND = np.uint32(PLACES - 1), np.uint32(LAND_WORD)
_EIGHT, _SIXTEEN = np.uint32(8), np.uint32(16)
_RAIN, _LANDMARK = int(Light.RAIN), int(Kind.LANDMARK)


class Frames(NamedTuple):
    """What B cars are about to see, on the GPU; `Pixels` of each, with rows to spare for all."""

    word: Words  # (B, P / BLOCK, R, BLOCK)
    depth: Floats  # (B, P / BLOCK, R, BLOCK) m
    forward_x: Floats  # (B, P)
    forward_y: Floats  # (B, P)
    lift: Ints  # (B, P)
    sharp: Words  # (B, R, P) packed colours
    steps: NDArray[np.void]  # (B, S) of dtype STEP
    counts: Ints  # (B,) of steps


class Cars(NamedTuple):
    """Where B cars look from, and how the world looks to them."""

    views: Views
    looks: Looks
    worlds: NDArray[np.int64]  # (B,)
    seeds: NDArray[np.uint64]  # (B,)
    steps: NDArray[np.int64]  # (B,)


@cuda.jit(device=True, inline=True)
def _pixels_of(frames: Frames, i: int) -> Pixels:
    """The pixels of a car."""
    return Pixels(
        frames.word[i],
        frames.depth[i],
        frames.forward_x[i],
        frames.forward_y[i],
        frames.lift[i],
    )


@cuda.jit(device=True, inline=True)
def _rows_needed(cars: Cars, i: int, rows: int, columns: int) -> int:
    """Rows that a car's pixels have, of those that there is room for."""
    return rows + 2 * spare_rows(cars.views.roll[i], columns)


@cuda.jit(fastmath=True, cache=True)
def plan(cars: Cars, atlas: Atlas, rows: int, columns: int, frames: Frames) -> None:
    """Plan the walk of each car."""
    i = cuda.grid(1)
    if i >= len(frames.counts):
        return
    world = cars.worlds[i]
    camera = camera_of(cars.views, i, 0, atlas.origin[world], columns)
    needed = _rows_needed(cars, i, rows, columns)
    ground = ground_in(atlas, world)
    frames.counts[i] = plan_steps(needed, camera, ground, frames.steps[i])


@cuda.jit(fastmath=True, cache=True)
def see(cars: Cars, atlas: Atlas, boxes: Boxes, rows: int, columns: int, frames: Frames) -> None:
    """Fill one column of one car's pixels: the world, the hills, the posts and the boxes."""
    cameras = cars.views.cos.shape[1]
    i, k = divmod(cuda.grid(1), cameras * columns)
    if i >= len(frames.counts):
        return
    number, column = k // columns, k % columns
    world, light, palette = cars.worlds[i], cars.looks.light[i], cars.looks.palette[i]
    pixels, needed = _pixels_of(frames, i), _rows_needed(cars, i, rows, columns)
    camera = camera_of(cars.views, i, number, atlas.origin[world], columns)
    aim(pixels, camera, cars.views.roll[i], column)
    for row in range(pixels.word.shape[1]):
        pixels.word[k // BLOCK, row, k % BLOCK] = OPEN
        pixels.depth[k // BLOCK, row, k % BLOCK] = SKY_DEPTH
    ground = ground_in(atlas, world)
    _walk(frames.steps[i], frames.counts[i], ground, k, needed, camera, pixels)
    raise_hills(camera, k, light, hill_word(light, palette), pixels)
    posts = PostTable(atlas.posts, atlas.post_first, atlas.post_grid)
    draw_posts(posts, world, camera, (column, column + 1), pixels)
    afield = camera_of(cars.views, i, number, AFIELD, columns)
    sun = atlas.sun[world, 0], atlas.sun[world, 1]
    _draw_boxes(boxes, i, k, needed, afield, light, sun, pixels)


@cuda.jit(device=True, inline=True)
def _walk(
    steps: NDArray[np.void], count: int, ground: Ground, k: int, rows: int, camera: Camera,
    pixels: Pixels,
) -> None:  # fmt: skip
    """What `walk_block` does, for one column."""
    forward_x, forward_y, block, place = (
        pixels.forward_x[k], pixels.forward_y[k], k // BLOCK, k % BLOCK,
    )  # fmt: skip
    middle, height = np.float32(camera.horizon - MIDDLE), np.float32(camera.height)
    floor, bottom, filled = _LAND, np.int32(rows), np.int32(rows)
    hung_top = hung_bottom = np.int32(0)
    for number in range(count):
        step = step_of(steps, number)
        texel = ground.texels[number_under(step, forward_x, forward_y)]
        floor, shown = ground_of(texel, floor)
        filled = min(filled, step.row)
        top, low = rows_of(texel, step, middle, height, filled, (hung_top, hung_bottom))
        for row in range(max(step.row, np.int32(0)), bottom):
            if pixels.word[block, row, place] == OPEN:
                pixels.word[block, row, place] = shown
                pixels.depth[block, row, place] = step.depth
        bottom = min(bottom, step.row)
        if top != NO_ROW:
            for row in range(top, low):
                if pixels.word[block, row, place] == OPEN:
                    pixels.word[block, row, place] = texel
                    pixels.depth[block, row, place] = step.depth
            filled, hung_top, hung_bottom = filled_by((top, low), filled, (hung_top, hung_bottom))
        if filled <= 0:
            break


@cuda.jit(device=True, inline=True)
def _draw_boxes(
    boxes: Boxes, i: int, k: int, rows: int, camera: Camera, light: Floats,
    sun: tuple[float, float], pixels: Pixels,
) -> None:  # fmt: skip
    """What `draw_boxes` does, for one column."""
    scratch = cuda.local.array(TRACE, np.float32)
    for number in range(boxes.offset[i], boxes.offset[i + 1]):
        box = boxes.table[number]
        sight = sight_of(box, camera, light, rows)
        if sight.ground[0] <= k < sight.ground[1]:
            if box.kind == _LANDMARK:
                paint_landmark(sight, (k, k + 1), camera, light, pixels)
            else:
                to_sun = sun[0] * sight.cast, sun[1] * sight.cast
                _darken(sight.seen, to_sun, k, sight.rows, camera, pixels)
        if box.kind != _LANDMARK and sight.columns[0] <= k < sight.columns[1]:
            draw_body(box, sight, (k, k + 1), camera, light, sun, pixels, scratch)


@cuda.jit(device=True, inline=True)
def _darken(
    seen: Seen, to_sun: tuple[float, float], k: int, rows: tuple[int, int], camera: Camera,
    pixels: Pixels,
) -> None:  # fmt: skip
    """What `shade_ground` does, for one column."""
    sunward = turned(seen, to_sun[0], to_sun[1])
    ahead, left = turned(seen, pixels.forward_x[k], pixels.forward_y[k])
    block, place = k // BLOCK, k % BLOCK
    for row in range(rows[0], rows[1]):
        word = pixels.word[block, row, place]
        if is_ground(word):
            depth = ground_depth(camera, row)
            point = np.float32(seen.ahead + depth * ahead), np.float32(seen.left + depth * left)
            pixels.word[block, row, place] = darkened(word, seen, point, sunward)


@cuda.jit(fastmath=True, cache=True)
def shade(cars: Cars, atlas: Atlas, columns: int, frames: Frames) -> None:
    """Give one pixel of one car its colour."""
    blocks, rows = frames.word.shape[1:3]
    rest, place = divmod(cuda.grid(1), BLOCK)
    rest, row = divmod(rest, rows)
    i, block = divmod(rest, blocks)
    k = block * BLOCK + place
    if i >= len(frames.counts) or k >= cars.views.cos.shape[1] * columns:
        return
    world, light = cars.worlds[i], cars.looks.light[i]
    camera = camera_of(cars.views, i, 0, atlas.origin[world], columns)
    rays, forward = rays_of(camera, row), (frames.forward_x[i, k], frames.forward_y[i, k])
    word, depth = frames.word[i, block, row, place], frames.depth[i, block, row, place]
    if word == OPEN:
        sun = atlas.sun[world, 0], atlas.sun[world, 1]
        clouded = np.uint32(CLOUDS[cloud_at(rays, forward)])
        frames.sharp[i, row, k] = sky_colour(clouded, rays, forward, light, sun)
    else:
        palette = cars.looks.palette[i]
        own = palette[word & _CODE]
        grain, air = np.uint32(GRAIN[grain_at(word, depth, rays, forward)]), air_of(palette, light)
        frames.sharp[i, row, k] = colour_of(word, depth, own, grain, rays, forward, air, True)


@cuda.jit(fastmath=True, cache=True)
def rain(cars: Cars, rows: int, columns: int, frames: Frames) -> None:
    """Let the drops fall that cross one column of one car."""
    i, k = divmod(cuda.grid(1), cars.views.cos.shape[1] * columns)
    if i >= len(frames.counts) or cars.looks.light[i, _RAIN] <= 0.0:
        return
    camera, needed = k // columns, _rows_needed(cars, i, rows, columns)
    seed = mix(noise_seed(cars.seeds[i], cars.steps[i], camera), RAIN_DRAW)
    for number in range(drops_in(needed, columns)):
        column, top, bottom, level = drop_of(seed, number, needed, columns)
        if column == k % columns:
            for row in range(max(top, 0), min(bottom, needed)):
                frames.sharp[i, row, k] = brighter(frames.sharp[i, row, k], level)


@cuda.jit(fastmath=True, cache=True)
def expose(cars: Cars, frames: Frames, images: Images) -> None:
    """Fill one pixel of one image."""
    cameras, _, rows, columns = images.rgb.shape[1:]
    rest, column = divmod(cuda.grid(1), columns)
    rest, row = divmod(rest, rows)
    i, camera = divmod(rest, cameras)
    if i >= len(frames.counts):
        return
    k, last = camera * columns + column, _rows_needed(cars, i, rows, columns) - 1
    level, sharp = np.int64(row) + np.int64(frames.lift[i, k]), frames.sharp[i]
    colour = sharp[level, k]
    start, spread, blur = faults_of(
        noise_seed(cars.seeds[i], cars.steps[i], camera), cars.looks.light[i]
    )
    if 0 < column < columns - 1:
        above, below = sharp[max(level - 1, 0), k], sharp[min(level + 1, last), k]
        colour = blurred(colour, sharp[level, k - 1], sharp[level, k + 1], above, below, blur)
    draws = noise_at(np.uint32(start + np.uint32(level * columns + column)))
    images.rgb[i, camera, 0, row, column] = noisy(colour, draws, spread)
    images.rgb[i, camera, 1, row, column] = noisy(colour >> _EIGHT, draws >> _EIGHT, spread)
    images.rgb[i, camera, 2, row, column] = noisy(colour >> _SIXTEEN, draws >> _SIXTEEN, spread)
    if images.semantic.size > 0:
        word = frames.word[i, k // BLOCK, level, k % BLOCK]
        images.semantic[i, camera, row, column] = class_of(word)
    if images.depth.size > 0:
        images.depth[i, camera, row, column] = frames.depth[i, k // BLOCK, level, k % BLOCK]


@cuda.jit(fastmath=True, cache=True)
def grade(cameras: NDArray[np.uint8], grades: Grades) -> None:
    """Grade one pixel of one image."""
    _, count, _, rows, columns = cameras.shape
    rest, column = divmod(cuda.grid(1), columns)
    rest, row = divmod(rest, rows)
    i, camera = divmod(rest, count)
    if i < len(cameras):
        grade_pixel(cameras[i, camera], row, column, grades, i)


@cuda.jit(cache=True)
def draw_maps(
    states: States, atlas: Atlas, routes: RouteTable, resolution: float, behind: float,
    maps: NDArray[np.uint8],
) -> None:  # fmt: skip
    """Draw one row of the route map of one car."""
    i, row = divmod(cuda.grid(1), maps.shape[2])
    if i < len(states):
        for column in range(maps.shape[3]):
            maps[i, 0, row, column] = maps[i, 1, row, column] = 0
        state, rows = states[i], (row, row + 1)
        pose = map_pose(state)
        draw_roads(atlas, state.world, pose, resolution, behind, rows, maps[i, 0])
        draw_route(routes, state, pose, resolution, behind, rows, maps[i, 1])
