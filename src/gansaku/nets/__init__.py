"""Networks, one file a family; shapes are plain (channels, height, width)."""

from gansaku.nets.dcgan import DCGANCritic, DCGANGenerator
from gansaku.nets.layers.count import parameters
from gansaku.nets.mlp import MLP, MaxoutCritic, MLPGenerator, PointCritic, PointGenerator
from gansaku.nets.r3gan import R3GANCritic, R3GANGenerator
from gansaku.nets.resnet import ResNetCritic, ResNetGenerator
from gansaku.nets.tutorial import TutorialCritic, TutorialGenerator

__all__ = [
    "MLP",
    "DCGANCritic",
    "DCGANGenerator",
    "MLPGenerator",
    "MaxoutCritic",
    "PointCritic",
    "PointGenerator",
    "R3GANCritic",
    "R3GANGenerator",
    "ResNetCritic",
    "ResNetGenerator",
    "TutorialCritic",
    "TutorialGenerator",
    "parameters",
]
