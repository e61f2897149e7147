"""What an engine is, and the time scheme that all engines here share.

Both engines step semi-implicitly: ``v += a dt`` and then ``x += v dt``. Started naively this is off by
``g dt T / 2`` (5 mm after 1 s at 960 Hz). The same update read as leapfrog is exact for constant
acceleration: the engine's velocities live half a step before its positions. So an engine

1. starts a body that is in free flight with ``v(0) - a dt / 2``, where a is gravity, or for a body on a joint what
   gravity and the joint make of it;
2. reports at a frame ``v(-dt/2) + a dt / 2`` for a body in free flight, and the engine's own velocity for
   one that touches something, or hangs together with one that does (which leaves an error of at most ``a dt / 2``,
   5 mm/s for a = g).

Free flight is then exact up to rounding. Impacts are resolved with Newton's law of restitution in the
single step in which two bodies are first found to overlap, hence up to one step late: a body that hits
with speed u is afterwards displaced by less than ``(1 + e) u dt``, 14 mm for 7 m/s at 960 Hz. Several impacts in
one step are solved together: balls in a row pass a blow on one by one only across gaps of a few steps' way.

What else holds, in both engines (``tests/physics_data/engines``; at 960 Hz):

| law                                                | mujoco             | bullet                        |
|----------------------------------------------------|--------------------|-------------------------------|
| way of a sliding box, Coulomb, mu 0.15 to 1        | 1e-5               | 3e-3                          |
| rolling down an incline, g sin / (1 + I / m r²)    | 1e-3               | 2e-3                          |
| acceleration just above the angle of friction      | 1e-3 of mu g       | 2e-2 of mu g                  |
| pendulum on a hinge or ball joint, period, 4 s     | 1e-6               | 1e-5                          |
| its energy; that of a double pendulum, 4 s         | 3e-6; 3e-5         | 6e-5; 9e-5                    |
| free tumbling at 6 rad/s, L and energy, 4 s        | 1e-5               | 1e-9                          |
| a stick at 60 rad/s, L, 10 s                       | 1e-3               | 1e-9                          |
| rolling on a level floor, speed, 2 s               | 1e-6               | 1e-5                          |
| creep of a box on a slope of 15 degrees, mu 0.5    | 0.12 micrometres/s | 0.05 micrometres/s            |
| creep of a cylinder on its side, 20 s              | none               | 0.5 mm                        |
| energy of a tilted body, friction 0.4, e = 1, 3 s  | at most +0.02      | at most +0.25                 |
| shapes                                             | all; hulls of meshes | no ellipsoids; hulls of meshes |

A box, capsule or cylinder that falls flat bounces as a ball does, to 0.005 of e. Newton's law with friction can make
energy where a blow misses the centre of mass; MuJoCo's impulses are then scaled so that they make none. A long thin
body that turns by more than 0.1 rad in a step is beyond both engines: raise ``physics_rate``.

Engines take more steps than ``physics_rate`` asks for where bodies are so fast or spin so fast that they would need
them, and refuse what more than 32 for one cannot do (``engines.stepping``); Bullet takes at least 960 a second. It
refuses masses of more than 100 to 1 between free bodies, and bodies that move of more than 16 parts.

Scripted bodies are where their path says, and others feel the velocity of their surface over the step. Joints make
trees: one a body, none to a scripted body. Belts run on static and scripted bodies; in MuJoCo only the part along
the surface counts, in Bullet faces across the belt push, too.

Measured restitution, mean (smallest to largest) of 12 drops by 1.2 to 2.7 m onto a plane, and of 6 head-on
impacts of balls of 1 and 1.7 kg at 1 to 3.5 m/s; 960 Hz. ``python -m tests.physics_data.engines.test_restitution``
prints it, and the tests hold every engine to ± 0.005:

| asked | bullet, drop              | bullet, pair | mujoco, drop              | mujoco, pair              |
|-------|---------------------------|--------------|---------------------------|---------------------------|
| 1.0   | 1.0001 (1.0000 to 1.0001) | 1.0000       | 1.0006 (1.0002 to 1.0010) | 1.0003 (1.0000 to 1.0010) |
| 0.9   | 0.9000 (0.8999 to 0.9001) | 0.9000       | 0.9005 (0.9002 to 0.9007) | 0.9003 (0.9000 to 0.9010) |
| 0.8   | 0.7998 (0.7996 to 0.8001) | 0.8000       | 0.8003 (0.8002 to 0.8004) | 0.8003 (0.8000 to 0.8009) |
| 0.7   | 0.6997 (0.6992 to 0.7001) | 0.7000       | 0.7001 (0.6998 to 0.7002) | 0.7003 (0.7000 to 0.7009) |
| 0.6   | 0.5994 (0.5987 to 0.6001) | 0.6000       | 0.5998 (0.5992 to 0.6002) | 0.6003 (0.6000 to 0.6008) |
| 0.5   | 0.4991 (0.4981 to 0.5001) | 0.5000       | 0.4994 (0.4985 to 0.5002) | 0.5003 (0.5000 to 0.5008) |
| 0.4   | 0.3987 (0.3973 to 0.4000) | 0.4000       | 0.3989 (0.3974 to 0.4001) | 0.4002 (0.4000 to 0.4007) |
| 0.3   | 0.2980 (0.2960 to 0.2999) | 0.3000       | 0.2981 (0.2957 to 0.2999) | 0.3002 (0.3000 to 0.3007) |

A drop below 1 falls short because the late step costs a ball that leaves at ``e u`` the energy ``m g u dt``.
"""

from typing import ClassVar, Protocol, runtime_checkable

import numpy as np

from physics_data.core.errors import EngineError
from physics_data.core.mechanics import centre_of_mass
from physics_data.core.scene import Compound, Mesh, SceneSpec
from physics_data.core.trajectory import Trajectory


@runtime_checkable
class Engine(Protocol):
    """A rigid-body engine. It holds no state between two calls; equal scenes give equal bytes."""

    name: ClassVar[str]

    def version(self) -> str:
        """Return the version of the engine's package."""
        ...

    def supports(self, spec: SceneSpec) -> None:
        """Return if this engine can honour everything the scene asks for.

        Raises:
            EngineError: it cannot; the message names the value and one that works.
        """
        ...

    def simulate(self, spec: SceneSpec) -> Trajectory:
        """Run a scene and sample it at its frames.

        Raises:
            EngineError: the engine does not support the scene, or its state stopped being finite.
        """
        ...


_OFF_CENTRE = 1e-5
"""Distance of a dynamic body's centre of mass from its origin that is let pass, m."""


def check_centred(spec: SceneSpec) -> None:
    """Refuse a scene with a dynamic mesh or compound whose origin is not its centre of mass.

    Raises:
        EngineError: there is one.
    """
    for body in spec.bodies:
        if body.is_dynamic and body.inertia is None and isinstance(body.shape, Mesh | Compound):
            centre = centre_of_mass(body.shape)
            if np.linalg.norm(centre) > _OFF_CENTRE:
                where = ", ".join(f"{value:.6g}" for value in centre)
                raise EngineError(
                    f"the centre of mass of '{body.name}' ({body.shape.kind}) lies at ({where}) m of its own frame, an "
                    "engine needs it at the origin; make the shape with core.mechanics.centred or centred_mesh."
                )
