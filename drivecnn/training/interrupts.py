"""Ctrl-C at the right moment: never in the middle of a step or of a file."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

Handler = Callable[[int, FrameType | None], object] | signal.Handlers


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Put Ctrl-C off until the block is over. Blocks may lie in blocks."""
    came: list[int] = []
    try:
        with on_interrupt(lambda number, _: came.append(number)):
            yield
    finally:
        if came:
            signal.raise_signal(signal.SIGINT)


@contextmanager
def on_interrupt(handler: Handler) -> Iterator[None]:
    """Let Ctrl-C call the handler during the block; only the main thread ever hears of it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
