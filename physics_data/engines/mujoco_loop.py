"""The loop over MuJoCo's steps, compiled: time-centred velocities, surfaces that move, Coulomb friction, contacts.

The first two are described in ``mujoco_step``. Friction: MuJoCo's contacts minimise a convex cost, and the price is
that a contact that slips faster than friction can stop it also separates, at about friction × slip: a box that
slides at 3 m/s hops by 3 cm. Lowering the wanted normal acceleration of each contact by friction × its remaining slip
acceleration undoes this, and the fixed point of repeated solves is Coulomb's law. The first guess follows from the
step before, so that bodies at rest or in steady sliding need one solve.

Source: De Saxcé & Feng (1998), Mathematical and Computer Modelling 28, "The bipotential method"; solved by the fixed
point of Cadoux (2009), doctoral thesis, Université Joseph Fourier, Grenoble.
"""

# pyright: reportCallIssue=false
# Compiled code calls an intrinsic without its first parameter, the typing context.

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from physics_data.engines.native_memory import (
    Library,
    call_2,
    call_4,
    driver,
    part,
    read_address,
    read_float,
    read_int,
    write_float,
)

_ON_THE_CONE = 4
"""``mjtConstraintState.mjCNSTRSTATE_CONE``: the state of a contact whose friction is at its limit."""

_MAX_SOLVES = 60
_RELAXED_AFTER = 12
_TOLERANCE = 0.5
_RELATIVE_TOLERANCE = 5e-5
"""Change of the slip acceleration at which the iteration ends: absolute in m/s², plus relative. The relative part
ends the slow drift of load between the corners of a box, of which only the sum is determined."""

_TOLERATED_HOP = 0.02
"""Speed, m/s, that a contact whose iteration does not end may be wrong by; it lifts a body by 0.02 mm."""

PARTING = 30.0
"""Rate, 1/s, at which rough bodies that stay together lose their overlap: most of it within a frame of 16 Hz. Without
gravity nothing holds them together, and they would fly apart with that speed."""

_FASTEST_PARTING = 0.5
"""Speed, m/s, with which overlap is removed at most: it lifts a body by 1 cm."""

_VISIBLE_DEPTH = 1e-4
"""Overlap that is let be, m."""

_LASTING = 0.05
"""Approach below which a touch is no impact, m/s; gravity adds 0.01 m/s in a step at 960 Hz."""

_FRICTION, _NORMAL, _FIRST, _SECOND, _RATE, _SLIP, _FOUND = range(7)

_TOLERATED_GAIN = 1e-3
"""Energy that the contacts of a step may add, as a share of the work that they do."""

CONTACT_COLUMNS = 17
"""Step, two geoms, point (3), normal (3), distance, force, and the velocities of the two bodies there (3 each)."""


class World(NamedTuple):
    """Everything that the loop works on; arrays of MuJoCo's are views of its memory.

    Units:
        model, data:  addresses of ``mjModel`` and ``mjData``
        parting:      rate at which rough bodies lose their overlap, 1/s
        slots:        of every geom, its driven body in ``motion`` and ``belt``, the last of which stands still
        motion:       velocity of a surface point p at every step, m/s: matrix @ (p, 1)
        mocap:        number among MuJoCo's mocap bodies, and slot, of every scripted body
        pull:         slip acceleration that friction took off each rough contact in the last iteration, m/s²
        key:          geoms and address of every contact then
        sizes:        whether a contact slipped in the step before, contacts in ``key``
        rough:        scratch, a row for each rough contact: friction, wanted normal acceleration (m/s²), wanted
                      tangential ones (2), rate, slip and found slip (see ``_solve_friction``)
        rows:         scratch, the row of each rough contact among the constraints
        reached:      scratch, the acceleration of every constraint
        kept:         scratch, velocities and bias forces
    """

    library: Library
    model: int
    data: int
    dt: float
    parting: float
    is_plain: bool
    is_centred: bool
    is_frictional: bool
    is_driven: bool
    has_belts: bool
    qvel: Float[np.ndarray, "v"]
    qfrc_bias: Float[np.ndarray, "v"]
    qacc: Float[np.ndarray, "v"]
    qacc_smooth: Float[np.ndarray, "v"]
    qacc_warmstart: Float[np.ndarray, "v"]
    cvel: Float[np.ndarray, "b 6"]
    subtree_com: Float[np.ndarray, "b 3"]
    mocap_pos: Float[np.ndarray, "m 3"]
    mocap_quat: Float[np.ndarray, "m 4"]
    geom_body: Int[np.ndarray, "g"]
    body_root: Int[np.ndarray, "b"]
    slots: Int[np.ndarray, "g"]
    motion: Float[np.ndarray, "s k 3 4"]
    belt: Float[np.ndarray, "s k 3"]
    mocap: Int[np.ndarray, "p 2"]
    place: Float[np.ndarray, "s k 3"]
    turn: Float[np.ndarray, "s k 4"]
    free_acceleration: Float[np.ndarray, "v"]
    pull: Float[np.ndarray, "c"]
    key: Int[np.ndarray, "c 3"]
    sizes: Int[np.ndarray, "2"]
    rough: Float[np.ndarray, "c 7"]
    rows: Int[np.ndarray, "c"]
    reached: Float[np.ndarray, "e"]
    kept: Float[np.ndarray, "2 v"]


