"""Things by place: square cells over each world, and which things are in them."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

Ints = NDArray[np.int32]


class Cells(NamedTuple):
    """N things in the cells of W worlds, for kernels.

    Cells are numbered row by row, world by world.
    """

    thing: Ints  # (N,) numbers of the things, cell by cell
    first: Ints  # (cells + 1,) where the things of a cell begin
    world_cell: Ints  # (W,) first cell of a world
    shape: Ints  # (W, 2) columns and rows
    origin: NDArray[np.float64]  # (W, 2) m, south-west corner of the first cell
    size: float  # m, side of a cell

    @classmethod
    def of(cls, x: ArrayLike, y: ArrayLike, world_offset: ArrayLike, size: float) -> "Cells":
        """The cells of things at positions x, y (N,) [m]; those of a world follow each other.

        `world_offset` (W + 1,) says where the things of each world begin.
        """
        position = np.stack([x, y], axis=1).astype(np.float64)  # (N, 2)
        worlds = np.asarray(world_offset)
        origin, shape = np.zeros((len(worlds) - 1, 2)), np.ones((len(worlds) - 1, 2), np.int32)
        for world, (begin, end) in enumerate(pairwise(worlds.tolist())):
            if begin < end:
                origin[world] = position[begin:end].min(axis=0)
                extent = position[begin:end].max(axis=0) - origin[world]
                shape[world] = extent // size + 1
        sizes = shape.prod(axis=1)
        world_cell = np.cumsum(sizes) - sizes
        owner = np.repeat(np.arange(len(sizes)), np.diff(worlds))
        at = ((position - origin[owner]) // size).astype(np.int64)
        cell = world_cell[owner] + at[:, 1] * shape[owner, 0] + at[:, 0]
        thing = np.argsort(cell, kind="stable")
        first = np.searchsorted(cell[thing], np.arange(sizes.sum() + 1))
        return cls(
            *(thing.astype(np.int32), first.astype(np.int32), world_cell.astype(np.int32)),
            *(shape, origin, size),
        )


@njit(forceinline=True)
def cells_near(
    cells: Cells, world: int, x: float, y: float, reach: float
) -> tuple[int, int, int, int]:
    """Columns and rows of the cells within reach [m] of a position: from, to, from, to."""
    dx, dy = x - cells.origin[world, 0], y - cells.origin[world, 1]
    columns, rows = cells.shape[world]
    return (
        max(int(np.floor((dx - reach) / cells.size)), 0),
        min(int(np.floor((dx + reach) / cells.size)) + 1, columns),
        max(int(np.floor((dy - reach) / cells.size)), 0),
        min(int(np.floor((dy + reach) / cells.size)) + 1, rows),
    )


@njit(forceinline=True)
def things_in(cells: Cells, world: int, row: int, left: int, right: int) -> tuple[int, int]:
    """Where the things in a row of cells begin and end, from one column to before another."""
    if left >= right:
        return 0, 0
    base = cells.world_cell[world] + row * cells.shape[world, 0]
    return cells.first[base + left], cells.first[base + right]
