"""The processes that train together: one leads, the others follow its orders.

The leader is the process that was started, or rank 0 of torchrun. It validates, films, tracks and
tells when to save; the others train, and wait meanwhile. Gradients are averaged by torch's
DistributedDataParallel, which Lightning Fabric puts around the policy.
"""

import multiprocessing
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from enum import IntEnum
from multiprocessing import connection
from typing import TypeVar

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import find_free_network_port
from torch import distributed

from drivecnn.rollout import DivergedError
from drivecnn.training.config import RunConfig
from drivecnn.training.fabric import Place, make_fabric, started_by_torchrun
from drivecnn.training.interrupts import on_interrupt
from drivecnn_envs.errors import InputError

PATIENCE = timedelta(days=365)  # a follower waits while the leader validates, however long
LAST_WORDS = 5.0  # s in which a process that has failed says why, and in which others end
Value = TypeVar("Value")


class ProcessError(RuntimeError):
    """A process of a training has ended without a word. The message is one line."""


class Order(IntEnum):
    """What the leader tells its followers to do."""

    STEP = 0
    SAVE = 1
    STOP = 2
    END = 3


class Team:
    """The processes of a training, as one of them sees it; a process alone is a team too."""

    def __init__(self, fabric: Fabric) -> None:
        self.fabric = fabric
        self.lost = False  # whether the processes no longer meet at the same places
        self._orders: distributed.ProcessGroup | None = None
        if fabric.world_size > 1:
            group = distributed.new_group(backend="gloo", timeout=PATIENCE)
            assert isinstance(group, distributed.ProcessGroup)
            self._orders = group

    @property
    def leads(self) -> bool:
        """Whether this process is the leader."""
        return bool(self.fabric.is_global_zero)

    def tell(self, order: Order) -> None:
        """Give an order to all followers, as the leader."""
        self._pass_on(order)

    def hear(self) -> Order:
        """The leader's next order, for which a follower waits here."""
        return Order(self._pass_on(Order.STOP))

    def share(self, value: Value | None) -> Value:
        """The leader's value in every process."""
        values = [value]
        if self._orders is not None:
            with self.together():
                distributed.broadcast_object_list(values, 0, group=self._orders)
        assert values[0] is not None
        return values[0]

    def wait(self) -> None:
        """Wait here for all others."""
        if self._orders is not None and not self.lost:
            with self.together():
                distributed.barrier(self._orders)

    @contextmanager
    def together(self) -> Iterator[None]:
        """A block that all processes go through; whoever fails in it has lost the others."""
        try:
            yield
        except DivergedError:  # which all of them notice
            raise
        except Exception:
            self.lost = True
            raise

    def _pass_on(self, order: Order) -> int:
        message = torch.tensor(int(order))
        if self._orders is not None and not self.lost:
            with self.together():
                distributed.broadcast(message, 0, group=self._orders)
        return int(message)


@contextmanager
def team_of(config: RunConfig, follow: Callable[[Team], object]) -> Iterator[Team]:
    """The team of a run, with this process in it; `follow` is what started processes do.

    When the block is over, in whatever way, no started process is left.

    Raises:
        InputError: if there are not so many devices.
        Exception: what a started process has failed with, if that is why the block has failed.
    """
    torchrun = started_by_torchrun()
    if torchrun and config.devices not in (1, int(os.environ["LOCAL_WORLD_SIZE"])):
        raise InputError(
            f"devices is {config.devices}, but torchrun has started "
            f"{os.environ['LOCAL_WORLD_SIZE']} processes: leave devices out"
        )
    count = 1 if torchrun else config.devices
    port = find_free_network_port() if count > 1 else 0
    followers: list[_Follower] = []
    team: Team | None = None
    ours, done = not distributed.is_initialized(), False
    try:
        for rank in range(1, count):
            followers.append(_Follower(config, Place(rank, port), follow))
        for follower in followers:
            follower.wait_until_there()
        team = Team(make_fabric(config, Place(0, port) if followers else None))
        yield team
        done = True
    except Exception as error:
        cause = _cause(followers) if team is not None and team.lost else None
        if cause is None:
            raise
        raise cause from error
    finally:
        for follower in followers:
            follower.end(kindly=done)
        if ours and distributed.is_initialized():
            distributed.destroy_process_group()


class _Follower:
    """A process that the leader has started."""

    def __init__(self, config: RunConfig, place: Place, follow: Callable[[Team], object]) -> None:
        context = multiprocessing.get_context("spawn")
        self.words, theirs = context.Pipe(duplex=False)
        self._rank = place.local_rank()
        self._process = context.Process(
            target=_serve, args=(config, place, follow, theirs), daemon=True
        )
        with on_interrupt(signal.SIG_IGN):  # inherited: Ctrl-C is for the leader
            self._process.start()
        theirs.close()  # so that the end of the process ends the pipe

    def wait_until_there(self) -> None:
        """Wait until the process has begun."""
        error = self.last_word()
        if error is not None:
            raise error

    def last_word(self) -> Exception | None:
        """What the process says next: None when it begins, later what it has failed with."""
        try:
            word = self.words.recv()
        except EOFError:
            self._process.join()
            return ProcessError(
                f"process {self._rank} ended with exit code {self._process.exitcode}: "
                "go on with --resume, or with fewer --devices"
            )
        assert word is None or isinstance(word, Exception)
        return word

    def end(self, kindly: bool) -> None:
        """See the process to its end; if not kindly, at once."""
        if kindly:
            self._process.join(LAST_WORDS)
        self._process.kill()
        self._process.join()
        self.words.close()


def _serve(
    config: RunConfig,
    place: Place,
    follow: Callable[[Team], object],
    words: "connection.Connection[Exception | None, object]",
) -> None:
    """What a started process does: follow, and say what went wrong."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    warnings.simplefilter("ignore")  # the leader says the same
    words.send(None)
    try:
        follow(Team(make_fabric(config, place)))
    except KeyboardInterrupt:  # the leader's order
        pass
    except Exception as error:
        error.add_note(f"In process {place.local_rank()}:\n{traceback.format_exc()}")
        with suppress(OSError):  # the leader may be gone
            words.send(error)
        sys.exit(1)


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, even if it is stuck."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _cause(followers: Sequence[_Follower]) -> Exception | None:
    """What the followers have failed with, if any has: rather a cause than its consequence."""
    spoken = connection.wait([follower.words for follower in followers], LAST_WORDS)
    words = [follower.last_word() for follower in followers if follower.words in spoken]
    errors = [word for word in words if word is not None]
    return min(errors, key=lambda error: type(error) is RuntimeError, default=None)
