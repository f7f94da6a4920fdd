"""Checkpoints: weights, config and notes about the training in one safetensors file.

`policy.safetensors` is the checkpoint: its header carries the config and the metadata, so that they
can never disagree with the weights, and one rename replaces them all. `policy.json` beside it is
the same header for people to read; a copy that was edited is refused rather than ignored.
"""

import dataclasses
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from drivecnn.policy.errors import PolicyError
from drivecnn.policy.network import DrivingPolicy, PolicyConfig

FORMAT = 2  # raise it when a checkpoint of before can no longer be read
WEIGHTS_NAME = "policy.safetensors"
COPY_NAME = "policy.json"
HEADER_KEY = "drivecnn"
SHIPPED = Path(__file__).parents[1] / "shipped"  # the run folder of the policy in this package


class CheckpointError(ValueError):
    """A checkpoint cannot be read or written. The message is one line that names the file."""


def save_policy(
    policy: DrivingPolicy, folder: str | Path, metadata: dict[str, object] | None = None
) -> Path:
    """Write the policy into a run folder, which is made if missing. Returns the safetensors path.

    Both files are written under a temporary name and renamed: a reader, or a run that is stopped
    here, finds the old checkpoint or the new one, never a part.

    Args:
        policy: the policy; it may be on any device.
        folder: the run folder.
        metadata: notes to travel along (step, success, git sha); JSON values only.

    Raises:
        CheckpointError: when the metadata is not JSON or the folder cannot be written.
    """
    header = {
        "format": FORMAT,
        "policy": dataclasses.asdict(policy.config),
        "metadata": metadata or {},
    }
    try:
        compact, readable = json.dumps(header), json.dumps(header, indent=2) + "\n"
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"metadata of a checkpoint must be JSON values: {error}") from error
    tensors = {
        name: value.detach().cpu().contiguous() for name, value in policy.state_dict().items()
    }
    path = Path(folder) / WEIGHTS_NAME
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, save(tensors, metadata={HEADER_KEY: compact}))
        replace_file(path.with_name(COPY_NAME), readable.encode())
    except OSError as error:
        raise CheckpointError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def load_policy(path: str | Path = SHIPPED) -> DrivingPolicy:
    """The policy of a run folder or of a .safetensors file, in eval mode, on the CPU.

    Without a path it is the one that comes with drivecnn.

    Raises:
        CheckpointError: one line, when it is missing, broken, of another format version, or its
            tensors are not those of its config.
    """
    path = _weights_path(path)
    header, tensors = _read(path)
    config = _config(path, header["policy"])
    try:
        with torch.device("meta"):  # shapes only: the weights come from the file
            policy = DrivingPolicy(config)
    except PolicyError as error:
        raise CheckpointError(f"{path}: {error}") from error
    except (RuntimeError, TypeError) as error:  # torch's own
        raise CheckpointError(f"{path}: its config asks for a network too large to be") from error
    _check_tensors(path, tensors, policy.state_dict())
    policy.load_state_dict(tensors, assign=True)
    return policy.eval()


def load_metadata(path: str | Path = SHIPPED) -> dict[str, object]:
    """The metadata that was saved with the policy of a run folder or of a .safetensors file.

    Raises:
        CheckpointError: as load_policy.
    """
    header, _ = _read(_weights_path(path), with_tensors=False)
    metadata = header["metadata"]
    assert isinstance(metadata, dict)  # _check_header
    return metadata


