"""OpenDRIVE files: records, lanes, links, and the network they make."""

from drivecnn_envs.maps.opendrive.network import read_opendrive

__all__ = ["read_opendrive"]
