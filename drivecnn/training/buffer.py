"""The training set: states, not pixels. Images are rendered anew each time a state is drawn."""

import numpy as np
from numpy.typing import NDArray

from drivecnn_envs.states import STATE, States


class StateBuffer:
    """The last `capacity` states that were driven through, some 90 bytes each without traffic."""

    def __init__(self, capacity: int, dtype: np.dtype[np.void] = STATE) -> None:
        self.capacity = capacity
        self._places: States = np.zeros(capacity, dtype)  # takes memory only as it is filled
        self._errors = np.zeros(capacity, np.float32)
        self._count = 0
        self._next = 0  # where the next state goes

    def __len__(self) -> int:
        """States held."""
        return self._count

    @property
    def states(self) -> States:
        """What is held (N,), in no particular order."""
        return self._places[: self._count]

    @property
    def errors(self) -> NDArray[np.float32]:
        """How far the policy was from the expert in each of them (N,), 1/m."""
        return self._errors[: self._count]

    def add(self, states: States, errors: NDArray[np.float32]) -> None:
        """Add states (B,) and errors (B,), in the place of the oldest when the buffer is full."""
        places = (self._next + np.arange(len(states))) % self.capacity
        self._places[places] = states
        self._errors[places] = errors
        self._next = int(self._next + len(states)) % self.capacity
        self._count = min(self._count + len(states), self.capacity)

    def sample(self, count: int, rng: np.random.Generator, focus: float = 0.0) -> States:
        """Copies of `count` states, drawn with replacement.

        A share of them, `focus`, is drawn in proportion to the errors, the others evenly.
        """
        places = rng.integers(len(self), size=count)
        chosen = rng.random(count) < focus
        summed = np.cumsum(self.errors, dtype=np.float64)
        if summed[-1] > 0.0:
            drawn = rng.random(chosen.sum()) * summed[-1]
            places[chosen] = np.searchsorted(summed, drawn, side="right")
        return self.states[places]
