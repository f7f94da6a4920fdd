"""Muon: momentum whose matrices are made orthogonal, with Adam for what is no matrix.

Sources: Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024; Liu et al.,
"Muon is scalable for LLM training", arXiv 2502.16982, for steps as large as Adam's. torch's own
`torch.optim.Muon` takes matrices only; most weights here are convolutions.
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

MOMENTUM = 0.95
BETAS = 0.9, 0.99  # of Adam
EPS = 1e-8
ITERATIONS = 5  # of Newton and Schulz
COEFFICIENTS = 3.4445, -4.7750, 2.0315  # of their polynomial
ADAM_SIZE = 0.2  # root mean square of a step of Adam, in learning rates


class Muon(Optimizer):
    """Muon for matrices and convolutions (their inputs flattened), Adam for all else.

    Weights decay towards zero by `learning rate x weight_decay` of themselves each step.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], weight_decay: float = 0.0) -> None:
        """Make an optimiser; the learning rate is that of its groups, 1e-3 until set."""
        super().__init__(parameters, {"lr": 1e-3, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Change all parameters that have gradients. A closure is not used."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                move = _muon if parameter.ndim >= 2 else _adam
                direction = move(parameter.grad, self.state[parameter])
                parameter.mul_(1.0 - group["lr"] * group["weight_decay"])
                parameter.sub_(group["lr"] * direction)


def _muon(gradient: Tensor, state: dict[str, Tensor]) -> Tensor:
    """The direction of a step: the nearest orthogonal matrix to Nesterov's momentum, scaled."""
    if not state:
        state["momentum"] = torch.zeros_like(gradient)
    momentum = state["momentum"].lerp_(gradient, 1.0 - MOMENTUM)
    matrix = gradient.lerp(momentum, MOMENTUM).flatten(1)  # (outputs, inputs)
    scale = ADAM_SIZE * max(matrix.shape) ** 0.5
    direction: Tensor = scale * orthogonal(matrix).view_as(gradient)
    return direction


def orthogonal(matrix: Tensor) -> Tensor:
    """About U V^T of a matrix U S V^T: Newton and Schulz bring its singular values near one.

    Each iteration multiplies X by a polynomial of X X^T, and polynomials of one matrix commute. So
    they are multiplied with each other, small and square as they are, and with X only once.
    """
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    wide = wide / wide.norm().clamp(min=1e-7)
    first, second, third = COEFFICIENTS
    gram = wide @ wide.T
    product = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    for _ in range(ITERATIONS):
        polynomial = torch.addmm(gram, gram, gram, beta=second, alpha=third)
        polynomial.diagonal().add_(first)
        product = polynomial @ product
        gram = polynomial @ gram @ polynomial
    wide = product @ wide
    nearest: Tensor = wide if matrix.shape[0] <= matrix.shape[1] else wide.T
    return nearest


def _adam(gradient: Tensor, state: dict[str, Tensor]) -> Tensor:
    """The direction of a step of Adam (Kingma, Ba, ICLR 2015)."""
    if not state:
        state["mean"], state["square"] = torch.zeros_like(gradient), torch.zeros_like(gradient)
        state["steps"] = gradient.new_zeros(())
    steps = state["steps"].add_(1)
    mean = state["mean"].lerp_(gradient, 1.0 - BETAS[0]) / (1.0 - BETAS[0] ** steps)
    square = state["square"].lerp_(gradient.square(), 1.0 - BETAS[1]) / (1.0 - BETAS[1] ** steps)
    direction: Tensor = mean / (square.sqrt() + EPS)
    return direction
