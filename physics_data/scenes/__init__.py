"""Scenes from outside: scene files, materials by name, and bodies placed by their relations."""

from pathlib import Path

EXAMPLE = Path(__file__).with_name("example.yaml")
"""A commented scene file."""
