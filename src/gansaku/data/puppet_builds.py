"""Two puppets: proportions, place, dance and colours, and which points are which limb."""

from __future__ import annotations

import dataclasses

import numpy as np

TURN = 2 * np.pi
RIGHT, LEFT = -1, 1  # sides of the person, who faces the camera: right is at the picture's left
ARM = {RIGHT: (2, 3, 4), LEFT: (5, 6, 7)}
LEG = {RIGHT: (9, 10, 11), LEFT: (12, 13, 14)}
FOOT = {RIGHT: (22, 23, 24), LEFT: (19, 20, 21)}  # big toe, small toe, heel
EYE_EAR = {RIGHT: (15, 17), LEFT: (16, 18)}


@dataclasses.dataclass(frozen=True)
class Build:
    """A puppet's proportions in its own height, its place in heights of the frame, its colours."""

    frames: int  # of its clip
    near: float  # y of the ankles closest to the camera
    far: float  # and farthest from it
    tall: float  # height of the body when it is near
    shrink: float  # share of that height when it is far
    middle: float  # x to the right of the frame's middle
    leg: float  # hip to ankle
    torso: float  # hip to neck
    arm: float  # shoulder to wrist
    shoulders: float  # half their distance
    hips: float  # half their distance
    head: float  # half its width
    stout: float  # thickness of limbs, times the usual
    tempo: float  # beats a second
    phase: float  # in turns: another dance
    skin: tuple[float, float, float]
    hair: tuple[float, float, float]
    shirt: tuple[float, float, float]
    stripe: tuple[float, float, float]
    trousers: tuple[float, float, float]
    shoes: tuple[float, float, float]
    wall: tuple[float, float, float]
    floor: tuple[float, float, float]


PUPPETS = {
    "puppet": Build(
        *(300, 0.93, 0.84, 0.66, 0.86, 0.0),
        *(0.48, 0.29, 0.34, 0.115, 0.065, 0.082, 1.0, 0.9, 0.0),
        *((0.95, 0.78, 0.64), (0.35, 0.18, 0.08), (0.82, 0.16, 0.20), (0.98, 0.90, 0.75)),
        *((0.13, 0.22, 0.48), (0.95, 0.95, 0.95), (0.72, 0.76, 0.70), (0.55, 0.38, 0.24)),
    ),
    "partner": Build(
        *(200, 0.82, 0.76, 0.52, 0.90, -0.12),
        *(0.54, 0.25, 0.36, 0.090, 0.055, 0.068, 0.8, 1.1, 0.37),
        *((0.55, 0.37, 0.26), (0.05, 0.05, 0.06), (0.20, 0.55, 0.35), (0.10, 0.30, 0.20)),
        *((0.75, 0.70, 0.60), (0.20, 0.10, 0.10), (0.58, 0.66, 0.80), (0.40, 0.40, 0.44)),
    ),
}
LINES = {
    "puppet": "300 frames of a puppet that dances, with its key points, made by computation",
    "partner": "200 frames of another puppet, of other proportions, place and dance",
}
