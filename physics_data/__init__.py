"""Physics engines to labelled video: scenes, engines, renderers, shards."""

__version__ = "0.1.0"
