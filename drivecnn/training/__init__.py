"""Training: on-policy in simulation, or behaviour cloning with the same loop."""
