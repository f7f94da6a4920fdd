"""The precision that a training takes."""

import pytest
import torch

from drivecnn.training.config import OptimiserConfig
from drivecnn.training.fabric import precision_of


@pytest.mark.parametrize(("units", "expected"), [(True, "bf16-mixed"), (False, "32-true")])
def test_a_cpu_computes_in_bfloat16_where_it_has_units_for_it(units, expected, monkeypatch):
    capabilities = {"avx512_f": True, "amx_bf16": units}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert precision_of(OptimiserConfig(accelerator="cpu")) == expected


def test_a_cpu_of_another_kind_computes_in_32_bits(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"neon": True})
    assert precision_of(OptimiserConfig(accelerator="cpu")) == "32-true"


@pytest.mark.parametrize(("units", "expected"), [(True, "bf16-mixed"), (False, "32-true")])
def test_a_gpu_computes_in_bfloat16_where_it_has_units_for_it(units, expected, monkeypatch):
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: units)
    assert precision_of(OptimiserConfig()) == expected


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_precision_that_is_asked_for_is_taken(precision):
    assert precision_of(OptimiserConfig(precision=precision)) == precision
