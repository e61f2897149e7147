"""Measurements that see every package: the demo run, speed against peers, control baselines."""