@driver
def advance(world, first, count, log, used):
    """Take steps and log their contacts, as long as the log has room for as many as there can be in a step.

    Returns:
        steps taken, rows of the log in use, and whether the repeated solves of friction settled in all of them
    """
    for step in range(first, first + count):
        if log.shape[0] - used < world.rows.shape[0]:
            return step - first, used, True
        for row in range(world.mocap.shape[0]):
            body, slot = world.mocap[row, 0], world.mocap[row, 1]
            for axis in range(3):
                world.mocap_pos[body, axis] = world.place[step, slot, axis]
            for axis in range(4):
                world.mocap_quat[body, axis] = world.turn[step, slot, axis]
        if world.is_plain:
            call_2(world.library.step, world.model, world.data)
        elif not _step(world, step):
            return step - first, used, False
        used = _record(world, step, log, used)
    return count, used, True


@part
def _step(world, step):
    """Take a step that is not MuJoCo's own; return whether friction settled."""
    lib, model, data = world.library, world.model, world.data
    call_2(lib.fwd_position, model, data)
    if world.is_centred:
        for i in range(world.qvel.shape[0]):
            world.kept[0, i] = world.qvel[i]
            world.qvel[i] += 0.5 * world.dt * world.free_acceleration[i]
        call_2(lib.fwd_velocity, model, data)
        for i in range(world.qvel.shape[0]):
            world.kept[1, i] = world.qfrc_bias[i]
            world.qvel[i] = world.kept[0, i]
        call_2(lib.fwd_velocity, model, data)
        for i in range(world.qvel.shape[0]):
            world.qfrc_bias[i] = world.kept[1, i]
        call_2(lib.fwd_acceleration, model, data)
        for i in range(world.qvel.shape[0]):
            world.free_acceleration[i] = world.qacc_smooth[i]
    else:
        call_2(lib.fwd_velocity, model, data)
        call_2(lib.fwd_acceleration, model, data)
    contacts = read_int(data + lib.ncon)
    if contacts and world.is_driven:
        _move_surfaces(world, step, contacts)
    if contacts and world.is_frictional:
        if not _solve_friction(world, contacts):
            return False
    else:
        call_2(lib.fwd_constraint, model, data)
    if contacts and not world.is_driven:
        _keep_energy(world, contacts)
    call_2(lib.euler, model, data)
    return True


@part
def _move_surfaces(world, step, contacts):
    """Set off the acceleration that contacts with driven surfaces ask for by the motion of those.

    The chords of a turning surface's points converge, which no rider can follow: friction takes them at its centre of
    mass, and its own turn for the rest.
    """
    lib = world.library
    still = world.motion.shape[1] - 1
    aref = read_address(world.data + lib.efc_aref)
    contact = read_address(world.data + lib.contact)
    for number in range(contacts):
        at = contact + number * lib.contact_size
        address = read_int(at + lib.efc_address)
        first = world.slots[read_int(at + lib.geom)]
        second = world.slots[read_int(at + lib.geom + 4)]
        if address < 0 or (first == still and second == still):
            continue
        is_rough = read_int(at + lib.dim) == 3
        rider = world.geom_body[read_int(at + lib.geom + (4 if second == still else 0))]
        # The rows of a contact's frame are its normal and two tangents.
        for row in range(3 if is_rough else 1):
            along = 0.0
            for axis in range(3):
                relative = world.motion[step, second, axis, 3] - world.motion[step, first, axis, 3]
                for other in range(3):
                    turn = world.motion[step, second, axis, other] - world.motion[step, first, axis, other]
                    point = read_float(at + lib.pos + 8 * other)
                    relative += turn * point
                    if row:
                        across = world.motion[step, second, other, axis] - world.motion[step, first, other, axis]
                        relative += 0.5 * (turn + across) * (world.subtree_com[rider, other] - point)
                if row and world.has_belts:
                    relative += world.belt[step, second, axis] - world.belt[step, first, axis]
                along += read_float(at + lib.frame + 8 * (3 * row + axis)) * relative
            place = aref + 8 * (address + row)
            if row:
                write_float(place, read_float(place) - along / world.dt)
            else:
                write_float(place, read_float(place) + read_float(at + lib.solref + 8) * along)


