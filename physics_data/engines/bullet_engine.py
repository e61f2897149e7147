"""PyBullet in DIRECT mode, with the parameters under which its impacts obey Newton's law of restitution."""

import contextlib
import importlib.metadata
from collections.abc import Iterator
from typing import ClassVar

from physics_data.core.errors import EngineError
from physics_data.core.mechanics import solid_inertia
from physics_data.core.scene import Body, Box, Cylinder, Plane, Quaternion, SceneSpec, Sphere
from physics_data.core.trajectory import Trajectory
from physics_data.engines.bullet_library import load_pybullet
from physics_data.engines.pair_rules import friction_factors, restitution_factors
from physics_data.engines.recorder import Touch, TrajectoryRecorder

pybullet = load_pybullet()

_PARAMETERS = {
    "numSubSteps": 0,
    "numSolverIterations": 100,
    "solverResidualThreshold": 1e-12,
    # Bounce at any speed: below the default of 0.2 m/s bodies stick.
    "restitutionVelocityThreshold": 0.0,
    "warmStartingFactor": 0.0,
    # Overlap is removed from the positions. Split impulses alone do not do it: above this threshold of -0.04 m by
    # default, shallow overlaps still turn into speed, and a ball with e = 1 gains 12 % of speed per bounce.
    "useSplitImpulse": 1,
    "splitImpulsePenetrationThreshold": 0.0,
    "contactSlop": 0.0,
    "deterministicOverlappingPairs": 1,
}


class BulletEngine:
    """PyBullet rigid bodies: sequential impulses, no damping, leapfrog time steps.

    Every call has a physics server to itself. A server is emptied after use and kept for the next call, since
    opening one costs several times a simulation; one that failed is closed. Results do not depend on which
    server a call gets, nor on what ran on it before (tested to the bit).
    """

    name: ClassVar[str] = "bullet"

    def version(self) -> str:
        """Return the version of the PyBullet package."""
        return importlib.metadata.version("pybullet")

    def supports(self, spec: SceneSpec) -> None:
        """Return if per-body factors can give every pair its restitution.

        Raises:
            EngineError: Bullet multiplies the values of two bodies and cannot honour this scene's.
        """
        restitution_factors(spec)

    def simulate(self, spec: SceneSpec) -> Trajectory:
        """Run a scene and sample it at its frames.

        Raises:
            EngineError: the scene is not supported, or a state stopped being finite.
        """
        factors = list(zip(friction_factors(spec), restitution_factors(spec), strict=True))
        recorder = TrajectoryRecorder(spec)
        dt = 1.0 / spec.physics_rate
        with _server() as server:
            pybullet.setPhysicsEngineParameter(fixedTimeStep=dt, **_PARAMETERS, physicsClientId=server)
            pybullet.setGravity(*spec.gravity, physicsClientId=server)
            for index, (body, (friction, restitution)) in enumerate(zip(spec.bodies, factors, strict=True)):
                if _add_body(server, body, friction, restitution) != index:
                    raise EngineError(
                        f"PyBullet numbered body '{body.name}' out of order; this is a fault of the engine."
                    )
            moving = [index for index, body in enumerate(spec.bodies) if not body.is_static]
            self._start(server, spec, moving, dt)

            per_frame = spec.steps_per_frame
            for step_index in range((spec.num_frames - 1) * per_frame + 1):
                frame, remainder = divmod(step_index, per_frame)
                if remainder == 0:
                    _sample(server, recorder, frame, moving)
                pybullet.stepSimulation(physicsClientId=server)
                touches = _touches(server, dt)
                recorder.add_touches(step_index, touches)
                if remainder == 0:
                    recorder.synchronise_velocity(frame, {side for touch in touches for side in touch[:2]})
        return recorder.finish(self.name)

    @staticmethod
    def _start(server: int, spec: SceneSpec, moving: list[int], dt: float) -> None:
        pybullet.performCollisionDetection(physicsClientId=server)
        touching = {side for touch in _touches(server, dt) for side in touch[:2]}
        for index in moving:
            body = spec.bodies[index]
            kick = 0.0 if index in touching else 0.5 * dt
            velocity = [v - kick * g for v, g in zip(body.linear_velocity, spec.gravity, strict=True)]
            pybullet.resetBaseVelocity(index, velocity, body.angular_velocity, physicsClientId=server)


_idle_servers: list[int] = []


@contextlib.contextmanager
def _server() -> Iterator[int]:
    """Lend an empty physics server."""
    server = _idle_servers.pop() if _idle_servers else pybullet.connect(pybullet.DIRECT)
    if server < 0:
        raise EngineError("PyBullet opened no physics server; it allows 1024 at once in a process, close some.")
    try:
        yield server
        pybullet.resetSimulation(physicsClientId=server)
    except BaseException:
        pybullet.disconnect(physicsClientId=server)
        raise
    _idle_servers.append(server)


def _add_body(server: int, body: Body, friction: float, restitution: float) -> int:
    match body.shape:
        case Sphere(radius=radius):
            shape = {"shapeType": pybullet.GEOM_SPHERE, "radius": radius}
        case Box(half_extents=half_extents):
            shape = {"shapeType": pybullet.GEOM_BOX, "halfExtents": half_extents}
        case Cylinder(radius=radius, half_height=half_height):
            shape = {"shapeType": pybullet.GEOM_CYLINDER, "radius": radius, "height": 2.0 * half_height}
        case Plane():
            shape = {"shapeType": pybullet.GEOM_PLANE, "planeNormal": (0.0, 0.0, 1.0)}
    # Maximal coordinates: plain rigid bodies, not the articulated ones with their own damping.
    number = pybullet.createMultiBody(
        baseMass=0.0 if body.is_static else body.mass,
        baseCollisionShapeIndex=pybullet.createCollisionShape(**shape, physicsClientId=server),
        basePosition=body.position,
        baseOrientation=_xyzw(body.orientation),
        useMaximalCoordinates=True,
        physicsClientId=server,
    )
    pybullet.changeDynamics(
        number,
        -1,
        lateralFriction=friction,
        rollingFriction=0.0,
        spinningFriction=0.0,
        restitution=restitution,
        linearDamping=0.0,
        angularDamping=0.0,
        # Only overlapping bodies push; the default acts across gaps and eats restitution.
        contactProcessingThreshold=0.0,
        # Bullet approximates a cylinder's inertia by its box's. The mass is set with it, or it would become 0.
        **({} if body.is_static else {"mass": body.mass, "localInertiaDiagonal": solid_inertia(body)}),
        physicsClientId=server,
    )
    return number


def _sample(server: int, recorder: TrajectoryRecorder, frame: int, moving: list[int]) -> None:
    for index in moving:
        position, (x, y, z, w) = pybullet.getBasePositionAndOrientation(index, physicsClientId=server)
        linear, angular = pybullet.getBaseVelocity(index, physicsClientId=server)
        recorder.position[frame, index] = position
        recorder.orientation[frame, index] = (w, x, y, z)
        recorder.linear_velocity[frame, index] = linear
        recorder.angular_velocity[frame, index] = angular


def _touches(server: int, dt: float) -> list[Touch]:
    """Return the overlapping points of the step just taken. Bullet's normals point from body B to body A."""
    points = pybullet.getContactPoints(physicsClientId=server)
    return [Touch(point[2], point[1], point[6], point[7], point[9] * dt) for point in points if point[8] <= 0.0]


def _xyzw(orientation: Quaternion) -> Quaternion:
    w, x, y, z = orientation
    return (x, y, z, w)
