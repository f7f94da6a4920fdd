"""Freed memory is kept."""

import platform
import resource

import pytest
import torch

from drivecnn.training.heap import keep_freed_memory

BIG = 16 * 2**20  # floats, 64 MB: 16,384 pages of 4 kB


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told to keep memory")
def test_big_tensors_take_the_pages_of_those_before() -> None:
    keep_freed_memory()
    new_pages = [pages_of_a_big_tensor() for _ in range(8)]
    assert new_pages[-1] < 100


def pages_of_a_big_tensor() -> int:
    """How many new pages the system gives for one that is freed at once."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(BIG)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
