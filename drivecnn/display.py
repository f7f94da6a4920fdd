"""What people see in the terminal: progress bars and tables."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from numba.core.event import Event, Listener, install_listener
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as ProgressBar
from rich.table import Table
from rich.text import Text

from drivecnn.episode import Episode
from drivecnn.evaluation import Evaluation
from drivecnn.junctions import APART
from drivecnn.training.run import Progress
from drivecnn.uncertainty import UncertaintyReport
from drivecnn_envs.roads import MapSummary


class _CompilationNote(Listener):
    """Says it when numba compiles for the first time; what is on disk it only loads."""

    def __init__(self, console: Console) -> None:
        self._console, self._said = console, False

    def on_start(self, event: Event) -> None:
        """Say it, the first time."""
        if not self._said:
            self._said = True
            self._console.print("compiling kernels for this processor: minutes, but only once")

    def on_end(self, event: Event) -> None:
        """Say nothing more."""


@contextmanager
def compilation_display(console: Console) -> Iterator[None]:
    """Say why the first run on a machine takes minutes to begin."""
    with install_listener("numba:compile", _CompilationNote(console)):
        yield


class _TotalTimeColumn(TimeRemainingColumn):
    """How long the whole task will take."""

    def render(self, task: Task) -> Text:
        """Elapsed and remaining time together, minutes and seconds."""
        if task.total is None or task.time_remaining is None or task.elapsed is None:
            return Text("-:--")
        minutes, seconds = divmod(round(task.elapsed + task.time_remaining), 60)
        return Text(f"{minutes}:{seconds:02d}")


def _bar(console: Console) -> ProgressBar:
    return ProgressBar(
        TextColumn("{task.description}"),
        BarColumn(bar_width=12),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("of"),
        _TotalTimeColumn(),
        TextColumn("{task.fields[status]}"),
        console=console,
    )


@contextmanager
def training_display(console: Console) -> Iterator[Callable[[Progress], None]]:
    """A bar for training: steps, time left, loss, and the success so far.

    At the end a line says how many steps were skipped, if any were.
    """
    skipped = 0
    with _bar(console) as bar:
        task = bar.add_task("training", total=None, status="building towns")

        def update(progress: Progress) -> None:
            nonlocal skipped
            skipped = progress.skipped
            status = f"loss {progress.loss:.2f}"
            if progress.success is not None:
                status += f" driving {progress.success:.0%}"
            if progress.validation is not None:
                status += f" unseen {progress.validation.success_rate:.0%}"
            bar.update(task, total=progress.steps, completed=progress.step, status=status)

        yield update
    if skipped:
        console.print(f"skipped steps: {skipped}, as their loss or gradient was not finite")


@contextmanager
def evaluation_display(console: Console, routes: int) -> Iterator[Callable[[Episode], None]]:
    """A bar for evaluation: routes driven and the success so far."""
    with _bar(console) as bar:
        task = bar.add_task("evaluation", total=routes, status="building towns")
        driven = successes = 0

        def update(episode: Episode) -> None:
            nonlocal driven, successes
            driven, successes = driven + 1, successes + episode.success
            bar.update(task, advance=1, status=f"success {successes / driven:.0%}")

        yield update


@contextmanager
def uncertainty_display(console: Console) -> Iterator[Callable[[str], None]]:
    """What of a policy is judged at present."""
    with console.status("building towns") as status:
        yield lambda stage: status.update(f"judging {stage}")


@contextmanager
def video_display(console: Console) -> Iterator[Callable[[int], None]]:
    """A counter of the frames of a video."""
    with _bar(console) as bar:
        task = bar.add_task("video", total=None, status="frames")
        yield lambda frames: bar.update(task, completed=frames)


def evaluation_table(evaluation: Evaluation) -> Table:
    """The result of an evaluation."""
    metrics, config = evaluation.metrics, evaluation.config
    who = config.driver if config.drop is None else f"{config.driver} without {config.drop}"
    low, high = metrics.ci95.success_rate
    title = f"{who} on {config.map}, {metrics.routes} routes"
    if config.traffic != "none":
        title += f", traffic {config.traffic}"
    table = Table(title=title, title_justify="left")
    table.add_column("measure")
    table.add_column("value", justify="right")
    infractions = metrics.infractions
    rows = {
        "success": f"{metrics.success_rate:.1%}  (95 %: {low:.1%} to {high:.1%})",
        "route completion": f"{metrics.route_completion:.1%}",
        "driving score": f"{metrics.driving_score:.3f}",
        "junctions correct": f"{metrics.junctions.correct} of {metrics.junctions.entered}",
        "lateral error": f"{metrics.lateral_mae_m:.3f} m, {metrics.beyond_1m_fraction:.2%} > 1 m",
        "whiteness": f"{metrics.whiteness_deg_s:.1f} deg/s",
        "interventions": f"{metrics.interventions} in {metrics.km:.1f} km",
        "autonomy": f"{metrics.autonomy:.1f} %",
        "off road, off route": f"{infractions.off_road}, {infractions.off_route}",
        "collision, timeout": f"{infractions.collision}, {infractions.timeout}",
        "hit a vehicle, hit by one": (
            f"{infractions.vehicle_collision}, {infractions.hit_by_vehicle}"
        ),
        "collisions caused": f"{metrics.collisions_per_km:.2f} per km",
        "lane departures": f"{infractions.lane_departure}",
        "negative log-likelihood": "-" if metrics.nll is None else f"{metrics.nll:.2f} nats",
        "speed": f"{evaluation.sim_seconds / evaluation.seconds:.0f} x real time",
    }
    for measure, value in rows.items():
        table.add_row(measure, value)
    return table


def uncertainty_table(report: UncertaintyReport, name: str) -> Table:
    """What is known about a policy's distributions."""
    table = Table(title=f"distributions on {name}", title_justify="left")
    for heading in ("measure", "looks of the training", "new looks"):
        table.add_column(heading, justify="left" if heading == "measure" else "right")
    looks = report.calibration, report.new_looks
    table.add_row("negative log-likelihood", *(f"{c.nll:.2f} nats" for c in looks))
    table.add_row("CRPS", *(f"{1e3 * c.crps:.2f} /km" for c in looks))
    table.add_row("coverage error", *(f"{100 * c.coverage_error:.1f} points" for c in looks))
    table.add_row("width of 90 % intervals", *(f"{c.sharpness:.3f} 1/m" for c in looks))
    table.add_section()
    junctions = report.junctions
    rows = {
        "ways found, modes right (no route)": (junctions.recall, junctions.precision),
        "mass on the route's way": (junctions.routed_mass,),
        f"both, of ways {APART} 1/m apart": (junctions.recall_apart, junctions.routed_mass_apart),
        "one mode between junctions": (junctions.one_mode_unrouted, junctions.one_mode_routed),
    }
    for measure, shares in rows.items():
        table.add_row(measure, ", ".join(map(_percent, shares)))
    nll = "-" if junctions.nll is None else f"{junctions.nll:.2f} nats"
    table.add_row("negative log-likelihood of ways", nll)
    table.add_section()
    for corruption, area in report.entropy_auroc.items():
        others = report.ensemble_auroc
        ensemble = "" if others is None else f", ensemble {others[corruption]:.2f}"
        table.add_row(f"AUROC, {corruption.replace('_', ' ')}", f"{area:.2f}{ensemble}")
    return table


def _percent(share: float | None) -> str:
    """A share, or a dash where there is none."""
    return "-" if share is None else f"{share:.1%}"


def summary_table(name: str, summary: MapSummary) -> Table:
    """The size of a map."""
    table = Table(title=name, title_justify="left", show_header=False)
    table.add_row("size", f"{summary.width_m:.0f} x {summary.height_m:.0f} m")
    table.add_row("lanes", str(summary.lanes))
    table.add_row("junctions", str(summary.junctions))
    table.add_row("lane km outside junctions", f"{summary.lane_km:.2f}")
    table.add_row("lane km in junctions", f"{summary.junction_lane_km:.2f}")
    return table
