"""Cameras that are broken: what a policy should notice, for training never showed it."""

from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum

import numpy as np

from drivecnn_envs.cameras import Bytes
from drivecnn_envs.observation import Observation, ObservationConfig, Observer
from drivecnn_envs.simulator import Simulator
from drivecnn_envs.states import States
from drivecnn_envs.views import WIDEST

NOISE = 60.0  # levels of 255, one standard deviation
WIDER = 1.6  # times the field of view of the policy's own cameras

Look = Callable[[States, States], Observation]  # at states now, and the same cars' a while before


class Corruption(StrEnum):
    """What is wrong with the cameras."""

    BLACKOUT = "blackout"
    FROZEN = "frozen"
    NOISE = "noise"
    UPSIDE_DOWN = "upside_down"
    FIELD_OF_VIEW = "field_of_view"


def looks_through(corruption: Corruption, simulator: Simulator, rng: np.random.Generator) -> Look:
    """What cars see through such cameras; the route map stays as it is.

    Args:
        corruption: what is wrong.
        simulator: where they are.
        rng: of the noise.
    """

    def changed(change: Callable[[Bytes], Bytes]) -> Look:
        def look(now: States, _: States) -> Observation:
            seen = simulator.observe(now)
            return seen._replace(cameras=change(seen.cameras))

        return look

    def noisy(cameras: Bytes) -> Bytes:
        pixels = cameras + rng.normal(0.0, NOISE, cameras.shape)
        return pixels.clip(0.0, 255.0).astype(np.uint8)

    def frozen(now: States, before: States) -> Observation:
        stuck = simulator.observe(before).cameras
        if simulator.frames > 1:  # all of them the same picture
            stuck[:] = stuck[:, -1:]
        return simulator.observe(now)._replace(cameras=stuck)

    match corruption:
        case Corruption.BLACKOUT:
            return changed(np.zeros_like)
        case Corruption.NOISE:
            return changed(noisy)
        case Corruption.UPSIDE_DOWN:
            return changed(lambda cameras: np.flip(cameras, axis=-2).copy())
        case Corruption.FROZEN:
            return frozen
        case Corruption.FIELD_OF_VIEW:
            wider = Observer(_wider(simulator.observer.config))
            wide = Simulator(simulator.scene, wider, frames=simulator.frames)
            return lambda now, _: wide.observe(now)


def _wider(config: ObservationConfig) -> ObservationConfig:
    """The same cameras with a wider field of view, as far as there are such."""
    field_of_view = min(WIDER * config.cameras.field_of_view, WIDEST)
    return replace(config, cameras=replace(config.cameras, field_of_view=field_of_view))