@part
def _push_apart(world, contacts):
    """Let rough bodies that overlap but do not approach part faster, at ``parting`` × depth.

    An impact is found up to one step late. Where the bodies stay together, that overlap would last.
    """
    lib = world.library
    aref = read_address(world.data + lib.efc_aref)
    speed = read_address(world.data + lib.efc_vel)
    contact = read_address(world.data + lib.contact)
    for number in range(contacts):
        at = contact + number * lib.contact_size
        distance = read_float(at + lib.dist)
        if distance < -_VISIBLE_DEPTH and read_int(at + lib.dim) == 3:
            row = 8 * read_int(at + lib.efc_address)
            if read_float(speed + row) > -_LASTING:
                damping = -read_float(at + lib.solref + 8)
                parting = min(world.parting * -distance, _FASTEST_PARTING)
                write_float(aref + row, read_float(aref + row) + parting * damping)


@part
def _keep_energy(world, contacts):
    """Scale the impulses of a step by the share at which they add no energy, if they would add some.

    Newton's law of restitution with friction can make energy where a blow misses the centre of mass (Kane & Levinson
    1985, Dynamics: Theory and Applications). The work of impulses p that take contact velocities from u to w is
    p (u + w) / 2.
    """
    lib, model, data = world.library, world.model, world.data
    speed, force = read_address(data + lib.efc_vel), read_address(data + lib.efc_force)
    contact = read_address(data + lib.contact)
    is_impact = False
    for number in range(contacts):
        address = read_int(contact + number * lib.contact_size + lib.efc_address)
        if address >= 0 and read_float(speed + 8 * address) < -_LASTING and read_float(force + 8 * address) > 0.0:
            is_impact = True
    if not is_impact:
        return
    rows = read_int(data + lib.nefc)
    linear, square, spent = 0.0, 0.0, 0.0
    call_4(lib.mul_jac_vec, model, data, world.reached.ctypes.data, world.qacc_smooth.ctypes.data)
    for row in range(rows):
        impulse = world.dt * read_float(force + 8 * row)
        work = impulse * (read_float(speed + 8 * row) + world.dt * world.reached[row])
        linear, spent = linear + work, spent + abs(work)
        square -= impulse * world.dt * world.reached[row]
    call_4(lib.mul_jac_vec, model, data, world.reached.ctypes.data, world.qacc.ctypes.data)
    for row in range(rows):
        square += world.dt * read_float(force + 8 * row) * world.dt * world.reached[row]
    if linear + 0.5 * square <= _TOLERATED_GAIN * spent:
        return
    share = -2.0 * linear / square
    for i in range(world.qacc.shape[0]):
        world.qacc[i] = world.qacc_smooth[i] + share * (world.qacc[i] - world.qacc_smooth[i])
    for row in range(rows):
        write_float(force + 8 * row, share * read_float(force + 8 * row))


@part
def _slips(world):
    """Return whether a contact's friction is at its limit."""
    state = read_address(world.data + world.library.efc_state)
    for row in range(read_int(world.data + world.library.nefc)):  # noqa: SIM110  (any() does not compile)
        if read_int(state + 4 * row) == _ON_THE_CONE:
            return True
    return False


@part
def _is_known(world, contacts):
    """Return whether the contacts are those of the last iteration, and remember them."""
    lib = world.library
    contact = read_address(world.data + lib.contact)
    same = world.sizes[1] == contacts
    for number in range(contacts):
        at = contact + number * lib.contact_size
        for column in range(3):
            value = read_int(at + lib.geom + 4 * column) if column < 2 else read_int(at + lib.efc_address)
            same = same and world.key[number, column] == value
            world.key[number, column] = value
    world.sizes[1] = contacts
    return same


