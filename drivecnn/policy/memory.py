"""Short memory: one row of features of what the cameras saw in the last few frames."""

from typing import Literal, get_args

from torch import Tensor, nn

Memory = Literal["stack", "gru"]
MEMORIES: tuple[str, ...] = get_args(Memory)
GRU_WIDTH = 128  # features that a GRU carries from frame to frame


class Stack(nn.Module):
    """The features of all frames side by side, oldest first.

    Attributes:
        width: how many features come out.
    """

    def __init__(self, width: int, frames: int) -> None:
        super().__init__()
        self.width = frames * width

    def forward(self, features: Tensor) -> Tensor:
        """(B, T, F) to (B, T x F)."""
        return features.flatten(1)


class Recurrent(nn.Module):
    """The last state of a GRU that reads the frames, oldest first.

    Attributes:
        width: how many features come out.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gru = nn.GRU(width, GRU_WIDTH, batch_first=True)
        self.width = GRU_WIDTH

    def forward(self, features: Tensor) -> Tensor:
        """(B, T, F) to (B, GRU_WIDTH)."""
        states, _ = self.gru(features)  # (B, T, GRU_WIDTH)
        last: Tensor = states[:, -1]
        return last


def build_memory(memory: Memory, width: int, frames: int) -> Stack | Recurrent:
    """What makes one row of the features of so many frames. A single frame is left as it is."""
    return Recurrent(width) if memory == "gru" and frames > 1 else Stack(width, frames)
