"""The film of a drive: drive one route, draw every decision, write an MP4."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import cv2
import numpy as np

from drivecnn.episode import Episode
from drivecnn.rollout import Decision, Driver, Fleet, Start
from drivecnn.video.drawing import HEIGHT, WIDTH, Bytes
from drivecnn.video.screen import Screen
from drivecnn_envs.errors import InputError
from drivecnn_envs.simulator import Simulator
from drivecnn_envs.states import States
from drivecnn_envs.vehicle import DT

FRAME_RATE = round(1 / DT)  # so a video takes as long as the drive
HELD_FRAMES = FRAME_RATE  # the last one stays for a second
LONGEST = 1e6  # s
ENCODER = {"crf": "22", "preset": "veryfast", "refs": "1", "bf": "0"}
BT601, SRGB = 6, 1  # FFmpeg's numbers of cv2's YUV and of its primaries


def record_drive(
    simulator: Simulator,
    driver: Driver,
    start: Start,
    path: Path,
    on_frame: Callable[[int], None] = lambda _: None,
    last: float | None = None,
) -> Episode:
    """Drive one route to its end and film it as an MP4. Returns the episode.

    One frame a decision, then the last one held for a second. The file appears under its name when
    it is complete; after an error or Ctrl-C nothing is left.

    Args:
        simulator: of the scene that holds the route.
        driver: who drives.
        start: which route, and the seed of its look and disturbances.
        path: of the file; its folder is made if missing.
        on_frame: told how many frames have been written.
        last: s before the end that are filmed; None films all of the drive.

    Raises:
        OSError: if the file cannot be written.
        InputError: if there is nothing to film.
    """
    skipped = 0 if last is None else _decisions(simulator, driver, start) - _frames_in(last)
    fleet, screen, watched = Fleet(simulator, [start], 1), Screen(simulator, start), _Watch(driver)
    episodes: list[Episode] = []
    decisions = frames = 0
    with _film(path) as write:
        while not episodes:
            after, before = fleet.states, fleet.states.copy()
            episodes = fleet.step(watched)  # moves the states in `after`
            decisions += 1
            if decisions > skipped:
                write(screen.draw(before, watched.decision))
                frames += 1
                on_frame(frames)
        held = screen.draw(after, watched.decision)
        screen.announce(held, episodes[0])
        for _ in range(HELD_FRAMES):
            write(held)
            frames += 1
            on_frame(frames)
    return episodes[0]


def _frames_in(seconds: float) -> int:
    """Frames of a film that lasts so long."""
    if not seconds > 0.0:
        raise InputError(f"the last {seconds:g} s are to be filmed, expected more than 0")
    return round(min(seconds, LONGEST) / DT)


def _decisions(simulator: Simulator, driver: Driver, start: Start) -> int:
    """How many decisions a drive takes."""
    fleet, count = Fleet(simulator, [start], 1), 0
    while len(fleet):
        fleet.step(driver)
        count += 1
    return count


class _Watch:
    """A driver that remembers its last decision."""

    decision: Decision

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def __call__(self, states: States) -> Decision:
        """What the driver decides."""
        self.decision = self._driver(states)
        return self.decision


@contextmanager
def _film(path: Path) -> Iterator[Callable[[Bytes], None]]:
    """Give a function that adds a frame (HEIGHT, WIDTH, 3); the file appears at the very end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    try:
        options = {"movflags": "faststart"}  # so that browsers play before all has arrived
        with av.open(temporary, "w", format="mp4", options=options) as container:
            stream = container.add_stream("libx264", rate=FRAME_RATE, options=ENCODER)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            context = stream.codec_context
            context.colorspace, context.color_primaries, context.color_trc = BT601, SRGB, SRGB

            def write(image: Bytes) -> None:
                planes = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420), np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))

            yield write
            container.mux(stream.encode())
        Path(temporary).chmod(0o644)  # mkstemp's own 0o600 would hide the video from a team
        Path(temporary).replace(path)
    except BaseException:  # also Ctrl-C: leave nothing behind
        Path(temporary).unlink(missing_ok=True)
        raise