def replace_file(path: Path, content: bytes) -> None:
    """Put the content at the path in one step: a temporary file in the same folder, renamed."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)  # mkstemp's own 0o600 would hide the run from a team
        Path(temporary).replace(path)
    except BaseException as error:  # also Ctrl-C: leave nothing behind
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError):  # a full disk does not say which file it was
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def check_folder(folder: Path) -> None:
    """See that a folder can be made and written to, before the work that is to go there.

    Raises:
        OSError: naming what stands in the way, if not.
    """
    there = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(there)) from error


def check_is_new(folder: Path) -> None:
    """Refuse to train into a folder that holds a policy.

    Raises:
        CheckpointError: one line, if it does.
    """
    if (folder / WEIGHTS_NAME).exists():
        raise CheckpointError(f"{folder} holds a policy already: give another --out")


def run_path(run: str | Path) -> Path:
    """Where a run is that somebody names: `shipped` is the one that comes with drivecnn."""
    return SHIPPED if str(run) == SHIPPED.name else Path(run)


def _weights_path(path: str | Path) -> Path:
    """The .safetensors file that a run folder or a file path means."""
    path = Path(path)
    if path.is_dir():
        if not (path / WEIGHTS_NAME).is_file():
            raise CheckpointError(f"no {WEIGHTS_NAME} in {path}: train a policy into it first")
        return path / WEIGHTS_NAME
    if not path.is_file():
        raise CheckpointError(
            f"no checkpoint at {path}: expected a run folder or a .safetensors file"
        )
    return path


def _read(path: Path, with_tensors: bool = True) -> tuple[dict[str, object], dict[str, Tensor]]:
    """The checked header and the tensors of a .safetensors file."""
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(HEADER_KEY)
            names = file.keys() if with_tensors else []
            tensors = {name: file.get_tensor(name) for name in names}
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from error
    except SafetensorError as error:
        raise CheckpointError(
            f"{path} is damaged or no safetensors file: {_one_line(error)}"
        ) from error
    if text is None:
        raise CheckpointError(f"{path} was not written by drivecnn: its header has no {HEADER_KEY}")
    header = _check_header(path, text)
    copy = path.with_name(COPY_NAME)
    if path.name == WEIGHTS_NAME and copy.is_file():
        _check_copy(copy, header)
    return header, tensors


def _check_header(path: Path, text: str) -> dict[str, object]:
    """The header that the JSON text holds; a CheckpointError when this code cannot read it."""
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: the header is not JSON: {_one_line(error)}") from error
    if not isinstance(header, dict) or "format" not in header:
        raise CheckpointError(f"{path}: no format version, expected format {FORMAT}")
    if header["format"] != FORMAT:
        raise CheckpointError(
            f"{path}: checkpoint format {header['format']}, this drivecnn reads {FORMAT}: "
            "use the drivecnn that wrote it, or train again"
        )
    for key in ("policy", "metadata"):
        if not isinstance(header.get(key), dict):
            raise CheckpointError(f"{path}: no {key}, expected a mapping under that name")
    return header


def _check_copy(copy: Path, header: dict[str, object]) -> None:
    """Refuse a policy.json that was edited or belongs to another checkpoint.

    The metadata may differ: a run stopped between the two renames leaves the copy one step old.
    """
    try:
        text = copy.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"cannot read {copy}: {_one_line(error)}") from error
    if _check_header(copy, text)["policy"] != header["policy"]:
        raise CheckpointError(
            f"{copy} does not describe the {WEIGHTS_NAME} beside it: "
            "it is only a copy of that file's header, delete it"
        )


def _config(path: Path, fields: object) -> PolicyConfig:
    """The PolicyConfig of a header. A missing field takes its default: older checkpoints load."""
    assert isinstance(fields, dict)  # _check_header
    known = {field.name for field in dataclasses.fields(PolicyConfig)}
    unknown = sorted(set(fields) - known)
    if unknown:
        raise CheckpointError(
            f"{path}: unknown policy setting {unknown[0]!r}, this drivecnn knows "
            f"{', '.join(sorted(known))}"
        )
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
    }
    try:
        return PolicyConfig(**values)
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from error


def _check_tensors(path: Path, got: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    """Raise a CheckpointError unless names, shapes and dtypes are those the config makes."""
    for name in sorted(expected.keys() - got.keys()):
        raise CheckpointError(f"{path}: no tensor {name}, which its config asks for")
    for name in sorted(got.keys() - expected.keys()):
        raise CheckpointError(f"{path}: tensor {name} is not one its config asks for")
    for name, value in got.items():
        if value.shape != expected[name].shape or value.dtype != expected[name].dtype:
            raise CheckpointError(
                f"{path}: tensor {name} is {tuple(value.shape)} {value.dtype}, its config asks for "
                f"{tuple(expected[name].shape)} {expected[name].dtype}"
            )


def _one_line(error: Exception) -> str:
    """The error's message without line breaks."""
    return " ".join(str(error).split())
