"""The contract that every package shares: scenes, trajectories, clips, shards, errors, strict configs."""
