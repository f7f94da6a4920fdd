"""Which states a batch is made of."""

import numpy as np
import pytest

from drivecnn.training.balance import balanced


@pytest.fixture
def curvature():
    """Nine of ten states go straight on."""
    values = np.zeros(10_000, np.float32)
    values[:1000] = np.where(np.arange(1000) % 2, 0.15, -0.15)
    return values


def test_without_balance_turns_are_as_frequent_as_they_are(curvature):
    chosen = balanced(curvature, 2000, 0.0, np.random.default_rng(0))
    assert np.mean(curvature[chosen] != 0) == pytest.approx(0.1, abs=0.02)


def test_with_balance_turns_are_chosen_more_often(curvature):
    chosen = balanced(curvature, 500, 1.0, np.random.default_rng(0))
    assert np.mean(curvature[chosen] != 0) == pytest.approx(0.5, abs=0.1)
    assert np.mean(curvature[chosen] < 0) == pytest.approx(0.25, abs=0.05)


def test_no_state_is_chosen_twice(curvature):
    chosen = balanced(curvature, 1500, 0.5, np.random.default_rng(0))
    assert len(set(chosen.tolist())) == 1500
