"""PyBullet in DIRECT mode, with the parameters under which its impacts obey Newton's law of restitution."""

import importlib.metadata
from typing import ClassVar

import numpy as np
from scipy.spatial.transform import Rotation

from physics_data.core.errors import EngineError
from physics_data.core.mechanics import colliding_pairs, pair_restitution, solid_inertia
from physics_data.core.scene import Body, Capsule, Compound, Cylinder, SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.engines.bullet_bodies import (
    add_body,
    add_further_parts,
    body_from_principal,
    check_shapes,
    physics_server,
    pybullet,
)
from physics_data.engines.bullet_constraints import ContactLog, add_joints, add_slabs, check_joint_kinds
from physics_data.engines.engine import check_centred
from physics_data.engines.flight import Flight, turned_freely
from physics_data.engines.interventions import run_with_actions
from physics_data.engines.joint_tree import check_joints, joint_tree
from physics_data.engines.recorder import TrajectoryRecorder
from physics_data.engines.stepping import finer, stepped
from physics_data.engines.surfaces import check_belts, friction_factors, moving_surfaces, restitution_factors

_PARAMETERS = {
    "numSubSteps": 0,
    "solverResidualThreshold": 1e-12,
    # Bounce at any speed: below the default of 0.2 m/s bodies stick.
    "restitutionVelocityThreshold": 0.0,
    # Holds stacks; from 0.7 on a box that slides to a stop on a slope is stopped up to 3 % of its way too early.
    "warmStartingFactor": 0.5,
    # Overlap is removed from the positions. Split impulses alone do not do it: above this threshold of -0.04 m by
    # default, shallow overlaps still turn into speed, and a ball with e = 1 gains 12 % of speed per bounce.
    "useSplitImpulse": 1,
    "splitImpulsePenetrationThreshold": 0.0,
    # Without it bodies at rest lose touch now and then: a box on a slope creeps by 60 micrometres a second.
    "contactSlop": 1e-7,
    "deterministicOverlappingPairs": 1,
}


_ITERATIONS, _ITERATIONS_PER_BODY = 300, 50
"""Of the solver, at most; what is simple ends by its residual long before. With 100 a box of 100 kg slides off one of
1 kg, a peg that balances turns at 0.4 rad/s, and a stack of 20 boxes leans by 9 cm in 5 s."""

_RECOVERY = 0.08
"""Share of an overlap that is removed in a step: PyBullet's own, set anew since servers are used again."""

_LOSSLESS = 0.999
"""Restitution from which on bodies count as losing nothing."""

_MIN_RATE = 960.0
"""Steps per second at least: at 480, 5 of 117 draws of the scenarios lie beyond their tolerances, and a cylinder that
rolls at 1 m/s gains 1 % in 2 s."""

_ROLLS, _ROLLED, _MAY_TOUCH = 0.1, 1e-4, (1, 0xFF)
"""A cylinder or capsule that spins faster than this, rad/s, or has turned this far, rad, is rid of the points in which
it touched: Bullet keeps them for some steps, in which they fall behind and push it on. One that rolls at 1 m/s gained
0.5 % a second, and one at rest set off by itself. And Bullet's group and mask of bodies that move."""

_CREEPS, _SETTLING = 0.004, 20.0
"""A roll slower than this, rad/s, decays at this rate, 1/s, while the body touches something: a cylinder at rest creeps
by at most 0.5 mm in 20 s, and rolls down a slope of 0.2 degrees as it should to 1 %."""

MOST_UNEQUAL = 100.0
"""Ratio of masses up to which a body stays put under another (0.2 mm in 2 s; 2 mm at 300); at 1000 it slips out."""


def check_masses(spec: SceneSpec) -> None:
    """Refuse bodies that Bullet lets sink into or squeeze out lighter ones.

    Raises:
        EngineError: two free bodies that can touch, with masses farther apart than ``MOST_UNEQUAL``.
    """
    for a, b in colliding_pairs(spec):
        light, heavy = sorted((spec.bodies[a], spec.bodies[b]), key=lambda body: body.mass)
        if light.is_dynamic and heavy.is_dynamic and heavy.mass > MOST_UNEQUAL * light.mass:
            raise EngineError(
                f"'{heavy.name}' has {heavy.mass:g} kg and '{light.name}' {light.mass:g} kg; Bullet squeezes bodies "
                f"out from under others of more than {MOST_UNEQUAL:g} times their mass: use the engine 'mujoco', or "
                f"make '{light.name}' {heavy.mass / MOST_UNEQUAL:.3g} kg or more."
            )


