"""Ways to damage a file, and a limit to how long reading it may take."""

import signal
from contextlib import contextmanager
from functools import cache

from hypothesis import strategies as st


@cache
def content(path):
    return path.read_bytes()


@contextmanager
def seconds(limit):
    """Ends a block that hangs."""

    def complain(*_):
        raise TimeoutError(f"not done after {limit} s")

    before = signal.signal(signal.SIGALRM, complain)
    signal.alarm(limit)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def with_other_bytes(draw, data):
    """A few bytes changed, taken out, put in twice or swapped, or the end cut off."""
    place, size = draw(st.integers(0, len(data) - 1)), draw(st.integers(1, 200))
    other = draw(st.integers(0, len(data) - 1))
    swapped = bytearray(data)
    swapped[place : place + 8], swapped[other : other + 8] = (
        data[other : other + 8],
        data[place : place + 8],
    )
    return draw(
        st.sampled_from(
            [
                data[:place],
                data[:place] + draw(st.binary(max_size=4)) + data[place + 1 :],
                data[:place] + data[place + size :],
                data[:place] + data[place : place + size] * 2 + data[place + size :],
                bytes(swapped),
            ]
        )
    )
