"""What a town is like everywhere: the choices that its seed makes once."""

from typing import NamedTuple, Self

import numpy as np


class Townscape(NamedTuple):
    """The character of a town, for kernels. Shares, limits and likelihoods are from 0 to 1.

    Limits are compared with noise that is around 0.5: what needs more than 1 is nowhere.
    """

    sun_x: float  # direction to where the sun stands, a unit vector
    sun_y: float
    sun_slope: float  # m that a ray of the sun rises per metre
    pavement: float  # m, its width; 0 if there is none
    verge: float  # m of grass between kerb and pavement
    kerb_shade: float
    rural: float  # limit of the district's noise below which there is open country
    shoulder: float  # m of gravel beside roads without pavement
    field: float  # limit for soil instead of grass
    gravel: float  # limit for gravel
    tracks: float  # shade that wheels add to the road along their tracks
    oil: float  # shade that oil takes away from lane middles at most
    cracks: float  # half width of the noise's band that is cracked
    repaved: float  # shade of stretches with another asphalt, against the rest
    puddles: float  # limit
    patches: float  # likelihood of a mended rectangle every 4 m of lane
    manholes: float  # likelihood of a cover every 4 m of lane
    wear: float  # share of their paint that markings lose where they are worn most
    faded: float  # limit for stretches whose markings are nearly gone
    stop_lines: float  # share of the lanes that end at a junction
    zebras: float  # share of the junctions' arms
    arrows: float  # share of the multi-lane roads that lead to a junction
    houses: float  # likelihood that a plot is built on
    dense: float  # limit of the district's noise above which houses stand in rows
    tall: float  # storeys that a house in the densest district has more than one in a suburb
    halls: float  # share of the buildings
    red_roofs: float  # share of the roofs
    hedges: float  # share of the suburban plots
    fences: float  # share of the suburban plots, beside those with hedges
    trees: float  # likelihood of a tree in a cell of open land
    woods: float  # limit
    conifers: float  # share of the trees
    street_trees: float  # share of the streets
    lamps: float  # share of the streets
    signs: float  # likelihood of a sign post every 16 m of roadside
    parking: float  # share of the streets
    parked: float  # share of the places in those streets that are taken

    @classmethod
    def of(cls, seed: int) -> Self:
        """The character that a world's seed gives to it."""
        rng = np.random.default_rng([seed, 0x70C5])

        def between(low: float, high: float) -> float:
            return float(rng.uniform(low, high))

        def one_of(*values: float) -> float:
            return float(rng.choice(values))

        azimuth, elevation = between(-np.pi, np.pi), np.radians(between(25.0, 60.0))
        return cls(
            sun_x=float(np.cos(azimuth)),
            sun_y=float(np.sin(azimuth)),
            sun_slope=float(np.tan(elevation)),
            pavement=one_of(0.0, 1.5, 2.0, 2.0, 2.5, 2.5, 3.5, 4.0),
            verge=one_of(0.0, 0.0, 0.0, 1.25, 1.75),
            kerb_shade=between(165.0, 250.0),
            rural=one_of(0.0, 0.0, 0.25, 0.35, 0.5),
            shoulder=between(0.0, 1.0),
            field=between(0.5, 0.85),
            gravel=between(0.72, 0.95),
            tracks=between(-24.0, 14.0),
            oil=between(6.0, 40.0),
            cracks=max(0.0, between(-0.01, 0.035)),
            repaved=between(-34.0, 16.0),
            puddles=1.1 if rng.random() < 0.7 else between(0.77, 0.85),
            patches=between(0.0, 0.07),
            manholes=between(0.0, 0.05),
            wear=between(0.05, 0.7),
            faded=between(0.68, 1.1),
            stop_lines=between(0.3, 1.0),
            zebras=max(0.0, between(-0.15, 0.6)),
            arrows=one_of(0.0, 0.5, 1.0),
            houses=between(0.5, 1.0),
            dense=between(0.25, 0.8),
            tall=between(1.0, 6.0),
            halls=between(0.02, 0.15),
            red_roofs=between(0.0, 1.0),
            hedges=between(0.1, 0.5),
            fences=between(0.1, 0.5),
            trees=between(0.04, 0.3),
            woods=between(0.6, 1.0),
            conifers=between(0.0, 0.6),
            street_trees=between(0.05, 0.7),
            lamps=between(0.3, 1.0),
            signs=between(0.05, 0.35),
            parking=0.0 if rng.random() < 0.25 else between(0.1, 0.8),
            parked=between(0.3, 0.9),
        )
