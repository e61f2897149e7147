"""From mentions and verbs to a ``Story``: which thing is meant, and which events a verb with its places states."""

from dataclasses import dataclass, field

from physics_data.scenes.words.description import Event, Story, Thing
from physics_data.scenes.words.lexicon import things

MOTIONS = ("roll", "slide", "fall", "bounce", "swing", "spin", "throw", "pass", "topple")
_PASSES = {
    "behind": "pass_behind",
    "in_front_of": "pass_in_front",
    "under": "pass_under",
    "between": "pass_between",
    "past": "pass_by",
    "beside": "pass_by",
    "over": "pass_over",
}
_STATIC = ("on", "under", "behind", "in_front_of", "left_of", "right_of", "beside", "between", "inside")


@dataclass
class Mention:
    """How a text names a thing. ``noun`` is None for pronouns and for attributes alone ("a blue one")."""

    noun: str | None = None
    count: int | None = None
    color: str | None = None
    material: str | None = None
    sizes: list[str] = field(default_factory=list)
    weight: str | None = None
    kilograms: float | None = None
    metres: float | None = None
    speed: str | float | None = None
    arrangement: str | None = None
    is_definite: bool = False
    is_indefinite: bool = False
    is_another: bool = False
    is_pronoun: bool = False
    is_hung: bool = False
    motions: list[str] = field(default_factory=list)
    unknown: str | None = None

    @property
    def is_bare(self) -> bool:
        """Whether it has neither a noun nor is a pronoun."""
        return self.noun is None and not self.is_pronoun and self.unknown is None


@dataclass
class Frame:
    """A verb with what stands around it."""

    verb: str
    subjects: list[Thing] = field(default_factory=list)
    objects: list[Thing] = field(default_factory=list)
    places: list[tuple[str, list[Thing]]] = field(default_factory=list)
    is_passive: bool = False
    is_negated: bool = False
    speed: str | float | None = None
    height: float | None = None
    particles: list[str] = field(default_factory=list)
    is_mutual: bool = False
    comes_before: bool = False