@part
def _gather_rough(world, contacts):
    """Fill in the rows of the rough contacts, and return how many there are."""
    lib = world.library
    contact, aref = read_address(world.data + lib.contact), read_address(world.data + lib.efc_aref)
    count = 0
    for number in range(contacts):
        at = contact + number * lib.contact_size
        address = read_int(at + lib.efc_address)
        if read_int(at + lib.dim) == 3 and address >= 0:
            place = aref + 8 * address
            first, second = read_float(place + 8), read_float(place + 16)
            world.rows[count] = address
            world.rough[count, _FRICTION] = read_float(at + lib.friction)
            world.rough[count, _NORMAL] = read_float(place)
            world.rough[count, _FIRST], world.rough[count, _SECOND] = first, second
            world.rough[count, _RATE] = math.hypot(first, second)
            count += 1
    return count


@part
def _solve_friction(world, contacts):
    """Find the accelerations and contact forces; return whether the repeated solves settled."""
    lib, model, data, rough = world.library, world.model, world.data, world.rough
    _push_apart(world, contacts)
    if not world.sizes[0]:
        call_2(lib.fwd_constraint, model, data)
        if not _slips(world):
            return True  # the convex contact is Coulomb's
    count = _gather_rough(world, contacts)
    if not count:
        call_2(lib.fwd_constraint, model, data)
        return True
    # The slip acceleration that would be left without friction, and how much friction took off it last time.
    is_known = _is_known(world, contacts)
    for i in range(count):
        rough[i, _SLIP] = max(rough[i, _RATE] - world.pull[i], 0.0) if is_known else rough[i, _RATE]
    weight, worst = 1.0, 0.0
    for solve in range(_MAX_SOLVES):
        aref = read_address(data + lib.efc_aref)
        for i in range(count):
            write_float(aref + 8 * world.rows[i], rough[i, _NORMAL] - rough[i, _FRICTION] * rough[i, _SLIP])
        call_2(lib.fwd_constraint, model, data)
        call_4(lib.mul_jac_vec, model, data, world.reached.ctypes.data, world.qacc.ctypes.data)
        settled, worst = True, 0.0
        for i in range(count):
            row = world.rows[i]
            along, across = world.reached[row + 1] - rough[i, _FIRST], world.reached[row + 2] - rough[i, _SECOND]
            found = math.hypot(along, across)
            away = abs(found - rough[i, _SLIP])
            settled = settled and away <= _TOLERANCE + _RELATIVE_TOLERANCE * found
            worst = max(worst, rough[i, _FRICTION] * away)
            rough[i, _FOUND] = found
        if settled:
            worst = 0.0
            break
        if solve == _RELAXED_AFTER:
            weight = 0.5
        for i in range(count):
            rough[i, _SLIP] += weight * (rough[i, _FOUND] - rough[i, _SLIP])
        for i in range(world.qacc.shape[0]):
            world.qacc_warmstart[i] = world.qacc[i]
    world.sizes[0] = _slips(world)
    for i in range(count):
        world.pull[i] = rough[i, _RATE] - rough[i, _FOUND]
    return worst * world.dt <= _TOLERATED_HOP


@part
def _record(world, step, log, used):
    """Log the contacts of the step just taken, as they were at its start; return the rows in use."""
    lib = world.library
    contact, force = read_address(world.data + lib.contact), read_address(world.data + lib.efc_force)
    for number in range(read_int(world.data + lib.ncon)):
        at = contact + number * lib.contact_size
        address = read_int(at + lib.efc_address)
        if address < 0:
            continue  # a contact at distance 0 is listed, but has no force yet
        log[used, 0] = step
        for axis in range(3):
            log[used, 3 + axis] = read_float(at + lib.pos + 8 * axis)
            log[used, 6 + axis] = read_float(at + lib.frame + 8 * axis)
        log[used, 9], log[used, 10] = read_float(at + lib.dist), read_float(force + 8 * address)
        for side in range(2):
            geom = read_int(at + lib.geom + 4 * side)
            log[used, 1 + side] = geom
            body = world.geom_body[geom]
            root = world.body_root[body]
            for axis in range(3):
                one, two = (axis + 1) % 3, (axis + 2) % 3
                arm_one = log[used, 3 + one] - world.subtree_com[root, one]
                arm_two = log[used, 3 + two] - world.subtree_com[root, two]
                spin = world.cvel[body, one] * arm_two - world.cvel[body, two] * arm_one
                log[used, 11 + 3 * side + axis] = world.cvel[body, 3 + axis] + spin
        used += 1
    return used