class BulletEngine:
    """PyBullet rigid bodies: sequential impulses, no damping, leapfrog time steps.

    Every call has a physics server to itself. A server is emptied after use and kept for the next call, since
    opening one costs several times a simulation; one that failed is closed. Results do not depend on which
    server a call gets, nor on what ran on it before (tested to the bit).

    Scripted bodies and belts are bodies of a mass beyond all others, whose pose and velocity are set anew before
    every step.
    """

    name: ClassVar[str] = "bullet"

    def version(self) -> str:
        """Return the version of the PyBullet package."""
        return importlib.metadata.version("pybullet")

    def supports(self, spec: SceneSpec) -> None:
        """Return if Bullet has the scene's shapes and per-body factors can give every pair its restitution.

        Raises:
            EngineError: it has not, Bullet multiplies the values of two bodies and cannot honour this scene's, a
                solid is not centred, a belt runs on a dynamic body, or joints make no trees or do not fit the start.
        """
        check_shapes(spec.bodies)
        check_centred(spec)
        check_belts(spec)
        check_joints(spec)
        check_joint_kinds(spec)
        restitution_factors(spec)
        check_masses(spec)
        if spec.actions and spec.joints:
            raise EngineError(
                "the scene has joints and actions; Bullet's joints drift too far to start again at an action: use the "
                "engine 'mujoco', or leave out the actions."
            )
        self._finer(spec)

    def _finer(self, spec: SceneSpec) -> int:
        return finer(spec, self.name, min_rate=_MIN_RATE, drifts=True)

    def simulate(self, spec: SceneSpec) -> Trajectory:
        """Run a scene and sample it at its frames.

        Raises:
            EngineError: the scene is not supported, or a state stopped being finite.
        """
        self.supports(spec)
        return run_with_actions(self._uninterrupted, spec)

    def _uninterrupted(self, spec: SceneSpec) -> Trajectory:
        self.supports(spec)
        spec = stepped(spec, self._finer(spec))
        with physics_server() as server:
            run = _Run(server, spec)
            for step_index in range((spec.num_frames - 1) * spec.steps_per_frame + 1):
                run.step(step_index)
            return run.finish(self.name)


def _rolling_axis(body: Body) -> np.ndarray | None:
    """Return the axis of a body's first cylinder or capsule in the frame in which Bullet holds it, None without one."""
    if isinstance(body.shape, Cylinder | Capsule):
        return np.array([0.0, 0.0, 1.0])
    for part in body.shape.parts if isinstance(body.shape, Compound) else ():
        if isinstance(part.shape, Cylinder | Capsule):
            axis = Rotation.from_quat(part.orientation, scalar_first=True).as_matrix()[:, 2]
            return body_from_principal(body).inv().apply(axis)
    return None


