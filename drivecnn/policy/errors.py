"""What a user of a policy can mend."""


class PolicyError(ValueError):
    """A policy cannot be made as its config says. The message is one line."""
