"""Places by name, with a stand-in for what osmnx downloads."""

import sys
import time
from types import SimpleNamespace

import networkx as nx
import pytest

from drivecnn_envs.errors import MapError
from drivecnn_envs.maps.osm import OsmOptions, read_place
from drivecnn_envs.maps.osm import place as osm_place


def town(place, *, network_type, simplify):
    """A street of two ways and a oneway street that joins it, as osmnx gives them."""
    assert not simplify
    graph = nx.MultiDiGraph()
    for node, (x, y) in {1: (0, 0), 2: (0.002, 0), 3: (0.004, 0), 4: (0.002, 0.002)}.items():
        graph.add_node(node, x=x, y=y)
    for start, end, way in ((1, 2, 7), (2, 3, 7)):
        tags = {"osmid": way, "highway": "primary", "lanes": "4", "oneway": False}
        graph.add_edge(start, end, **tags, reversed=False)
        graph.add_edge(end, start, **tags, reversed=True)
    graph.add_edge(4, 2, osmid=8, highway="residential", oneway=True, reversed=False)
    graph.add_edge(4, 1, osmid=9, highway="service", oneway=False, reversed=False)
    return graph


@pytest.fixture
def osmnx(monkeypatch):
    """A stand-in for osmnx."""
    settings = SimpleNamespace(useful_tags_way=["name"], requests_timeout=180, use_cache=True)
    module = SimpleNamespace(settings=settings, graph_from_place=town)
    monkeypatch.setitem(sys.modules, "osmnx", module)
    return module


def test_a_place_becomes_a_network(osmnx):
    network = read_place("Somewhere")
    assert network.name == "Somewhere"
    assert len(network.graph["0+:start"]["0+:end"]) == 2
    assert len(network.graph["2+:start"]["2+:end"]) == 1
    assert "2-:start" not in network.graph


def test_service_roads_are_asked_for(osmnx):
    assert len(read_place("Somewhere", OsmOptions(service=True)).lanes) > len(
        read_place("Somewhere").lanes
    )


def test_osmnx_is_left_with_its_own_settings(osmnx):
    read_place("Somewhere")
    assert vars(osmnx.settings) == {
        "useful_tags_way": ["name"],
        "requests_timeout": 180,
        "use_cache": True,
    }


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionError("no route"), "expected a network connection"),
        (ValueError("found\nno results"), "got found no results: correct the name"),
    ],
)
def test_failed_downloads_say_what_to_do(osmnx, error, reason):
    def fail(*_, **__):
        raise error

    osmnx.graph_from_place = fail
    with pytest.raises(MapError, match=reason):
        read_place("Nowhere")


def test_a_place_without_an_answer_is_given_up(osmnx, monkeypatch):
    monkeypatch.setattr(osm_place, "DOWNLOAD_TIMEOUT", 0.05)
    osmnx.graph_from_place = lambda *_, **__: time.sleep(0.5)
    with pytest.raises(MapError, match="no answer within"):
        read_place("Slow")


def test_a_place_without_roads_is_refused(osmnx):
    osmnx.graph_from_place = lambda *_, **__: nx.MultiDiGraph()
    with pytest.raises(MapError, match="has no road"):
        read_place("Desert")


def test_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "osmnx", None)
    with pytest.raises(MapError, match=r"pip install 'drivecnn\[osm\]'"):
        read_place("Somewhere")
