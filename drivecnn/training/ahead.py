"""Making the next batch while the present one is learned from."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

import numba
import torch

T = TypeVar("T", covariant=True)


class Maker(Protocol[T]):
    """Has what belongs to each number."""

    @contextmanager
    def of(self, number: int) -> Iterator[T]:
        """What belongs to a number, for the time of a block."""
        ...


class AtOnce(Generic[T]):
    """Makes each thing when it is asked for."""

    def __init__(self, make: Callable[[int], T]) -> None:
        """Make a maker of what belongs to a number."""
        self._make = make

    @contextmanager
    def of(self, number: int) -> Iterator[T]:
        """What belongs to a number, for the time of a block."""
        yield self._make(number)


class Ahead(Generic[T]):
    """Makes each thing in a second thread, while that of the number before is used.

    Neither cameras nor small networks take two cores as well as each of them takes one.
    """

    def __init__(self, make: Callable[[int], T]) -> None:
        """Make a maker of what belongs to a number; `make` runs in one thread at a time."""
        self._make = make
        self._ready: dict[int, T] = {}
        share = max(1, numba.get_num_threads() // 2)
        self._second = ThreadPoolExecutor(1, "ahead", numba.set_num_threads, (share,))

    @contextmanager
    def of(self, number: int) -> Iterator[T]:
        """What belongs to a number, for the time of a block; the next is made beside it."""
        present = self._ready.pop(number) if number in self._ready else self._make(number)
        threads = torch.get_num_threads()
        torch.set_num_threads(max(1, threads // 2))
        following = self._second.submit(self._make, number + 1)
        try:
            yield present
        finally:
            torch.set_num_threads(threads)
            self._ready = {number + 1: following.result()}
