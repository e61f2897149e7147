"""Rewards of videos by name. A dotted path ``package.module:function`` is a reward too."""

from physics_data.core.errors import Registry
from worldsim.rewards.reward import Reward

REWARDS: Registry[Reward] = Registry(
    "reward",
    {
        "permanence": "worldsim.rewards.measured:Permanence",
        "path": "worldsim.rewards.measured:Path",
        "impacts": "worldsim.rewards.measured:Impacts",
        "energy": "worldsim.rewards.measured:Energy",
        "background": "worldsim.rewards.measured:Background",
        "optical_flow": "worldsim.rewards.gameable:OpticalFlow",
        "stillness": "worldsim.rewards.gameable:Stillness",
        "overlap": "worldsim.rewards.gameable:Overlap",
        "visible_path": "worldsim.rewards.gameable:VisiblePath",
    },
)
"""The first five cannot be raised by losing objects; the last four are known to be gamed and serve as controls."""
