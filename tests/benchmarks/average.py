"""Average the weights of trainings that began with the same policy, and fit the temperature anew.

    python tests/benchmarks/average.py OUT RUN=SHARE RUN=SHARE...

The shares add up to one. OUT is a run folder; what its checkpoint says about the training is of the
first RUN, and which runs it averages. The temperature is fitted as at the end of a training, on the
towns that the policies in drivecnn are validated on. After Wortsman et al., "Model soups", 2022.
"""

import sys

import torch

from drivecnn.evaluation import load_run
from drivecnn.policy.checkpoint import load_metadata, run_path, save_policy
from drivecnn.rollout import every_route
from drivecnn.uncertainty import fit_temperature
from drivecnn_envs.towns import RouteOptions, load_simulator

LEVELS = ("easy", "medium", "hard", "city")
TOWNS = [f"procedural:{level}:{seed}" for level in LEVELS for seed in (900, 901)]
ROUTES = RouteOptions(128, 250.0)


def main() -> None:
    out, *terms = sys.argv[1:]
    shares = {run: float(share) for run, share in (term.rsplit("=", 1) for term in terms)}
    if abs(sum(shares.values()) - 1.0) > 1e-6:
        sys.exit(f"the shares add up to {sum(shares.values()):g}, expected 1")
    first = next(iter(shares))
    policy, observation = load_run(run_path(first))
    weights = {run: load_run(run_path(run))[0].state_dict() for run in shares}
    policy.load_state_dict(
        {
            name: sum(share * weights[run][name] for run, share in shares.items())
            for name in policy.state_dict()
        }
    )
    towns = load_simulator(TOWNS, ROUTES, observation, traffic="regular")
    with torch.no_grad():
        fit_temperature(policy, towns, every_route(towns, 0))
    save_policy(policy, out, {**load_metadata(run_path(first)), "average_of": shares})
    print(f"{out}: temperature {policy.temperature.item():.3f}")


if __name__ == "__main__":
    main()
