"""Average the weights of trainings that began with the same policy, and fit the temperature anew.

    python tests/benchmarks/average.py OUT RUN=SHARE RUN=SHARE...

The shares add up to one. OUT is a run folder; what its checkpoint says about the training is of the
first RUN, and which runs it averages. The temperature is fitted as at the end of the first RUN, on
the towns of its validation. After Wortsman et al., "Model soups", 2022.
"""

import sys

import torch

from drivecnn.evaluation import load_run
from drivecnn.policy.checkpoint import load_metadata, run_path, save_policy
from drivecnn.rollout import every_route
from drivecnn.uncertainty import fit_temperature
from drivecnn_envs.towns import RouteOptions, load_simulator


def main() -> None:
    out, *terms = sys.argv[1:]
    shares = {run: float(share) for run, share in (term.rsplit("=", 1) for term in terms)}
    if abs(sum(shares.values()) - 1.0) > 1e-6:
        sys.exit(f"the shares add up to {sum(shares.values()):g}, expected 1")
    runs = {run: load_run(run_path(run)) for run in shares}
    weights = {run: policy.state_dict() for run, (policy, _) in runs.items()}
    first = next(iter(runs))
    policy, observation = runs[first]
    policy.load_state_dict(
        {
            name: sum(share * weights[run][name] for run, share in shares.items())
            for name in policy.state_dict()
        }
    )
    metadata = load_metadata(run_path(first))
    config = metadata["config"]
    towns = load_simulator(
        config["validation"]["maps"],
        RouteOptions(config["validation"]["routes"], config["validation"]["route_length"]),
        observation,
        config["seed"],
        config["data"]["traffic"],
        config["policy"]["frames"],
    )
    with torch.no_grad():
        fit_temperature(policy, towns, every_route(towns, config["seed"]))
    save_policy(policy, out, {**metadata, "average_of": shares})
    print(f"{out}: temperature {policy.temperature.item():.3f}")


if __name__ == "__main__":
    main()
