"""What people are told in the terminal."""

import io

from numba import njit
from rich.console import Console

from drivecnn.display import compilation_display


def test_compiling_is_said_once_and_only_where_something_is_compiled():
    double, triple = njit(lambda x: 2 * x), njit(lambda x: 3 * x)
    console = Console(file=io.StringIO())
    with compilation_display(console):
        double(1), triple(1)
    assert console.file.getvalue().count("compiling") == 1
    console = Console(file=io.StringIO())
    with compilation_display(console):
        double(1)
    assert console.file.getvalue() == ""
