"""Memory that one training step gives back and the next one asks for again."""

import ctypes
import sys

MALLOPT_TRIM_THRESHOLD, MALLOPT_MMAP_MAX = -1, -4  # of glibc's malloc.h
MOST = 2**31 - 1


def keep_freed_memory() -> None:
    """Let the C library keep freed memory, so that a step does not wait for new pages.

    A step on a CPU frees some 60 MB of activations and asks for as much again at once. glibc gives
    that back to the system, which clears every page anew: 10,000 of them a step. Does nothing where
    the C library is another.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(MALLOPT_MMAP_MAX, 0)
        mallopt(MALLOPT_TRIM_THRESHOLD, MOST)
