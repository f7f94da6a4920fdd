"""Freed memory is kept."""

import platform
import resource
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
import torch

from drivecnn.training.heap import keep_freed_memory

BIG = 16 * 2**20  # floats, 64 MB: 16,384 pages of 4 kB
SETTLED = 16  # tensors until the heap has places for them: 5 to 9, with the slack of alignment


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told to keep memory")
def test_big_tensors_take_the_pages_of_those_before() -> None:
    with ProcessPoolExecutor(1, get_context("spawn")) as process:  # as a training has its own
        new_pages = process.submit(pages_of_big_tensors).result()
    assert max(new_pages[SETTLED:]) < 100


def pages_of_big_tensors() -> list[int]:
    """How many new pages the system gives for each of some that are freed at once."""
    keep_freed_memory()
    return [pages_of_a_big_tensor() for _ in range(2 * SETTLED)]


def pages_of_a_big_tensor() -> int:
    """How many new pages the system gives for one that is freed at once."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(BIG)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
