"""Observes with the GPU's kernels run by numba's simulator: python simulated_gpu.py IN OUT.

Set NUMBA_ENABLE_CUDASIM=1 and NUMBA_DISABLE_JIT=1. IN is a pickle of what to observe.
"""

import pickle
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from numba import cuda

from drivecnn_envs import gpu


def with_fields(make):
    """Arrays of records whose fields are attributes, as they are in kernels."""

    def made(*arguments):
        array = make(*arguments)
        if array._ary.dtype.names:
            array._ary = array._ary.view(np.recarray)
        return array

    return made


def slices_of_records(get):
    """Slices of arrays of records can be copied to, as other slices can."""

    def got(array, index):
        part = get(array, index)
        return type(array)(part) if isinstance(part, np.recarray) else part

    return got


def main() -> None:
    given, wanted = map(Path, sys.argv[1:])
    config, atlas, table, states, boxes, grades = pickle.loads(given.read_bytes())
    cuda.to_device, cuda.device_array = with_fields(cuda.to_device), with_fields(cuda.device_array)
    array = type(cuda.device_array(1))
    array.__getitem__ = slices_of_records(array.__getitem__)
    gpu.record = lambda work: lambda: work(0)  # there is nothing to record
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # of hashes that overflow, as they should
        scene = SimpleNamespace(atlas=atlas, table=table)
        observer = gpu.GpuObserver(config)
        seen = observer.observe(scene, states, boxes)
        observer.grade(seen.cameras, grades)
    np.savez(wanted, **{name: values.copy_to_host() for name, values in seen._asdict().items()})


if __name__ == "__main__":
    main()
