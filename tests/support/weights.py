"""Whether two networks are the same."""

import torch


def same_weights(policy, other):
    """Whether all tensors of two networks are equal."""
    ours, theirs = policy.state_dict(), other.state_dict()
    return ours.keys() == theirs.keys() and all(
        torch.equal(value, theirs[name]) for name, value in ours.items()
    )
