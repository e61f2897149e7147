"""Ray casting as scalar functions of floats, tuples and array elements, and the drivers that run them.

``draw`` runs them on CPU cores, where rows of pixels become vectors; ``cuda`` on a GPU, one thread a pixel. The scalar
functions call no NumPy and allocate nothing, so that the same source compiles for both. They use only +, -, *, / and
sqrt in strict double precision: each is correctly rounded, so on CPUs a pixel has the same bytes in every run, process
and number of threads.
"""