class _Run:
    """One scene on its way in one server. Bullet numbers the bodies as the scene does."""

    def __init__(self, server: int, spec: SceneSpec) -> None:
        self._server, self._spec = server, spec
        self._dt = dt = 1.0 / spec.physics_rate
        self._per_frame = spec.steps_per_frame
        pairs = [(spec.bodies[a], spec.bodies[b]) for a, b in colliding_pairs(spec)]
        # What pushes bodies out of each other lifts them: where nothing is lost, every bounce would be higher.
        iterations = max(_ITERATIONS, _ITERATIONS_PER_BODY * sum(body.is_dynamic for body in spec.bodies))
        recovery = {
            "contactERP": 0.0 if pairs and all(pair_restitution(*pair) >= _LOSSLESS for pair in pairs) else _RECOVERY
        }
        pybullet.setPhysicsEngineParameter(
            fixedTimeStep=dt, numSolverIterations=iterations, **_PARAMETERS, **recovery, physicsClientId=server
        )
        pybullet.setGravity(*spec.gravity, physicsClientId=server)
        self._surfaces = moving_surfaces(spec, (spec.num_frames - 1) * spec.steps_per_frame + 1)
        self._driven = self._surfaces.bodies.tolist()
        factors = list(zip(friction_factors(spec), restitution_factors(spec), strict=True))
        for index, (body, (friction, restitution)) in enumerate(zip(spec.bodies, factors, strict=True)):
            if add_body(server, body, index in self._driven, friction, restitution) != index:
                raise EngineError(f"PyBullet numbered body '{body.name}' out of order; this is a fault of the engine.")
        slabs = add_slabs(server, spec, factors)
        slabs |= add_further_parts(server, spec, factors)
        self._separate([*slabs])
        add_joints(server, spec)
        self._dynamic = [index for index, body in enumerate(spec.bodies) if body.is_dynamic]
        self._turned = [
            (index, body_from_principal(spec.bodies[index]).inv())
            for index in self._dynamic
            if spec.bodies[index].shape.kind in ("mesh", "compound")
        ]
        self._tumbling = [
            (index, moments)
            for index in self._dynamic
            if np.ptp(moments := np.array(solid_inertia(spec.bodies[index]))) > 1e-9 * moments.max()
        ]
        axes = {index: _rolling_axis(spec.bodies[index]) for index in self._dynamic}
        self._rolling = {index: axis for index, axis in axes.items() if axis is not None}
        self._rolled = dict.fromkeys(self._rolling, 0.0)
        groups = joint_tree(spec).group_of
        self._group = {spec.body_index(name): {spec.body_index(o) for o in group} for name, group in groups.items()}
        self._tumbling = [(index, moments) for index, moments in self._tumbling if index not in self._group]
        self._recorder = TrajectoryRecorder(spec)
        self._flight, self._apart_until, self._touching = Flight(spec), 0, set[int]()
        self._log = ContactLog(server, spec, slabs)
        self._start()

    def _separate(self, slabs: list[int]) -> None:
        """Let driven bodies pass through each other and through static ones, slabs of planes included."""
        unmoved = [index for index, body in enumerate(self._spec.bodies) if not body.is_dynamic] + slabs
        for a in self._driven:
            for b in unmoved:
                pybullet.setCollisionFilterPair(a, b, -1, -1, 0, physicsClientId=self._server)

    def _start(self) -> None:
        spec, server = self._spec, self._server
        pybullet.performCollisionDetection(physicsClientId=server)
        touching = self._log.touching()
        for index in self._dynamic:
            body = spec.bodies[index]
            kick = 0.0 if index in touching else 0.5 * self._dt
            velocity = [v - kick * g for v, g in zip(body.linear_velocity, spec.gravity, strict=True)]
            pybullet.resetBaseVelocity(index, velocity, body.angular_velocity, physicsClientId=server)
        if self._group:
            self._start_joints(touching)
        self._log.read(set(self._dynamic), 0)

    def _start_joints(self, touching: set[int]) -> None:
        """Find out by a trial step how fast bodies on joints gather speed, and take half a step of it back."""
        spec, server = self._spec, self._server
        for index in self._group:
            body = spec.bodies[index]
            pybullet.resetBaseVelocity(index, body.linear_velocity, body.angular_velocity, physicsClientId=server)
        if self._driven:
            self._drive(0)
        before = {index: self._velocity(index) for index in self._dynamic}
        placed = {i: pybullet.getBasePositionAndOrientation(i, physicsClientId=server) for i in self._dynamic}
        pybullet.stepSimulation(physicsClientId=server)
        for index in self._dynamic:
            velocity = before[index]
            if index in self._group and self._group[index].isdisjoint(touching):
                velocity = 1.5 * velocity - 0.5 * self._velocity(index)
            pybullet.resetBasePositionAndOrientation(index, *placed[index], physicsClientId=server)
            pybullet.resetBaseVelocity(index, velocity[:3].tolist(), velocity[3:].tolist(), physicsClientId=server)

    def _velocity(self, index: int) -> np.ndarray:
        return np.concatenate(pybullet.getBaseVelocity(index, physicsClientId=self._server))

    def step(self, step_index: int) -> None:
        """Take one step; record the state before it where a frame begins."""
        frame, remainder = divmod(step_index, self._per_frame)
        if remainder == 0:
            self._sample(frame)
        if self._driven:
            self._drive(step_index)
        self._refresh_rolling()
        tumbling = [(index, moments, *self._turning(index)) for index, moments in self._tumbling]
        pybullet.stepSimulation(physicsClientId=self._server)
        self._touching = touching = set() if step_index < self._apart_until else self._log.record(step_index)
        for index, moments, orientation, spin in tumbling:
            if index not in touching and spin.any():
                self._tumble(index, *turned_freely(orientation, spin, moments, self._dt))
        if remainder == 0:
            self._synchronise(frame, touching)

    def _refresh_rolling(self) -> None:
        """Drop outdated contact points of cylinders and capsules, and let those that hardly roll come to rest."""
        for index, axis_in_body in self._rolling.items():
            orientation, spin = self._turning(index)
            speed = float(np.linalg.norm(spin))
            self._rolled[index] += speed * self._dt
            if speed > _ROLLS or self._rolled[index] > _ROLLED:
                # Setting what it may touch makes Bullet forget the points in which it does.
                pybullet.setCollisionFilterGroupMask(index, -1, *_MAY_TOUCH, physicsClientId=self._server)
                self._rolled[index] = 0.0
            if 0.0 < speed < _CREEPS and index in self._touching:
                axis = Rotation.from_quat(orientation, scalar_first=True).apply(axis_in_body)
                linear, _ = pybullet.getBaseVelocity(index, physicsClientId=self._server)
                spin = spin - _SETTLING * self._dt * (axis @ spin) * axis
                pybullet.resetBaseVelocity(index, linear, spin.tolist(), physicsClientId=self._server)

    def _turning(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return orientation (wxyz, of the principal axes) and spin (rad/s) of a body."""
        _, (x, y, z, w) = pybullet.getBasePositionAndOrientation(index, physicsClientId=self._server)
        return np.array((w, x, y, z)), np.array(pybullet.getBaseVelocity(index, physicsClientId=self._server)[1])

    def _tumble(self, index: int, orientation: np.ndarray, spin: np.ndarray) -> None:
        """Let a body on which nothing pushed in a step turn as it should: Bullet's gyroscopic torque is damped."""
        w, x, y, z = orientation.tolist()
        place, _ = pybullet.getBasePositionAndOrientation(index, physicsClientId=self._server)
        velocity, _ = pybullet.getBaseVelocity(index, physicsClientId=self._server)
        pybullet.resetBasePositionAndOrientation(index, place, (x, y, z, w), physicsClientId=self._server)
        pybullet.resetBaseVelocity(index, velocity, spin.tolist(), physicsClientId=self._server)

    def _synchronise(self, frame: int, touching: set[int]) -> None:
        """Move the half-step velocities of a frame to the frame's time, for bodies in free flight."""
        recorder = self._recorder
        flying = [index for index in self._dynamic if index not in touching and index not in self._group]
        recorder.linear_velocity[frame, flying] += np.array(self._spec.gravity) * (0.5 * self._dt)
        for index, group in self._group.items():
            if group.isdisjoint(touching):
                later = self._velocity(index)
                recorder.linear_velocity[frame, index] += 0.5 * (later[:3] - recorder.linear_velocity[frame, index])
                recorder.angular_velocity[frame, index] += 0.5 * (later[3:] - recorder.angular_velocity[frame, index])

    def _drive(self, step_index: int) -> None:
        surfaces, server = self._surfaces, self._server
        # The engine adds gravity to the velocity before it looks at contacts.
        lift = np.array(self._spec.gravity) * self._dt
        for slot, index in enumerate(self._driven):
            velocity = surfaces.linear[step_index, slot] + surfaces.belt[step_index, slot] - lift
            if surfaces.angular[step_index, slot].any():
                velocity += self._inwards(step_index, slot, index)
            w, x, y, z = surfaces.orientation[step_index, slot].tolist()
            place = surfaces.position[step_index, slot].tolist()
            pybullet.resetBasePositionAndOrientation(index, place, (x, y, z, w), physicsClientId=server)
            spin = surfaces.angular[step_index, slot].tolist()
            pybullet.resetBaseVelocity(index, velocity.tolist(), spin, physicsClientId=server)

    def _inwards(self, step_index: int, slot: int, index: int) -> np.ndarray:
        """Return what takes the only rider of a turning body along a chord, not a tangent, of its circle, m/s."""
        rider, turn = self._log.rider_of(index), self._surfaces.angular[step_index, slot]
        if rider is None:
            return np.zeros(3)
        place, _ = pybullet.getBasePositionAndOrientation(rider, physicsClientId=self._server)
        arm = np.array(place) - self._surfaces.position[step_index, slot]
        return (Rotation.from_rotvec(turn * self._dt).apply(arm) - arm) / self._dt - np.cross(turn, arm)

    def _sample(self, frame: int) -> None:
        recorder, server = self._recorder, self._server
        for index in self._dynamic:
            position, (x, y, z, w) = pybullet.getBasePositionAndOrientation(index, physicsClientId=server)
            linear, angular = pybullet.getBaseVelocity(index, physicsClientId=server)
            recorder.position[frame, index] = position
            recorder.orientation[frame, index] = (w, x, y, z)
            recorder.linear_velocity[frame, index] = linear
            recorder.angular_velocity[frame, index] = angular
            self._log.keep(index, frame * self._per_frame, position, (linear, angular))
        steps = self._flight.steps_apart(recorder.position[frame], recorder.linear_velocity[frame])
        self._apart_until = frame * self._per_frame + steps
        for index, principal_from_body in self._turned:
            turn = Rotation.from_quat(recorder.orientation[frame, index], scalar_first=True) * principal_from_body
            recorder.orientation[frame, index] = turn.as_quat(scalar_first=True)

    def finish(self, engine_name: str) -> Trajectory:
        """Return everything recorded.

        Raises:
            EngineError: a state is not finite.
        """
        return self._recorder.finish(engine_name, self._log.touches(self._surfaces))
