"""The table that the benchmarks of driving print: one row for each evaluation."""

from rich.table import Table

from drivecnn.metrics import Metrics


def driving_table(first: str) -> Table:
    """An empty table; `first` is what its rows are called by."""
    columns = "success", "95 %", "junctions", "lateral error", "> 1 m", "per 100 km", "whiteness"
    return Table(first, *columns)


def add_driving(table: Table, name: str, metrics: Metrics) -> None:
    """Add a row."""
    low, high = metrics.ci95.success_rate
    table.add_row(
        name,
        f"{metrics.success_rate:.0%}",
        f"{low:.0%}-{high:.0%}",
        f"{metrics.junctions.correct}/{metrics.junctions.entered}",
        f"{metrics.lateral_mae_m:.2f} m",
        f"{metrics.beyond_1m_fraction:.2%}",
        f"{100.0 * metrics.interventions / metrics.km:.0f}",
        f"{metrics.whiteness_deg_s:.1f} deg/s",
    )
