"""The buffer of states."""

import numpy as np

from drivecnn.training.buffer import StateBuffer
from drivecnn_envs.states import STATE


def states(*steps):
    made = np.zeros(len(steps), STATE)
    made["step"] = steps
    return made


def test_a_full_buffer_forgets_the_oldest_states():
    buffer = StateBuffer(4)
    for first in range(0, 9, 3):
        buffer.add(states(first, first + 1, first + 2))
    assert len(buffer) == 4
    assert sorted(buffer.states["step"]) == [5, 6, 7, 8]
    assert list(buffer.oldest_first["step"]) == [5, 6, 7, 8]


def test_a_buffer_that_is_not_full_has_its_states_in_their_order():
    buffer = StateBuffer(4)
    buffer.add(states(0, 1, 2))
    assert list(buffer.oldest_first["step"]) == [0, 1, 2]


def test_drawn_states_are_copies():
    buffer = StateBuffer(4)
    buffer.add(states(1, 2))
    drawn = buffer.sample(8, np.random.default_rng(0))
    drawn["x"] = 99.0
    assert (buffer.states["x"] == 0.0).all()
    assert set(drawn["step"]) == {1, 2}


def test_a_million_states_take_less_than_100_mb():
    assert STATE.itemsize * 1_000_000 < 100e6
