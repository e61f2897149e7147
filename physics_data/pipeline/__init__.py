"""From scenarios to shards: generate, annotate, check, build."""
