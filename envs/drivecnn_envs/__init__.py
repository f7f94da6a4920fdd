"""Worlds, cameras, vehicles and Gymnasium environments to drive in."""
