"""Drive the expert on every map there is and write the tables of docs/maps.md.

    python tests/benchmarks/maps.py [--routes 100] [--only PATTERN]

Routes are 400 m long where a map has such, else 200, 100 or 60 m. `--only` prints the rows of the
maps whose name has the pattern, and writes nothing.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import warnings
from collections.abc import Iterator
from pathlib import Path

from drivecnn.evaluation import EvaluationConfig, evaluate
from drivecnn_envs.errors import MapError, MapWarning
from drivecnn_envs.maps import load_map
from drivecnn_envs.maps.highway import SCENARIOS
from drivecnn_envs.maps.procedural import DIFFICULTIES
from drivecnn_envs.observation import ObservationConfig
from drivecnn_envs.roads import summarise
from drivecnn_envs.towns import RouteOptions

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("DRIVECNN_SHARED", ROOT / ".." / "shared")) / "data/maps"
PAGE = ROOT / "docs/maps.md"
MARK = "<!-- everything below is written by tests/benchmarks/maps.py -->"
PARTS = {  # of extracts that are too large as a whole
    "harrisburg": "?around=40.262,-76.84&radius=1500",
    "liechtenstein": "?around=47.165,9.51&radius=1500",
}
LENGTHS = (400.0, 200.0, 100.0, 60.0)  # m
NO_ROUTE = "has no route of"
HEAD = (
    "| map | km | lanes | junctions | lane km | routes | success | lateral error | remarks |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def sections() -> Iterator[tuple[str, list[str]]]:
    """Headings and the specs of the maps below them."""
    yield "Procedural towns", [f"procedural:{level}:0-19" for level in DIFFICULTIES]
    yield "Circuits", ["track:0-19", *files("tracks", "*.csv")]
    yield "Scenarios of highway-env", [f"highway:{name}" for name in sorted(SCENARIOS)]
    yield "OpenDRIVE: CARLA", files("opendrive/carla", "*.xodr")
    yield "OpenDRIVE: esmini", files("opendrive/esmini", "*.xodr")
    cities = files("osm/cities", "*.osm*")
    parts = [spec + part for spec in cities for name, part in PARTS.items() if name in spec]
    yield "OpenStreetMap: cities", cities + parts
    yield "OpenStreetMap: places", files("osm/places", "*.osm*") + files("osm/osmnx", "*.osm*")
    yield "Lanelet2", files("lanelet2", "*.osm")


def files(folder: str, pattern: str) -> list[str]:
    return sorted(str(path) for path in (SHARED / folder).rglob(pattern))


def row(spec: str, routes: int) -> str:
    """The row of a map: how the expert drives it, or why it is refused."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", MapWarning)
        try:
            facts, remarks = drive(spec, routes), []
        except MapError as error:
            facts, remarks = ["-"] * 7, [f"refused: {error}"]
    remarks += dict.fromkeys(
        str(warning.message) for warning in caught if warning.category is MapWarning
    )
    said = "; ".join(remarks).replace(f"{spec}: ", "").replace(str(SHARED), "...")
    name = Path(spec).name if spec.startswith(str(SHARED)) else f"`{spec}`"
    if "drivable_xml" in spec:
        name += " (plain)"
    return "| " + " | ".join([name, *facts, said.replace("|", "/")]) + " |"


def drive(spec: str, routes: int) -> list[str]:
    """Size, number of routes, success and error of the expert on a map."""
    summary = summarise(load_map(spec.replace("0-19", "0")))
    size = [
        f"{summary.width_m / 1000:.1f} x {summary.height_m / 1000:.1f}",
        str(summary.lanes),
        str(summary.junctions),
        f"{summary.lane_km:.1f}",
    ]
    for length in LENGTHS:
        options = RouteOptions(count=routes, length=length)
        try:
            metrics = evaluate(
                EvaluationConfig(spec, options, 0, driver="expert"), None, ObservationConfig()
            ).metrics
        except MapError as error:
            if NO_ROUTE not in str(error):
                raise
            continue
        success = "**100 %**" if metrics.success_rate == 1 else f"{metrics.success_rate:.0%}"
        counts = ", ".join(f"{n} {name}" for name, n in vars(metrics.infractions).items() if n)
        return [
            *size,
            f"{routes} x {length:.0f} m",
            success + (f" ({counts})" if counts else ""),
            f"{metrics.lateral_mae_m:.2f} m",
        ]
    return [*size, "none of 60 m", "-", "-"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--routes", type=int, default=100)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    text = [MARK]
    for heading, specs in sections():
        chosen = [spec for spec in specs if arguments.only in spec]
        if not chosen:
            continue
        text += ["", f"## {heading}", "", HEAD]
        print("\n".join(text[-3:]))
        for spec in chosen:
            text.append(row(spec, arguments.routes))
            print(text[-1], flush=True)
    if not arguments.only:
        introduction = PAGE.read_text().partition(MARK)[0] if PAGE.exists() else ""
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(introduction + "\n".join(text) + "\n")


if __name__ == "__main__":
    main()
