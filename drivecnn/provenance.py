"""Where a number comes from: the code's git commit and the versions it ran with."""

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "numpy", "numba", "gymnasium", "highway-env")


def git_sha() -> str | None:
    """The commit of the source tree, with `+` behind it if files differ; None outside git."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    try:
        sha = _git(root, "rev-parse", "HEAD")
        return sha + ("+" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def provenance() -> dict[str, Any]:
    """Git commit, Python and package versions, for run.json and checkpoints."""
    return {
        "git_sha": git_sha(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
    }


def _git(root: Path, *arguments: str) -> str:
    result = subprocess.run(  # noqa: S603 - fixed arguments
        ["git", "-C", str(root), *arguments],  # noqa: S607 - git from the user's path
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout.strip()
