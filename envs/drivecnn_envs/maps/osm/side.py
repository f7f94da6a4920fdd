"""On which side traffic keeps: what the map says, or else the country it lies in."""

import math
from collections.abc import Iterable

# Degrees south, west, north, east. Coarse: right for towns, not for every village at a border.
LEFT_HAND_BOXES = (
    (49.8, -6.5, 51.0, 1.0),  # Cornwall to Sussex
    (51.0, -10.7, 61.0, 1.45),  # United Kingdom, Ireland
    (52.0, 1.4, 53.0, 1.8),  # East Anglia
    (35.7, 14.1, 36.1, 14.6),  # Malta
    (34.4, 32.2, 35.8, 34.7),  # Cyprus
    (24.0, 122.9, 28.6, 131.4),  # Okinawa
    (28.6, 128.5, 34.0, 132.0),  # Kyushu
    (33.9, 130.0, 38.5, 142.0),  # Japan
    (38.5, 138.5, 45.6, 146.0),  # Japan's north
    (22.13, 113.83, 22.51, 114.45),  # Hong Kong
    (22.1, 113.52, 22.218, 113.6),  # Macao
    (5.5, 98.25, 17.9, 102.3),  # Thailand
    (17.9, 97.5, 20.5, 101.0),  # Thailand's north
    (14.4, 102.3, 17.7, 104.6),  # Thailand's east
    (-11.5, 95.0, 7.4, 119.3),  # Malaysia, Singapore, Indonesia, Brunei
    (-11.5, 119.3, 4.5, 141.1),  # Indonesia's east, Timor
    (-44.5, 112.0, -9.0, 154.5),  # Australia
    (-48.0, 165.5, -33.5, 180.0),  # New Zealand
    (-12.0, 141.0, 0.0, 163.0),  # New Guinea, Solomon Islands
    (-21.0, 176.5, -12.0, 180.0),  # Fiji
    (5.8, 68.0, 28.0, 89.0),  # India, Sri Lanka, Nepal
    (28.0, 68.0, 35.5, 80.5),  # India's north
    (28.0, 80.5, 29.5, 84.0),  # Nepal's west
    (20.5, 88.0, 26.9, 92.7),  # Bangladesh
    (23.8, 92.7, 25.5, 94.4),  # Manipur
    (25.5, 89.0, 28.3, 96.0),  # Bhutan, Assam
    (24.8, 61.5, 37.1, 75.5),  # Pakistan
    (-1.0, 72.5, 7.2, 73.8),  # Maldives
    (-35.0, 16.4, -17.4, 36.5),  # southern Africa
    (-29.0, 11.7, -17.4, 16.4),  # Namibia
    (-27.0, 30.0, -10.4, 41.0),  # Mozambique, Malawi
    (-18.1, 22.0, -12.4, 30.0),  # Zambia
    (-15.0, 28.9, -8.3, 34.0),  # Zambia's north-east
    (-12.0, 30.9, -1.0, 40.6),  # Tanzania
    (-8.3, 29.6, -4.5, 31.0),  # Tanzania's west
    (-1.0, 29.8, 4.2, 35.0),  # Uganda
    (-4.8, 34.0, 4.3, 41.2),  # Kenya
    (-20.6, 57.2, -19.9, 57.9),  # Mauritius
    (17.6, -78.5, 18.6, -76.1),  # Jamaica
    (20.9, -79.3, 27.5, -72.7),  # Bahamas
    (10.0, -61.9, 13.4, -59.4),  # Trinidad, Barbados
    (1.9, -59.6, 8.6, -54.1),  # Guyana, Suriname
)


def keeps_left(
    named: Iterable[str], ring_turns: Iterable[float], north: float, east: float
) -> bool:
    """Whether traffic keeps to the left: the map's tags, else its roundabouts, else the country.

    Args:
        named: values of driving_side tags.
        ring_turns: rad, how far each roundabout turns in all, counter-clockwise positive.
        north: degrees.
        east: degrees.
    """
    sides = {value for value in named if value in ("left", "right")}
    if len(sides) == 1:
        return sides == {"left"}
    votes = sum(math.copysign(1.0, turn) for turn in ring_turns if abs(turn) > math.pi)
    if votes:
        return votes < 0  # where traffic keeps left, roundabouts run clockwise
    return any(
        south <= north <= top and west <= east <= right
        for south, west, top, right in LEFT_HAND_BOXES
    )