class Meaning:
    """Builds a ``Story``."""

    def __init__(self, text: str, language: str, has_articles: bool) -> None:
        """Begin with nothing."""
        self.story = Story(text, language)
        self.floor = Thing("floor", "floor")
        self._has_articles = has_articles
        self.last: Thing | None = None

    def thing(self, mention: Mention) -> Thing | None:
        """Return the thing that is meant, a new one where none fits; None where it is unknown."""
        if mention.unknown is not None:
            self.story.missing.append(mention.unknown)
            return None
        if mention.noun == "floor":
            if mention.material or mention.color:
                self.floor.material = mention.material or self.floor.material
            return self.floor
        found = self._known(mention)
        if found is None:
            if mention.noun is None:
                return None
            found = self._new(mention)
        self._add(found, mention)
        self.last = found
        return found

    def _known(self, mention: Mention) -> Thing | None:
        everything = self.story.things
        if mention.is_pronoun:
            return self.last
        noun = mention.noun
        if mention.is_bare:
            if self.last is None:
                return None
            if not mention.color and not mention.sizes and not mention.is_another:
                return self.last
            mention.noun = noun = self.last.noun
        if mention.is_another or (mention.is_indefinite and self._has_articles):
            return None
        if self._has_articles and not mention.is_definite:
            return None
        alike = [
            t
            for t in everything
            if noun in (t.noun, "stack" if t.arrangement else "", "tower" if t.arrangement else "")
        ]
        for thing in alike:
            color = mention.color is None or mention.color in thing.colors
            count = mention.count is None or mention.count == thing.count
            material = mention.material is None or mention.material == thing.material
            if color and count and material and set(mention.sizes) <= set(thing.sizes):
                return thing
        return None

    def _new(self, mention: Mention) -> Thing:
        assert mention.noun is not None
        noun, _, material = mention.noun.partition(".")
        entry = things()[noun]
        arrangement, count = mention.arrangement, mention.count or 1
        if entry["kind"] == "group":
            arrangement = "row" if entry.get("flat") else "stack"
            if mention.count and mention.count > 1:
                self.story.assumed.append(f"one {noun} of {entry['count']} instead of {mention.count} of them")
            noun, count = entry["of"], entry["count"]
            self.story.assumed.append(f"{mention.noun}: {count} of {noun}")
        if noun == "domino" and mention.count is None and not mention.is_indefinite and arrangement is None:
            count = 5
            self.story.assumed.append("domino: 5 of them")
        base = f"{mention.color}_{noun}" if mention.color and mention.color.isalpha() else noun
        taken = {thing.name for thing in self.story.things}
        name = next(n for n in (base, *(f"{base}_{c}" for c in "abcdefghijkl")) if n not in taken)
        thing = Thing(name, noun, count, arrangement=arrangement, material=material or None)
        if noun == "pendulum" or entry["kind"] == "hung":
            thing.is_hung = True
        self.story.things.append(thing)
        return thing

    def _add(self, thing: Thing, mention: Mention) -> None:
        if mention.color and mention.color not in thing.colors:
            thing.colors.append(mention.color)
        thing.material = mention.material or thing.material
        thing.sizes += [size for size in mention.sizes if size not in thing.sizes]
        thing.weight = mention.weight or thing.weight
        thing.kilograms = mention.kilograms or thing.kilograms
        thing.metres = mention.metres or thing.metres
        thing.speed = mention.speed or thing.speed
        thing.is_hung = thing.is_hung or mention.is_hung
        for motion in mention.motions:
            self.frame(Frame(motion, [thing]))

    def place(self, thing: Thing, relation: str, others: list[Thing]) -> None:
        """State where a thing is."""
        if relation in _STATIC and thing is not self.floor and others != [self.floor] and thing not in others:
            if others[0].kind == "cup" and relation == "on":
                relation = "inside"
            if relation == "inside" and others[0].kind != "cup":
                relation = "on"
            thing.place = [p for p in thing.place if p[0] != relation] + [(relation, others)]
            if relation == "inside":
                self._event(Frame("inside"), "inside", thing, others[0])

    def frame(self, frame: Frame) -> None:
        """Add what a verb states."""
        start = len(self.story.events)
        for actor in frame.subjects or ([] if not frame.objects else [None]):
            self._state(frame, actor)
        if frame.comes_before:
            new = self.story.events[start:]
            del self.story.events[start:]
            cut = max((k for k, e in enumerate(self.story.events[:start]) if e.kind in ("stay",)), default=-1) + 1
            self.story.events[cut:cut] = new

    def _event(
        self, frame: Frame, kind: str, actor: Thing, target: Thing | None = None, support: Thing | None = None
    ) -> None:
        if kind == "pass":
            kind = "roll" if things()[actor.noun].get("round") else "slide"
        for event in self.story.events:
            if (event.kind, event.actor, event.target) == (kind, actor, target) and not frame.is_negated:
                event.support = event.support or support
                return
        event = Event(kind, actor, target, support, frame.is_negated, frame.speed or actor.speed)
        self.story.events.append(event)

    def _state(self, frame: Frame, actor: Thing | None) -> None:
        verb, places = frame.verb, frame.places
        if verb in ("hit", "push", "knock_over") or (verb == "topple" and frame.objects):
            self._impact(frame, actor)
            return
        if actor is None:
            if verb in ("throw", "fall", "roll", "spin", "slide", "swing", "bounce", "stack"):
                for thing in frame.objects:
                    self._state(Frame(verb, [], [], places, speed=frame.speed, height=frame.height), thing)
            return
        if actor is self.floor:
            return
        if frame.height:
            actor.height = frame.height
        if verb in ("stay", "stack"):
            if verb == "stack":
                actor.arrangement = "stack"
            for relation, others in places:
                self.place(actor, relation, others)
            self._event(frame, "stay", actor)
            return
        if verb == "rest":
            for relation, others in places:
                if relation == "on" and not self.story.of("fall", actor):
                    self.place(actor, relation, others)
            self._event(frame, "rest", actor)
            return
        if verb in ("reappear", "land", "pass_behind", "down", "show"):
            self._land(frame, actor)
            return
        if verb == "swing" and actor.kind != "hinged":
            actor.is_hung = True
        self._motion(frame, actor)

    def _land(self, frame: Frame, actor: Thing) -> None:
        for relation, others in frame.places:
            for other in others:
                if other is self.floor:
                    continue
                if frame.verb in ("pass_behind", "reappear") and relation == "behind":
                    self._event(frame, "pass_behind", actor, other)
                elif frame.verb == "land" and other.kind == "cup":
                    self._event(frame, "inside", actor, other)
                elif frame.verb == "land" and relation in ("on", "at"):
                    self._event(frame, "hit", actor, other)
                elif frame.verb == "land" and relation == "behind":
                    self._event(frame, "pass_over", actor, other)
        if frame.verb == "land":
            self._event(frame, "fall", actor)

    def _impact(self, frame: Frame, actor: Thing | None) -> None:
        verb = "knock_over" if frame.verb == "topple" or ({"over"} & set(frame.particles)) else frame.verb
        targets = list(frame.objects)
        for relation, others in frame.places:
            if relation in ("at", "with", "inside", "on", "toward") and not targets:
                targets = list(others)
        if actor is None or actor is self.floor:
            return
        if not targets:
            others = [s for s in frame.subjects if s is not actor]
            if others:
                if actor is frame.subjects[0]:
                    self._event(frame, "hit", actor, others[0])
            elif actor.count > 1:
                self._event(frame, "hit", actor, actor)
            elif verb == "knock_over":
                self._event(frame, "topple", actor)
            return
        for target in targets:
            if target is self.floor:
                self._event(frame, "fall", actor) if verb == "hit" else None
                continue
            self._event(frame, verb, actor, target)
        for relation, others in frame.places:
            if relation == "off" and targets and targets[0] is not self.floor:
                self.place(targets[0], "on", others)
                self._event(frame, "fall", targets[0], None, others[0])
            elif relation in _STATIC and frame.objects and others != targets:
                self.place(targets[0], relation, others)

    def _motion(self, frame: Frame, actor: Thing) -> None:
        verb = frame.verb
        support: Thing | None = None
        after: list[tuple[str, Thing | None, Thing | None]] = []
        for relation, others in frame.places:
            for other in others:
                if other is actor:
                    continue
                is_floor = other is self.floor
                if relation == "off" and not is_floor:
                    if verb == "bounce":
                        after.append(("hit", other, None))
                    elif other.kind in ("support", "body", "hinged") and verb != "throw":
                        support = other
                        after.append(("fall", None, other))
                elif relation == "through" and not is_floor:
                    self.story.missing.append(f"to pass through {other.name}, which is solid")
                elif is_floor:
                    continue
                elif relation == "inside":
                    after.append(("inside" if other.kind == "cup" else "hit", other, None))
                elif relation in ("along", "from") or (relation == "on" and verb in ("roll", "slide", "spin", "pass")):
                    support = other if relation != "along" or other.kind in ("support", "body") else support
                elif relation == "on":
                    if verb == "bounce" and other.kind == "support":
                        support = other
                    after.append(("inside" if other.kind == "cup" else "hit", other, None))
                elif relation == "at":
                    after.append(("hit", other, None))
                elif relation == "toward":
                    after.append(("hit" if verb in ("throw", "fall") else "approach", other, None))
                elif relation in _PASSES and verb in ("roll", "slide", "pass", "throw"):
                    if relation != "between" or other is others[0]:
                        after.append((_PASSES[relation], other, None))
                elif relation in _STATIC:
                    self.place(actor, relation, [other])
        if verb == "topple" and actor.count > 1 and self.story.of("hit"):
            last = next((e for e in self.story.events if e.kind == "hit" and e.target is actor), None)
            if last is not None:
                self._event(frame, "knock_over", last.actor, actor)
                return
        if verb == "fall" and support is not None:
            self._event(frame, "fall", actor, None, support)
            after = [row for row in after if row[0] != "fall"]
        elif verb != "pass" or not after or all(kind.startswith("pass") for kind, *_ in after):
            self._event(frame, verb, actor, None, support)
        for kind, target, on in after:
            self._event(frame, kind, actor, target, on)
        if "off" in frame.particles and not support and actor.place_of("on"):
            self._event(frame, "fall", actor, None, actor.place_of("on"))
