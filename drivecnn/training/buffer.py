"""The training set: states, not pixels. Images are rendered anew each time a state is drawn."""

import numpy as np

from drivecnn_envs.states import STATE, States


class StateBuffer:
    """The last `capacity` states that were driven through, some 80 bytes each.

    Attributes:
        states: (N,) what is held, in no particular order.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.states: States = np.zeros(0, STATE)
        self._next = 0  # where the next state goes once the buffer is full

    def __len__(self) -> int:
        """States held."""
        return len(self.states)

    def add(self, states: States) -> None:
        """Add states (B,), in the place of the oldest ones when the buffer is full."""
        room = self.capacity - len(self.states)
        self.states = np.concatenate([self.states, states[:room]])
        rest = states[room:]
        places = (self._next + np.arange(len(rest))) % self.capacity
        self.states[places] = rest
        self._next = int(self._next + len(rest)) % self.capacity

    def sample(self, count: int, rng: np.random.Generator) -> States:
        """Copies of `count` states, drawn evenly with replacement."""
        return self.states[rng.integers(len(self.states), size=count)]
