"""Encoders by name. Every file of this folder is read, so that adding one is adding a file."""

import importlib
import pkgutil

from drivecnn.policy.encoders.registry import (
    ENCODERS,
    Encoder,
    build_encoder,
    check_encoder,
    register,
)

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["ENCODERS", "Encoder", "build_encoder", "check_encoder", "register"]
