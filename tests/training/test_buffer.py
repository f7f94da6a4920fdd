"""The buffer of states."""

import numpy as np
import pytest

from drivecnn.training.buffer import StateBuffer
from drivecnn_envs.states import STATE


def states(*steps):
    made = np.zeros(len(steps), STATE)
    made["step"] = steps
    return made


def test_a_full_buffer_forgets_the_oldest_states():
    buffer = StateBuffer(4)
    for first in range(0, 9, 3):
        buffer.add(states(first, first + 1, first + 2), np.full(3, first, np.float32))
    assert len(buffer) == 4
    assert sorted(buffer.states["step"]) == [5, 6, 7, 8]
    assert (buffer.errors == 3 * (buffer.states["step"] // 3)).all()


def test_drawn_states_are_copies():
    buffer = StateBuffer(4)
    buffer.add(states(1, 2), np.zeros(2, np.float32))
    drawn = buffer.sample(8, np.random.default_rng(0))
    drawn["x"] = 99.0
    assert (buffer.states["x"] == 0.0).all()
    assert set(drawn["step"]) == {1, 2}


def test_a_share_of_states_is_drawn_in_proportion_to_their_errors():
    buffer = StateBuffer(200)
    buffer.add(states(*range(100)), np.array([0.3, 0.1, *[0.0] * 98], np.float32))
    drawn = buffer.sample(10_000, np.random.default_rng(0), focus=0.4)["step"]
    assert np.mean(drawn == 0) == pytest.approx(0.4 * 0.75 + 0.6 / 100, abs=0.02)
    assert np.mean(drawn == 1) == pytest.approx(0.4 * 0.25 + 0.6 / 100, abs=0.02)


def test_states_without_any_error_are_drawn_evenly():
    buffer = StateBuffer(200)
    buffer.add(states(0, 1), np.zeros(2, np.float32))
    drawn = buffer.sample(1000, np.random.default_rng(0), focus=1.0)["step"]
    assert np.mean(drawn) == pytest.approx(0.5, abs=0.05)


def test_a_million_states_take_less_than_100_mb():
    assert STATE.itemsize * 1_000_000 < 100e6
