"""The command line: `drivecnn train | evaluate | drive | uncertainty | speedrun | map`."""

import os
import sys
import time
from collections.abc import Sequence

BEGAN = time.time()  # s, when Python first ran anything of drivecnn's command line

# On a machine that others use too, OpenMP's busy waiting makes small parallel loops ten times
# slower. It reads this when it is loaded, so it is set before torch and numba are imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# W&B sends error reports and usage telemetry also from offline runs. Nothing leaves this machine
# unless the user asks for it.
os.environ.setdefault("WANDB_ERROR_REPORTING", "false")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. Returns the exit code.

    0, 1 for a training that failed, 2 for bad input, 130 after Ctrl-C.
    """
    from drivecnn.commands import run  # after the environment is set

    return run(sys.argv[1:] if arguments is None else list(arguments), BEGAN)


if __name__ == "__main__":
    sys.exit(main())
