"""OpenStreetMap documents in a few words: nodes in metres, ways with tags."""

METRES_PER_DEGREE = 111_200.0  # at the equator, in both directions and within a percent
ROAD = {"highway": "residential"}


def way(name, nodes, **tags):
    """A way along nodes; `__` in a tag's name stands for a colon."""
    return name, nodes, ROAD | {key.replace("__", ":"): str(value) for key, value in tags.items()}


def restriction(kind, origin, via, target):
    """A turn restriction."""
    return (
        f"<relation id='1'><member type='way' ref='{origin}' role='from'/>"
        f"<member type='node' ref='{via}' role='via'/>"
        f"<member type='way' ref='{target}' role='to'/>"
        f"<tag k='type' v='restriction'/><tag k='restriction' v='{kind}'/></relation>"
    )


def document(places, ways, more="", east=10.0):
    """A whole document; places are x and y [m] by node."""
    nodes = "".join(
        f"<node id='{node}' lat='{y / METRES_PER_DEGREE:.7f}' "
        f"lon='{east + x / METRES_PER_DEGREE:.7f}'/>\n"
        for node, (x, y) in places.items()
    )
    roads = "".join(
        f"<way id='{name}'>"
        + "".join(f"<nd ref='{node}'/>" for node in along)
        + "".join(f"<tag k='{key}' v='{value}'/>" for key, value in tags.items())
        + "</way>\n"
        for name, along, tags in ways
    )
    return f"<osm version='0.6'>\n{nodes}{roads}{more}</osm>"


CROSS = {0: (0, 0), 1: (150, 0), 2: (0, 150), 3: (-150, 0), 4: (0, -150)}


def crossroads(more="", **tags):
    """Four streets, ways 1 to 4, that meet in node 0: from the east, north, west and south."""
    return document(CROSS, [way(arm, [arm, 0], **tags) for arm in (1, 2, 3, 4)], more)
