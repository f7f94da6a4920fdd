"""A drive as an MP4: cameras, route map, a view from above, and the steering distribution."""

from drivecnn.video.film import record_drive

__all__ = ["record_drive"]
