"""Labels that follow from a stored clip: pure functions of its scene, rendering and trajectory.

A clip stores what cannot be derived; everything here is computed when it is asked for, so that it can never disagree
with what is stored. ``docs/data_format.md`` lists both.
"""
