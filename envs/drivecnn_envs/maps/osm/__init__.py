"""OpenStreetMap: ways and tags as streets, junctions where they meet, and the lanes of both."""

from drivecnn_envs.maps.osm.network import OsmOptions, read_osm, read_place

__all__ = ["OsmOptions", "read_osm", "read_place"]
