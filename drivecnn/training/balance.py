"""Balance over curvature: most of driving is straight on, and most of learning is in the turns."""

import numpy as np
from numpy.typing import NDArray

EDGES = (0.005, 0.02, 0.05, 0.1)  # 1/m between the classes of |curvature|


def balanced(
    curvature: NDArray[np.float32], count: int, share: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Which of N drawn states to train on: a share of them evenly from all classes of curvature.

    Args:
        curvature: (N,) 1/m, of the expert.
        count: how many to choose, at most N.
        share: that is balanced; the others are chosen evenly from all states.
        rng: which.

    Returns:
        (count,) different numbers below N.
    """
    classes = np.digitize(np.abs(curvature), EDGES)
    frequent = np.bincount(classes, minlength=len(EDGES) + 1)[classes]
    even = 1.0 / (frequent * len(np.unique(classes)))  # the same for each class together
    weight = share * even + (1.0 - share) / len(curvature)
    return rng.choice(len(curvature), count, replace=False, p=weight / weight.sum())
