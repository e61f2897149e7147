"""Measurements that see every package: the demo run, speed against peers, pinned baselines."""
