"""What people are told in the terminal."""

import io

from numba import njit
from rich.console import Console

from drivecnn.display import compilation_display, uncertainty_display


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


def test_what_is_judged_is_shown_on_a_terminal_and_nothing_stays_in_a_file():
    terminal, file = io.StringIO(), io.StringIO()
    for console in (Console(file=terminal, force_terminal=True), Console(file=file)):
        with uncertainty_display(console) as on_stage:
            on_stage("its calibration")
    assert "judging its calibration" in terminal.getvalue()
    assert file.getvalue() == ""
