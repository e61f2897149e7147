"""Ray casting as scalar functions of floats, tuples and array elements, and one driver that runs them on CPU cores.

The scalar functions call no NumPy and allocate nothing, so that the same source compiles for a GPU. They use
only +, -, *, /, sqrt and floor in strict double precision, without fast-math: each is correctly rounded, so a
pixel has the same bytes in every run, process and number of threads.
"""
