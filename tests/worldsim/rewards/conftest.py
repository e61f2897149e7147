"""Tiny public pipelines, as the tests of families make them."""

from tests.worldsim.families.conftest import opened, pipeline_folder

__all__ = ["opened", "pipeline_folder"]
