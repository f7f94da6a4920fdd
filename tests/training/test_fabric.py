"""The precision that a training takes."""

import pytest
import torch

from drivecnn.training.config import OptimiserConfig
from drivecnn.training.fabric import precision_of

UNITS = [(True, "bf16-mixed"), (False, "32-true")]


def build_for_gpus(monkeypatch, there):
    """Make torch one that is built for GPUs, on a machine that has one or not."""

    def current(check_available=False):
        return torch.device("cuda") if there or not check_available else None

    monkeypatch.setattr(torch.accelerator, "current_accelerator", current)


@pytest.mark.parametrize("accelerator", ["cpu", "auto"])
@pytest.mark.parametrize(("units", "expected"), UNITS)
def test_a_cpu_computes_in_bfloat16_where_it_has_units_for_it(
    units, expected, accelerator, monkeypatch
):
    build_for_gpus(monkeypatch, there=False)
    capabilities = {"avx512_f": True, "amx_bf16": units}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert precision_of(OptimiserConfig(accelerator=accelerator)) == expected


def test_a_cpu_of_another_kind_computes_in_32_bits(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"neon": True})
    assert precision_of(OptimiserConfig(accelerator="cpu")) == "32-true"


@pytest.mark.parametrize(("units", "expected"), UNITS)
def test_a_gpu_computes_in_bfloat16_where_it_has_units_for_it(units, expected, monkeypatch):
    build_for_gpus(monkeypatch, there=True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: units)
    assert precision_of(OptimiserConfig()) == expected


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_precision_that_is_asked_for_is_taken(precision):
    assert precision_of(OptimiserConfig(precision=precision)) == precision
