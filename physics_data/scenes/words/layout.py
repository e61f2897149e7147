"""A ``Story`` on a stage: where each body starts and how fast, so that what is stated may happen.

The stage is a lane along +x in front of a camera that looks along +y. What an actor meets lies on its way, in the order
of the events. Numbers that the text leaves open are free; ``direction`` changes them until the check passes.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Any

from physics_data.scenes.words.bodies import Solid, looks, solid
from physics_data.scenes.words.description import Event, Story, Thing
from physics_data.scenes.words.lexicon import things

GRAVITY = {"moon": 1.62, "mars": 3.72, "jupiter": 24.8, "zero": 0.0, "low": 2.5, "high": 20.0}
IMPACTS = ("hit", "push", "knock_over", "approach", "inside")
PASSES = ("pass_behind", "pass_in_front", "pass_under", "pass_between", "pass_by", "pass_over")
_SPEEDS = {"fast": 1.6, "slow": 0.55}


@dataclass(frozen=True)
class Numbers:
    """What the text leaves open.

    Units:
        speed:     m/s, of a rolling or sliding actor
        height:    m, of a free fall
        gap:       m, between an actor and what it meets next
        spacing:   distance between the members of a row, in heights of one
        duration:  s
        friction:  of floor and supports under what slides; bounce: of the floor, 1
        angle:     degrees, of ramps; swing: degrees, from which a pendulum starts
        weight:    factor on the density of actors
        shift:     m along x, name of a thing → correction of its place
    """

    speed: float = 1.8
    height: float = 0.9
    gap: float = 0.55
    spacing: float = 0.55
    duration: float = 3.5
    friction: float | None = None
    bounce: float = 0.35
    angle: float = 18.0
    swing: float = 55.0
    weight: float = 1.0
    shift: dict[str, float] = field(default_factory=dict)

    def changed(self, **values: Any) -> "Numbers":
        """Return other numbers."""
        return replace(self, **values)


@dataclass
class _Spot:
    """Where a body starts. Without z it lies on ``on`` (None = the floor)."""

    x: float
    y: float = 0.0
    z: float | None = None
    on: str | None = None
    rotation: tuple[float, float, float] = (0.0, 0.0, 0.0)
    velocity: tuple[float, float, float] = (0.0, 0.0, 0.0)
    spin: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass
class _Way:
    """How far an actor has come: the x that it reaches, what carries it, the height of that."""

    x: float
    y: float = 0.0
    support: Thing | None = None
    level: float = 0.0
    speed: float = 0.0


class Stage:
    """One layout of a story."""

    def __init__(self, story: Story, numbers: Numbers) -> None:
        """Lay out all things."""
        self.story, self.numbers = story, numbers
        self.gravity = GRAVITY.get(story.gravity or "", 9.81)
        self.weightless = self.gravity == 0.0
        self.spots: dict[str, list[_Spot]] = {}
        self.ways: dict[str, _Way] = {}
        self.joints: list[dict[str, Any]] = []
        self.extra: dict[str, dict[str, Any]] = {}
        self.shapes: dict[str, dict[str, Any]] = {}
        self.statics: set[str] = set()
        self.assumed: list[str] = []
        self.free_x = 0.0
        self.needs_slide = False
        for event in story.events:
            self._event(event)
        for thing in story.things:
            if thing.name not in self.spots:
                self._place(thing)
        self.document = self._document()

    def solid(self, thing: Thing) -> Solid:
        """Return the shape of each body of a thing as it stands here."""
        return solid(thing, self._on_edge(thing))

    def _on_edge(self, thing: Thing) -> bool:
        entry = things()[thing.noun]
        if not entry.get("edge"):
            return False
        moves = any(
            e.kind in ("roll", "swing") or (e.kind == "bounce")
            for e in self.story.events
            if e.actor is thing and not e.is_negated
        )
        spins = any(e.kind in ("spin", "topple") for e in self.story.events if e.actor is thing)
        pushed = self._first_impact_on(thing)
        return (moves and not pushed) or bool(entry.get("stands") and (spins or moves))

    def _first_impact_on(self, thing: Thing) -> bool:
        for event in self.story.events:
            if event.actor is thing and event.kind in ("roll", "slide", "fall", "throw", "swing", "spin", *IMPACTS):
                return False
            if event.target is thing and event.kind in ("hit", "push", "knock_over"):
                return True
        return False

    # ---- events ----

    def _event(self, event: Event) -> None:
        actor, target = event.actor, event.target
        if event.kind in ("hit",) and target is actor:
            self._mutual(actor)
            return
        if actor.kind == "hinged" and actor.name not in self.spots:
            self._hinged(actor, moving=True)
        if actor.name not in self.spots:
            self._start(actor, event)
        way = self.ways[actor.name]
        if event.kind == "fall" and not event.is_negated:
            self._fall(actor, way, event)
        elif event.kind in IMPACTS and target is not None and target.name not in self.spots:
            self._meet(actor, way, target, event)
        elif event.kind in PASSES and target is not None and target.name not in self.spots:
            self._pass(actor, way, target, event)
        elif event.kind == "rest" and not event.is_negated:
            self._rest(actor, way)
        if target is not None and target.name in self.spots and target.name not in self.ways:
            spot = self.spots[target.name][-1]
            self.ways[target.name] = _Way(spot.x, spot.y, way.support, way.level, 0.7 * way.speed)

    def _speed(self, actor: Thing) -> float:
        stated = next((e.speed for e in self.story.events if e.actor is actor and e.speed), actor.speed)
        if isinstance(stated, float | int):
            return float(stated)
        return self.numbers.speed * _SPEEDS.get(stated or "", 1.0)

    def _events_of(self, actor: Thing) -> list[Event]:
        return [e for e in self.story.events if e.actor is actor and not e.is_negated]

    def _start(self, actor: Thing, event: Event) -> None:
        mine = self._events_of(actor)
        kinds = [e.kind for e in mine]
        first = next((k for k in kinds if k not in ("stay",)), "stay")
        support = next((e.support for e in mine if e.support is not None), None) or actor.place_of("on")
        inside = actor.place_of("inside")
        stays = not mine or all(k in ("stay", "inside") for k in kinds) or self._first_impact_on(actor)
        if inside is not None and stays:
            support = inside
        if actor.is_hung:
            self._hang(actor)
        elif stays or (event.is_negated and len(mine) == 0):
            self._rest_at_start(actor, support)
            if event.is_negated and support is not None and not self._first_impact_on(actor):
                self._moving(actor, support, "roll", slow=True)
        elif first == "throw":
            self._throw(actor, mine)
        elif (first == "fall" and support is None) or (
            first == "bounce" and support is None and not any(k in ("roll", "slide") for k in kinds)
        ):
            self._drop(actor, mine)
        elif first in ("spin", "topple"):
            self._turn(actor, support, first, kinds)
        elif first == "rest" and not any(k in IMPACTS for k in kinds):
            self._moving(actor, support, "roll" if things()[actor.noun].get("round") else "slide")
        else:
            self._moving(actor, support, first)

    def _rest_at_start(self, actor: Thing, support: Thing | None) -> None:
        if support is not None:
            on, level = self._stand(support)
            self._put(actor, _Spot(on.x, on.y, on=support.members[-1]))
            self.ways[actor.name] = _Way(on.x, on.y, support, level)
        else:
            self._place(actor)

    def _stand(self, support: Thing) -> tuple[_Spot, float]:
        """Place a support, and return it and the height of its top."""
        if support.name not in self.spots:
            beyond = support.place_of("on")
            if beyond is not None and beyond is not support:
                below, _ = self._stand(beyond)
                self._put(support, _Spot(below.x, below.y, on=beyond.members[-1]))
            else:
                self._put(support, _Spot(self.free_x))
        spot = self.spots[support.name][-1]
        return spot, self._top(support)

    def _top(self, thing: Thing) -> float:
        if thing.noun == "ramp":
            return 0.5
        here = self.solid(thing)
        below = thing.place_of("on")
        height = here.high - here.low
        if thing.arrangement == "stack":
            height *= thing.count
        return height + (self._top(below) if below is not None and below is not thing else 0.0)

    def _moving(self, actor: Thing, support: Thing | None, kind: str, slow: bool = False) -> None:
        body = self.solid(actor)
        speed = self._speed(actor)
        kinds = [e.kind for e in self._events_of(actor)]
        is_round = things()[actor.noun].get("round") and (not things()[actor.noun].get("edge") or self._on_edge(actor))
        slides = kind == "slide" or not is_round
        self.needs_slide = self.needs_slide or slides
        if support is not None and support.noun == "ramp":
            self._on_ramp(actor, support, body)
            return
        x, level, edge = self.free_x, 0.0, self.free_x
        on = None
        if support is not None:
            spot, level = self._stand(support)
            base = self.solid(support)
            half = base.half[0]
            on = support.members[-1]
            start = -0.25 if support.noun == "stairs" else -0.6 * half
            if kind == "fall":  # only its edge matters
                start = max(start, half - 0.35)
                speed *= 0.6
            if support.noun == "stairs":
                x, edge = spot.x + base.center_x - half + 0.2, spot.x + base.center_x + half
                speed *= 0.5
            else:
                x, edge = spot.x + start, spot.x + half
            if slow:
                speed = 0.0 if slides else 0.25
                x = edge - 0.5
        spin = (0.0, 0.0, 0.0) if slides else (0.0, speed / body.half[2], 0.0)
        self._put(actor, _Spot(x, 0.0, None, on, (0.0, 0.0, 0.0), (speed, 0.0, 0.0), spin))
        falls = "fall" in kinds
        self.ways[actor.name] = _Way(edge if falls and support else x + body.half[0], 0.0, support, level, speed)

    def _on_ramp(self, actor: Thing, ramp: Thing, body: Solid) -> None:
        angle = math.radians(self.numbers.angle)
        if ramp.name not in self.spots:
            self._put_ramp(ramp)
        spot = self.spots[ramp.name][0]
        length = self.solid(ramp).half[0]
        along = -0.75 * length
        turned = (0.0, self.numbers.angle, 0.0) if not things()[actor.noun].get("round") else (0.0, 0.0, 0.0)
        self._put(actor, _Spot(spot.x + along * math.cos(angle), 0.0, None, ramp.name, turned))
        fall = 1.75 * length * math.sin(angle)
        end = spot.x + length * math.cos(angle)
        speed = math.sqrt(2 * self.gravity * fall * 0.6)
        flight = math.sqrt(2 * self._raised(ramp) / max(self.gravity, 0.1)) * 0.8
        self.ways[actor.name] = _Way(end + 0.1 + speed * flight, 0.0, None, 0.0, speed)

    def _put_ramp(self, ramp: Thing) -> None:
        angle = math.radians(self.numbers.angle)
        half = self.solid(ramp).half
        # its upper face meets the floor at the lower end
        height = half[0] * math.sin(angle) - half[2] * math.cos(angle) + 0.004 + self._raised(ramp)
        self._put(ramp, _Spot(self.free_x, 0.0, height, None, (0.0, self.numbers.angle, 0.0)))
        upper = 0.85 * half[0]
        under = height + upper * math.sin(angle) - half[2] / math.cos(angle)
        if under > 0.1:
            place = [_r(self.free_x - upper * math.cos(angle)), 0.0, _r(under / 2)]
            size = [0.06, _r(1.6 * half[1]), _r(under)]
            self.extra[f"{ramp.name}_leg"] = {"box": size, "material": "wood", "static": True, "position": place}

    def _raised(self, ramp: Thing) -> float:
        """Return the height of a ramp's lower end, m: above the floor where an actor flies or falls off it."""
        off = any(e.kind in ("throw", "fall") and (e.support is ramp or e.kind == "throw") for e in self.story.events)
        return 0.4 if off else 0.0

    def _fall(self, actor: Thing, way: _Way, event: Event) -> None:
        if way.support is None or actor.name not in self.ways:
            return
        support = way.support
        if not event.support and not any(e.kind in ("roll", "slide") for e in self._events_of(actor)):
            return
        _, level = self._stand(support)
        edge = self.spots[support.name][-1].x + self.solid(support).center_x - self.solid(support).centroid[0]
        edge += self.solid(support).half[0]
        down = level - self._landing_height(actor)
        way.x = edge + way.speed * math.sqrt(2 * max(down, 0.05) / max(self.gravity, 0.1))
        way.support, way.level = None, 0.0

    def _landing_height(self, actor: Thing) -> float:
        target = self._landing(actor)
        return self._top(target) if target is not None else 0.0

    def _landing(self, actor: Thing) -> Thing | None:
        """Return what a falling actor comes down on."""
        mine = self._events_of(actor)
        at = next((k for k, e in enumerate(mine) if e.kind in ("fall", "throw")), None)
        after = mine[at + 1] if at is not None and at + 1 < len(mine) else None
        return after.target if after is not None and after.kind in ("hit", "inside") and after.target else None

    def _drop(self, actor: Thing, mine: list[Event]) -> None:
        target = self._landing(actor)
        x, level = self.free_x, 0.0
        if target is not None and target is not actor:
            if target.kind == "hinged":
                self._hinged(target, moving=False)
                spot, level = _Spot(self.spots[target.name][0].x - 0.45), 0.45
            else:
                if target.name not in self.spots:
                    self._rest_at_start(target, target.place_of("on"))
                spot, level = self.spots[target.name][-1], self._top(target)
            x = spot.x
            if target.count > 1 and target.arrangement != "stack":
                x = self.spots[target.name][target.count // 2].x
        body = self.solid(actor)
        height = actor.height or self.numbers.height
        y = 0.0
        for relation, others in actor.place:
            y = {"behind": 0.5, "in_front_of": -0.5}.get(relation, y)
            if others[0].name not in self.spots:
                self._put(others[0], _Spot(x if relation in ("behind", "in_front_of") else x + 1.0))
            where = self.spots[others[0].name][0]
            reach = self.solid(others[0]).half[0] + body.half[0] + 0.25
            x = {"right_of": where.x + reach, "left_of": where.x - reach, "beside": where.x - reach}.get(
                relation, where.x
            )
            y = where.y + y
        lean = 0.0 if target is not None or things()[actor.noun].get("upright") else 0.05
        self._put(actor, _Spot(x, y, level + height + body.half[2], velocity=(lean, 0.0, 0.0)))
        if actor.count > 1 and (target is None or target.kind == "support"):
            for number, spot in enumerate(self.spots[actor.name]):
                spot.x += (number - (actor.count - 1) / 2) * 2.6 * body.half[0]
                spot.y = 0.0
                spot.z = (spot.z or 0.0) + 0.35 * number
        elif actor.count > 1 and target is not None:
            for number, spot in enumerate(self.spots[actor.name]):
                spot.y, spot.z = 0.0, level + height + body.half[2] + 3.0 * body.half[2] * number
                spot.x += 0.3 * body.half[0] * (-1) ** number
        self.ways[actor.name] = _Way(x + body.half[0], y, target, level, 0.3)

    def _throw(self, actor: Thing, mine: list[Event]) -> None:
        target = next((e.target for e in mine if e.kind in ("hit", "knock_over", "push", "inside") and e.target), None)
        over = next((e.target for e in mine if e.kind == "pass_over" and e.target), None)
        speed, start = 1.6 * self.numbers.speed, 0.5
        gravity = max(self.gravity, 0.1)
        body = self.solid(actor)
        velocity = (0.25 * speed, 0.0, 1.5 * speed)
        if over is not None:
            top = (self._top(over) + 3 * body.half[2] + 0.35) if over.name not in self.spots else 1.2
            rise = math.sqrt(2 * gravity * max(top - start, 0.1))
            distance = max(1.1, self.solid(over).half[0] + 0.7)
            velocity = (distance / (rise / gravity), 0.0, rise)
            if over.name not in self.spots:
                turned = (0.0, 0.0, 90.0) if over.kind == "obstacle" else (0.0, 0.0, 0.0)
                self._put(over, _Spot(self.free_x + distance, rotation=turned))
        elif target is not None:
            distance = 1.6 + self.numbers.shift.get(target.name, 0.0)
            if target.name not in self.spots:
                turned = (0.0, 0.0, 90.0) if target.kind == "obstacle" else (0.0, 0.0, 0.0)
                self._put(target, _Spot(self.free_x + distance + self.solid(target).half[0], rotation=turned))
            time = distance / speed
            aim = 0.55 * self._top(target)
            velocity = (speed, 0.0, (aim - start) / time + gravity * time / 2)
        self._put(actor, _Spot(self.free_x, 0.0, start + body.half[2], velocity=velocity))
        flight = 2 * velocity[2] / gravity
        self.ways[actor.name] = _Way(self.free_x + velocity[0] * flight, 0.0, None, 0.0, velocity[0])

    def _turn(self, actor: Thing, support: Thing | None, kind: str, kinds: list[str]) -> None:
        body = self.solid(actor)
        x, on, level = self.free_x, None, 0.0
        if support is not None:
            spot, level = self._stand(support)
            x, on = spot.x, support.members[-1]
        velocity, spin = (0.0, 0.0, 0.0), (0.0, 0.0, 10.0)
        if kind == "topple":
            rate = 1.3 * math.sqrt(self.gravity / max(body.half[2], 0.05)) * self.numbers.speed / 1.8
            spin, velocity = (0.0, rate, 0.0), (rate * body.half[2], 0.0, 0.0)
        elif not things()[actor.noun].get("round"):
            self.needs_slide = True  # else friction stops it at once
        lean = (0.0, 0.0, 0.0)
        if kind == "spin" and "topple" in kinds:
            spin, lean = (0.0, 0.0, 7.0 / self.numbers.speed), (12.0, 0.0, 0.0)
        self._put(actor, _Spot(x, 0.0, None, on, lean, velocity, spin))
        self.ways[actor.name] = _Way(x, 0.0, support, level, 0.3)

    def _hang(self, actor: Thing) -> None:
        body = self.solid(actor)
        length, angle = 1.1, math.radians(self.numbers.swing)
        low = body.half[2] + 0.06
        target = next((e.target for e in self._events_of(actor) if e.target), None)
        if target is not None:
            low = max(low, min(0.55 * self._top(target), 0.8))
        if target is not None and target.noun in ("ball", "marble"):
            low = self.solid(target).half[2]
            low = max(low, body.half[2] + 0.01)
        pivot = (self.free_x, 0.0, low + length)
        rod = {"cylinder": [0.012, length], "position": [0.0, 0.0, length / 2]}
        self.shapes[actor.name] = {"parts": [body.shape, rod]}
        total = _volume_of(body.shape)
        share = math.pi * 0.012**2 * length / (total + math.pi * 0.012**2 * length)
        reach = length * (1 - share / 2)  # from the pivot to the centre of mass
        x = pivot[0] - reach * math.sin(angle)
        z = pivot[2] - reach * math.cos(angle)
        self._put(actor, _Spot(x, 0.0, z, rotation=(0.0, self.numbers.swing, 0.0)))
        self.joints.append({"hinge": actor.name, "at": [_r(v) for v in pivot], "axis": [0.0, 1.0, 0.0]})
        self.ways[actor.name] = _Way(pivot[0] - 0.55 + body.half[0], 0.0, None, 0.0, 2.0)

    def _hinged(self, thing: Thing, moving: bool) -> None:
        body = self.solid(thing)
        if thing.noun == "seesaw":
            x = self.free_x + 0.65
            self._put(thing, _Spot(x, 0.0, 0.3))
            self.extra["pivot"] = {
                "box": [0.08, 0.34, 0.26],
                "color": "grey",
                "static": True,
                "position": [_r(x), 0.0, 0.13],
            }
            self.joints.append({"hinge": thing.name, "at": [_r(x), 0.0, 0.3], "axis": [0.0, 1.0, 0.0]})
        else:
            x = self.free_x + body.half[0]
            rate = 2.2 if moving else 0.0
            # its edge is the hinge; it swings towards the far side of the lane
            self._put(
                thing,
                _Spot(x, 0.0, body.half[2] + 0.02, spin=(0.0, 0.0, rate), velocity=(0.0, rate * body.half[0], 0.0)),
            )
            self.joints.append({"hinge": thing.name, "at": [_r(self.free_x), 0.0, 0.5], "axis": [0.0, 0.0, 1.0]})
        self.ways[thing.name] = _Way(x, 0.0, None, 0.0, 1.0)

    def _mutual(self, actor: Thing) -> None:
        body = self.solid(actor)
        if actor.name not in self.spots:
            self._start(actor, Event("roll", actor))
        speed = self._speed(actor) * 0.7
        spots = self.spots[actor.name]
        rolls = things()[actor.noun].get("round")
        self.needs_slide = self.needs_slide or not rolls
        z = 1.0 if self.weightless else spots[0].z
        for number, spot in enumerate(spots):
            side = -1.0 if number % 2 == 0 else 1.0
            spot.x = self.free_x + side * (self.numbers.gap + body.half[0]) * (1 + number // 2)
            spot.y, spot.z = 0.0, z
            spot.velocity = (-side * speed, 0.0, 0.0)
            spot.spin = (0.0, -side * speed / body.half[2], 0.0) if rolls and not self.weightless else (0.0, 0.0, 0.0)

    def _meet(self, actor: Thing, way: _Way, target: Thing, event: Event) -> None:
        shift = self.numbers.shift.get(target.name, 0.0)
        if target.kind == "hinged":
            kept, self.free_x = self.free_x, way.x + self.numbers.gap
            self._hinged(target, moving=False)
            if target.noun == "door":
                spot = self.spots[target.name][0]
                half = self.solid(target).half[0]
                spot.x, spot.y, spot.rotation = way.x + self.numbers.gap, 0.0, (0.0, 0.0, 90.0)
                self.joints[-1]["at"] = [_r(spot.x), _r(half), 0.5]
            self.free_x = kept
            return
        stated = target.place_of("on")
        on = stated if stated is not None else way.support
        half = self.solid(target).half
        reach = half[1] if target.kind == "obstacle" else half[0]
        falls_on = event.kind in ("hit", "inside") and self._landing(actor) is target
        if actor.is_hung:
            x = way.x + 0.55 + reach + 0.02
            self._put(target, _Spot(x + shift, way.y, on=stated.members[-1] if stated else None))
        elif falls_on and way.support is None:
            from_ramp = any(spot.on is not None and "ramp" in spot.on for spot in self.spots[actor.name])
            self._put(target, _Spot(way.x + (reach + 0.15 if from_ramp else 0.0) + shift, way.y))
        elif on is not None and on.noun not in ("ramp", "stairs") and target is not on and on.kind != "floor":
            spot, _ = self._stand(on)
            far = spot.x + self.solid(on).half[0]
            falls = any(e.actor is target and e.kind == "fall" for e in self.story.events)
            x = far - half[0] - (0.04 if falls else 0.2) if falls or on.kind == "support" else spot.x
            self._put(target, _Spot(x + min(shift, 0.0), way.y, on=on.members[-1]))
            if way.support is None and on.kind == "support" and not actor.is_hung:
                self._lift(actor, way, on)
            elif way.support is None and not actor.is_hung:
                self._shift_under(on, way, actor)
        else:
            turned = (0.0, 0.0, 90.0) if target.kind == "obstacle" else (0.0, 0.0, 0.0)
            self._put(target, _Spot(way.x + self.numbers.gap + reach + shift, way.y, rotation=turned))
        spots = self.spots[target.name]
        way.x = max(spot.x for spot in spots) + reach

    def _lift(self, actor: Thing, way: _Way, support: Thing) -> None:
        """An actor from the floor onto the support of what it hits."""
        for spot in self.spots[actor.name]:
            if spot.on is None and spot.z is None:
                spot.on = support.members[-1]
                spot.x = self.spots[support.name][0].x - 0.6 * self.solid(support).half[0]
        way.support, way.level = support, self._top(support)

    def _shift_under(self, below: Thing, way: _Way, actor: Thing) -> None:
        """Put what carries a target ahead of an actor on the floor, and throw the actor where it must reach up."""
        start = self.spots[actor.name][0]
        delta = way.x + self.numbers.gap + 0.3 - self.spots[below.name][0].x
        for thing in self.story.things:
            if thing is below or thing.place_of("on") is below:
                for spot in self.spots.get(thing.name, []):
                    spot.x += delta
        if start.z is None and start.on is None:
            height = self._top(below) + self.solid(actor).half[2] + 0.08
            reach = self.solid(below).half[0] + self.solid(actor).half[0]
            distance, speed = self.spots[below.name][0].x - start.x - reach, 2.2
            time = distance / speed
            start.z, start.velocity = height, (speed, 0.0, self.gravity * time / 2)
            start.spin = (0.0, 0.0, 0.0)

    def _pass(self, actor: Thing, way: _Way, target: Thing, event: Event) -> None:
        body, other = self.solid(actor), self.solid(target)
        x = way.x + self.numbers.gap + other.half[0] + self.numbers.shift.get(target.name, 0.0)
        side = body.half[1] + other.half[1] + 0.12
        if actor.count > 1:
            side += 2.4 * body.half[1] * (actor.count - 1) / 2
        if event.kind == "pass_between" and target.count >= 2:
            self._put(target, _Spot(x))
            for number, spot in enumerate(self.spots[target.name]):
                spot.x, spot.y = x, (-side if number % 2 == 0 else side)
        elif event.kind == "pass_under":
            self._put(target, _Spot(x))
        elif event.kind == "pass_over":
            return
        else:
            y = -side if event.kind == "pass_behind" else side
            self._put(target, _Spot(x, y + way.y))
            for number, spot in enumerate(self.spots[target.name]):
                spot.x, spot.y = x + number * 2.2 * other.half[0], y
        way.x = x + other.half[0] + 0.3

    def _rest(self, actor: Thing, way: _Way) -> None:
        mine = self._events_of(actor)
        if not things()[actor.noun].get("round") or any(e.kind in ("slide", "spin", "swing", "throw") for e in mine):
            return
        only_falls = not any(e.kind in ("roll", "pass_behind", "pass_in_front") or e.kind in IMPACTS for e in mine)
        if only_falls or "stop" in self.extra:
            return
        half = self.solid(actor).half
        x = way.x + self.numbers.gap + self.numbers.shift.get("stop", 0.0)
        height = 1.6 * half[2]
        spot = self.spots[actor.name][0]
        entry: dict[str, Any] = {
            "box": [0.06, _r(3 * half[1] + 0.1), _r(height)],
            "color": "grey",
            "static": True,
            "bounce": 0.0,
            "friction": 0.9,
        }
        if way.support is not None and way.support.kind == "support":
            right = self.spots[way.support.name][0].x + self.solid(way.support).half[0]
            x = min(x, right - 0.05)
            entry |= {"on": way.support.members[-1], "offset": [_r(x - self.spots[way.support.name][0].x), 0.0]}
        else:
            entry |= {"on": "floor", "offset": [_r(x), _r(spot.y)]}
        self.extra["stop"] = entry
        self.assumed.append(f"a grey stop, at which {actor.name} comes to rest (nothing else slows down what rolls)")

    # ---- what has no event ----

    def _place(self, thing: Thing) -> None:
        body = self.solid(thing)
        if thing.kind == "hinged":
            self._hinged(thing, moving=False)
            return
        if thing.noun == "ramp":
            self._put_ramp(thing)
            return
        if thing.is_hung:
            self._hang(thing)
            return
        spot = _Spot(self._beyond(body.half[0]))
        for relation, others in thing.place:
            other = others[0]
            if other.name not in self.spots:
                self.spots[thing.name] = []  # so that a circle of places ends
                if other.noun == "ramp":
                    self._put_ramp(other)
                else:
                    self._place(other)
                del self.spots[thing.name]
            there = self.spots[other.name]
            here, size = there[-1], self.solid(other).half
            side, depth = size[0] + body.half[0] + 0.15, size[1] + body.half[1] + 0.15
            moves = other.name in self.ways and self.ways[other.name].speed > 0
            off = depth if moves else 0.0
            if relation in ("on", "inside"):
                spot = _Spot(here.x, here.y, on=other.members[-1])
            elif relation == "under":
                spot = _Spot(here.x, here.y)
            elif relation in ("left_of", "right_of", "beside"):
                spot = _Spot(here.x + (side if relation == "right_of" else -side), here.y + off, on=spot.on)
            elif relation in ("behind", "in_front_of"):
                spot = _Spot(here.x, here.y + (depth if relation == "behind" else -depth), on=spot.on)
            elif relation == "between":
                ends = others if len(others) > 1 else [other]
                spots = [s for o in ends for s in self.spots.get(o.name, [])]
                if len(spots) > 1:
                    reach = size[0] + body.half[0] + 0.1
                    middle = sum(s.x for s in spots[:2]) / 2
                    spots[0].x, spots[1].x = middle - reach, middle + reach
                    spots[0].y = spots[1].y = here.y
                    spot = _Spot(middle, here.y)
        for mover in self.story.things:  # "the ball beside the box rolls": the box is off its way
            for relation, others in mover.place:
                if thing in others and self.spots.get(mover.name) and relation not in ("on", "inside", "between"):
                    here, size = self.spots[mover.name][0], self.solid(mover).half
                    depth = size[1] + body.half[1] + 0.15
                    dx = {"left_of": 0.5, "right_of": -0.5}.get(relation, 0.0)
                    dy = {"behind": -depth, "in_front_of": depth}.get(relation, depth)
                    if relation == "under":
                        dx = dy = 0.0
                    spot = _Spot(here.x + dx, here.y + dy)
        self._put(thing, spot)
        if thing.name not in self.ways:
            support = thing.place_of("on")
            self.ways[thing.name] = _Way(spot.x, spot.y, support, 0.0)

    def _beyond(self, half: float) -> float:
        """Return an x to the right of all that is placed, or the start of the lane."""
        ends = [s.x + self.solid(t).half[0] for t in self.story.things for s in self.spots.get(t.name, [])]
        return max(ends) + half + 0.3 if ends else self.free_x

    # ---- bodies ----

    def _put(self, thing: Thing, spot: _Spot) -> None:
        """Place all members of a thing."""
        body = self.solid(thing)
        spots = [replace(spot) for _ in thing.members]
        moves = any(spot.velocity) or (spot.on is not None and spot.on.startswith("ramp"))
        if self.weightless and spot.z is None:
            for one in spots:
                one.z, one.on = 1.0, None
        if thing.count > 1:
            step_x, step_y = 2.35 * body.half[0], 2.35 * body.half[1]
            if thing.arrangement == "stack":
                for number, one in enumerate(spots[1:], 1):
                    one.on = thing.members[number - 1]
            elif things()[thing.noun].get("row") and thing.noun == "domino":
                step = self.numbers.spacing * 2 * body.half[2] + 2 * body.half[0]
                for number, one in enumerate(spots):
                    one.x += number * step
            elif thing.noun == "pin":
                for one, (row, place) in zip(spots, _triangle(thing.count), strict=True):
                    one.x, one.y = one.x + row * 0.19, one.y + place * 0.22
            elif moves:
                for number, one in enumerate(spots):
                    one.y += (number - (thing.count - 1) / 2) * step_y
            else:
                for number, one in enumerate(spots):
                    hit = any(e.target is thing and e.kind in ("hit", "push", "knock_over") for e in self.story.events)
                    if hit:  # side by side across the lane, the first in the middle
                        one.y += (number + 1) // 2 * (-1) ** number * step_y
                        one.x += (number + 1) // 2 * 0.6 * body.half[0]
                    else:
                        one.x += number * step_x
        self.spots[thing.name] = spots

    def _document(self) -> dict[str, Any]:
        story, numbers = self.story, self.numbers
        bodies: dict[str, dict[str, Any]] = {}
        taken: list[str] = [color for thing in story.things for color in thing.colors]
        movers = {e.actor.name for e in story.events if e.kind not in ("stay",)}
        order = sorted(story.things, key=lambda t: t.kind not in ("support", "obstacle"))
        friction = numbers.friction
        if self.needs_slide and friction is None:
            friction = 0.04 if any(t.noun == "ramp" for t in story.things) else 0.12
        for thing in order:
            body = self.solid(thing)
            for number, (name, spot) in enumerate(zip(thing.members, self.spots[thing.name], strict=True)):
                entry: dict[str, Any] = dict(self.shapes.get(thing.name, body.shape))
                entry["noun"] = thing.noun.replace("_", " ")
                entry |= looks(thing, number, taken)
                if thing.kind in ("support", "obstacle"):
                    entry["static"] = True
                    entry.setdefault("bounce", numbers.bounce)
                    if thing.kind == "support" and friction is not None:
                        entry["friction"] = friction
                    if thing.kind == "obstacle":
                        entry["role"] = "occluder" if any(e.kind == "pass_behind" for e in story.events) else "ground"
                        entry["bounce"] = 0.7
                        entry.pop("pattern", None)
                elif thing.name in movers and numbers.weight != 1.0 and "mass" not in entry and not thing.weight:
                    entry.setdefault("density", round(numbers.weight * 1000.0, 1))
                bounces = any(e.actor is thing and e.kind == "bounce" for e in story.events)
                if bounces:
                    entry["bounce"] = 0.75
                rotation = spot.rotation
                if self._on_edge(thing) and "cylinder" in body.shape:
                    rotation = (90.0 + rotation[0], 0.0, rotation[2])
                if any(rotation):
                    entry["rotation"] = [_r(v) for v in rotation]
                if spot.z is not None:
                    entry["position"] = [_r(spot.x), _r(spot.y), _r(spot.z)]
                elif spot.on is not None:
                    entry["on"] = spot.on
                    base = self._owner(spot.on)
                    there = self.spots[base.name][base.members.index(spot.on)]
                    shape = self.solid(base)
                    entry["offset"] = [
                        _r(spot.x - there.x - shape.centroid[0] * (base.noun != "stairs")),
                        _r(spot.y - there.y - shape.centroid[1]),
                    ]
                    if base.noun == "stairs":
                        entry["offset"][0] = _r(spot.x - there.x - shape.centroid[0])
                else:
                    entry["on"] = "floor"
                    shift = body.centroid if name not in self.shapes else (0.0, 0.0, 0.0)
                    entry["offset"] = [_r(spot.x + shift[0]), _r(spot.y + shift[1])]
                if any(spot.velocity):
                    entry["velocity"] = [_r(v) for v in spot.velocity]
                if any(spot.spin):
                    entry["spin"] = [_r(v) for v in spot.spin]
                bodies[name] = entry
        bodies |= self.extra
        floor_bounce = 0.8 if any(e.kind == "bounce" for e in story.events) else numbers.bounce
        floor_friction = 0.6
        slides_on_floor = self.needs_slide and not any(t.kind == "support" for t in story.things)
        if slides_on_floor or (self.needs_slide and friction is not None and friction < 0.1):
            floor_friction = friction if slides_on_floor and friction is not None else 0.25
        document: dict[str, Any] = {
            "name": "words",
            "caption": story.text.strip(),
            "duration": round(numbers.duration * 16) / 16,
            "size": [256, 144],
        }
        if self.gravity != 9.81:
            document["gravity"] = self.gravity
        if self.weightless:
            document["floor"] = False
        else:
            document["floor"] = {"look": "grey", "friction": _r(floor_friction), "bounce": floor_bounce}
        document["light"] = {"dark": "night", "sunset": "sunset"}.get(story.light or "", story.light or "plain")
        document["bodies"] = bodies
        if self.joints:
            document["joints"] = self.joints
        return document

    def _owner(self, member: str) -> Thing:
        return next(thing for thing in self.story.things if member in thing.members)


def _triangle(count: int) -> list[tuple[int, float]]:
    found: list[tuple[int, float]] = []
    row = 0
    while len(found) < count:
        found += [(row, place - row / 2) for place in range(row + 1)][: count - len(found)]
        row += 1
    return found


def _volume_of(shape: dict[str, Any]) -> float:
    if "sphere" in shape:
        return 4 / 3 * math.pi * shape["sphere"] ** 3
    if "box" in shape:
        x, y, z = shape["box"]
        return x * y * z
    if "ellipsoid" in shape:
        x, y, z = shape["ellipsoid"]
        return 4 / 3 * math.pi * x * y * z
    radius, height = shape["cylinder"]
    return math.pi * radius**2 * height


def _r(value: float) -> float:
    return round(float(value), 4)
