"""Work on a GPU that is launched at once."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

WARM_UP = 3  # times that work is done as usual before it is recorded


class Recorded:
    """Work on the current GPU that is recorded, and then replayed as one launch: a CUDA graph.

    A training step is a thousand small kernels, and launching each takes longer than running it.
    """

    def __init__(self, work: Callable[..., Any]) -> None:
        """Make a replayable piece of work.

        Args:
            work: takes tensors whose shapes stay as they are; never waits for the GPU; what else it
                reads and writes stays at its place in memory. What it answers is overwritten by
                the next time.
        """
        self._work = work
        self._done = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._inputs: list[Tensor] = []
        self._answer: Any = None

    def __call__(self, *inputs: Tensor) -> Any:  # noqa: ANN401 - whatever the work answers
        """Do the work on inputs."""
        if self._done < WARM_UP:
            self._done += 1
            return self._aside(*inputs)
        if self._graph is None:
            self._inputs = [value.clone() for value in inputs]
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._answer = self._work(*self._inputs)
        for own, value in zip(self._inputs, inputs, strict=True):
            own.copy_(value)
        self._graph.replay()
        return self._answer

    def _aside(self, *inputs: Tensor) -> Any:  # noqa: ANN401 - as above
        """Do the work on a stream of its own, as what is to be recorded must be done before."""
        present = torch.cuda.current_stream()
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(present)
        with torch.cuda.stream(stream):
            answer = self._work(*inputs)
        present.wait_stream(stream)
        return answer
