"""From prompts to videos."""

from worldsim.sampling.drawing import Drawing
from worldsim.sampling.generate import generate
from worldsim.sampling.rollout import Story, rollout
from worldsim.sampling.schedule import measure_schedule, read_grid, write_schedule

__all__ = ["Drawing", "Story", "generate", "measure_schedule", "read_grid", "rollout", "write_schedule"]
