"""The training set: states, not pixels. Images are rendered anew each time a state is drawn."""

import numpy as np

from drivecnn_envs.states import STATE, States


class StateBuffer:
    """The last `capacity` states that were driven through, some 90 bytes each without traffic."""

    def __init__(self, capacity: int, dtype: np.dtype[np.void] = STATE) -> None:
        self.capacity = capacity
        self._places: States = np.zeros(capacity, dtype)  # takes memory only as it is filled
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
    def oldest_first(self) -> States:
        """A copy of what is held (N,), in the order in which it came."""
        first = self._next if self._count == self.capacity else 0
        return np.concatenate([self.states[first:], self.states[:first]])

    def add(self, states: States) -> None:
        """Add states (B,), in the place of the oldest ones when the buffer is full."""
        places = (self._next + np.arange(len(states))) % self.capacity
        self._places[places] = states
        self._next = int(self._next + len(states)) % self.capacity
        self._count = min(self._count + len(states), self.capacity)

    def sample(self, count: int, rng: np.random.Generator) -> States:
        """Copies of `count` states, drawn evenly with replacement."""
        return self.states[rng.integers(len(self), size=count)]
