"""Ctrl-C waits until a step or a file is complete."""

import signal
import threading

import pytest

from drivecnn.training.interrupts import uninterrupted


@pytest.fixture(autouse=True)
def interrupts_are_heard():
    """A process that was started in the background may ignore them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt(done):
    """Send the Ctrl-C of a terminal, twice, and go on."""
    with uninterrupted():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        done.append("inner")


def interrupt_within(done):
    with uninterrupted():
        interrupt(done)
        done.append("outer")


def test_an_interrupt_comes_when_the_block_is_over():
    done = []
    with pytest.raises(KeyboardInterrupt):
        interrupt(done)
    assert done == ["inner"]


def test_it_comes_when_the_outermost_block_is_over():
    done = []
    with pytest.raises(KeyboardInterrupt):
        interrupt_within(done)
    assert done == ["inner", "outer"]


def test_without_an_interrupt_nothing_changes():
    before = signal.getsignal(signal.SIGINT)
    with uninterrupted():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_another_thread_is_left_alone():
    done = []

    def work():
        with uninterrupted():
            done.append("inside")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == ["inside"]
