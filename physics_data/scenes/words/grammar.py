"""The parser: words of a text to a ``Story``, for languages whose heads come first and for those whose come last."""

from physics_data.scenes.words.description import Story, Thing
from physics_data.scenes.words.lexicon import Lexicon, Word, language_of, lexicon, things
from physics_data.scenes.words.meaning import Frame, Meaning, Mention

_TAKES_OBJECT = ("hit", "push", "knock_over", "topple", "throw", "spin", "roll", "bounce", "swing", "slide")
_ATTRIBUTES = ("colors", "materials", "sizes", "masses", "speeds", "numbers", "premodifiers", "another", "quantity")
_SILENT = ("filler", "comma", "auxiliaries", "definite", "indefinite", "pronouns", "camera_words", "group_words")


def parse(text: str, language: str | None = None) -> Story:
    """Return what a text states.

    Args:
        text: one or more sentences
        language: a member of ``LANGUAGES``; default: the one that reads most of the text
    """
    table = lexicon(language or language_of(text))
    meaning = Meaning(text, table.language, has_articles=not table.is_head_final)
    words = _directives(table.read(text), meaning.story)
    (HeadFinal if table.is_head_final else HeadFirst)(table, words, meaning).run()
    story = meaning.story
    for word in words:
        if word.read_as:
            story.read_as[word.text] = word.read_as
    story.named_exactly = any(word.get("things") and not word.read_as for word in words)
    return story


def _directives(words: list[Word], story: Story) -> list[Word]:
    """Take out camera, light, gravity and direction."""
    kept: list[Word] = []
    for word in words:
        if (camera := word.get("camera")) is not None and not word.get("relations"):
            story.camera.append(camera)
        elif (light := word.get("light")) is not None and not word.get("masses"):
            story.light = light
        elif (gravity := word.get("gravity")) is not None and not word.get("things"):
            story.gravity = gravity
        else:
            kept.append(word)
    shown = [w.get("verbs") == "show" for w in kept]
    if any(w.get("camera_words") for w in kept) and any(shown) and any("따라" in w.text for w in kept):
        story.camera.append("tracking")
    return kept


class _Reader:
    def __init__(self, table: Lexicon, words: list[Word], meaning: Meaning) -> None:
        self.table, self.words, self.meaning = table, words, meaning

    def word(self, at: int) -> Word:
        return self.words[at] if at < len(self.words) else Word("", {"end": True})

    def unknown(self, word: Word) -> None:
        if word.text not in self.meaning.story.unknown:
            self.meaning.story.unknown.append(word.text)

    @staticmethod
    def attribute(mention: Mention, word: Word) -> None:
        """Add an adjective to a mention."""
        if (quantity := word.get("quantity")) is not None:
            number, unit = quantity
            if unit in ("kg", "g"):
                mention.kilograms = number if unit == "kg" else number / 1000
            elif unit in ("m", "cm"):
                mention.metres = number if unit == "m" else number / 100
            elif unit == "m/s":
                mention.speed = number
            return
        if (color := word.get("colors")) is not None:
            mention.color = color
        elif (material := word.get("materials")) is not None:
            mention.material = material
        elif (size := word.get("sizes")) is not None:
            mention.sizes.append(size)
        elif (weight := word.get("masses")) is not None:
            mention.weight = weight
        elif (speed := word.get("speeds")) is not None:
            mention.speed = speed
        elif (number := word.get("numbers")) is not None:
            mention.count = int(number)
        elif (premodifier := word.get("premodifiers")) is not None:
            mention.is_hung = mention.is_hung or premodifier == "hung"
        elif word.get("another"):
            mention.is_another = True

    def things_of(self, mentions: list[Mention]) -> list[Thing]:
        found = [self.meaning.thing(mention) for mention in mentions]
        return [thing for thing in found if thing is not None]


class HeadFirst(_Reader):
    """Subject, verb, object; prepositions before their nouns; articles."""

    def run(self) -> None:
        """Read all words."""
        at = 0
        self.frame: Frame | None = None
        self.pending: list[Thing] = []
        self.subjects: list[Thing] = []
        self.last_np: list[Thing] = []
        self.relation: str | None = None
        self.leading: list[tuple[str, list[Thing]]] = []
        self.joined = self.closed = self.after_relative = self.passive = self.negated = False
        self.before = False
        self.speed: str | float | None = None
        self.np_is_last = False
        while at < len(self.words):
            at = self._step(at)
        self._close()
        for thing in self.pending:
            for relation, others in self.leading:
                self.meaning.place(thing, relation, others)

    def _step(self, at: int) -> int:
        word = self.word(at)
        is_np_start = word.get("indefinite") or word.get("definite") or word.get("another")
        if not is_np_start and word.get("verbs") and not self._noun_reading(at):
            self._verb(word, self.word(at + 1))
            return at + 1
        mention, after = self._mention(at)
        if mention is not None:
            self._noun_phrase(mention, after)
            return after
        if word.get("relative") and self.np_is_last:
            self.after_relative = True
        elif word.get("relations") is not None:
            if self.frame is not None and self._particle(word, at):
                return at + 1
            if (
                word.get("relations") == "of"
                and self.word(at + 1).get("materials")
                and not self.word(at + 2).get("things")
            ):
                for thing in self.last_np:
                    thing.material = self.word(at + 1).get("materials")
                return at + 2
            self.relation = word.get("relations")
        elif word.get("connectives"):
            connective = word.get("connectives")
            self.joined = connective == "and" and self.np_is_last
            self.before = connective == "after"
            if not self.joined:
                self.closed = True
                self.relation = None
        elif word.get("comma"):
            self.joined = self.joined or self.np_is_last
            self.closed = True
            self.relation = None
            if word.text in ".;!?":
                self.joined = False
                self._close()
        elif word.get("auxiliaries"):
            self.passive = True
        elif word.get("negations"):
            self.negated = True
        elif word.get("direction"):
            self.meaning.story.direction = word.get("direction")
        elif word.get("speeds"):
            self._speed(word.get("speeds"))
        elif word.get("quantity"):
            self._quantity(word)
        elif word.get("premodifiers"):
            for thing in self.last_np:
                thing.is_hung = thing.is_hung or word.get("premodifiers") == "hung"
        elif word.get("group_words") and self.frame is not None:
            self.frame.is_mutual = True
            self.relation = None
        elif word.get("colors") and self.last_np:
            for thing in self.last_np:
                thing.colors.append(word.get("colors"))
        elif not set(word.readings) & {*_SILENT, "numbers", "sizes", "masses", "particles", "relative", "materials"}:
            self._unknown_word(word, at)
        if word.get("particles") and self.frame is not None:
            self.frame.particles.append(word.get("particles"))
        if not word.get("comma") and not word.get("connectives"):
            self.np_is_last = self.np_is_last and bool(word.get("relative") or word.get("auxiliaries"))
        return at + 1

    def _unknown_word(self, word: Word, at: int) -> None:
        after = self.word(at + 1)
        if self.pending and self.frame is None and not after.get("verbs") and not word.text.endswith("ly"):
            self.meaning.story.missing.append(word.text)
        self.unknown(word)

    def _particle(self, word: Word, at: int) -> bool:
        """Whether a preposition has no noun and belongs to the verb: "knocks them over"."""
        if word.get("particles") is None:
            return False
        mention, _ = self._mention(at + 1)
        if mention is None or mention.unknown:
            assert self.frame is not None
            self.frame.particles.append(word.get("particles"))
            return True
        return False

    def _noun_reading(self, at: int) -> bool:
        """Whether a word that is a verb and a noun or an adjective stands where a noun does."""
        word, before = self.word(at), self.word(at - 1) if at else Word("")
        after = self.word(at + 1)
        if word.get("things") and (
            self.relation or any(before.get(t) for t in ("indefinite", "definite", *_ATTRIBUTES))
        ):
            return True
        in_phrase = any(before.get(t) for t in ("indefinite", "definite", "numbers", "colors", "sizes", "materials"))
        return in_phrase and word.ing and any(after.get(t) for t in ("things", *_ATTRIBUTES))

    def _mention(self, at: int) -> tuple[Mention | None, int]:
        """Read a noun phrase from a position; (None, at) where there is none."""
        mention, start, unknown = Mention(), at, []
        has_article = False
        while True:
            word = self.word(at)
            after = self.word(at + 1)
            if word.get("pronouns") and at == start and not after.get("things"):
                mention.is_pronoun = True
                return mention, at + 1
            if word.get("indefinite") or word.get("definite"):
                if has_article or unknown:
                    break
                has_article = True
                mention.is_indefinite, mention.is_definite = bool(word.get("indefinite")), bool(word.get("definite"))
            elif word.get("things") and not (word.get("materials") and after.get("things")):
                mention.noun = word.get("things")
                return self._rest_of(mention, unknown, at + 1)
            elif word.get("verbs") and (word.ing or word.participle) and self._modifies(at):
                if word.get("verbs") == "stack":
                    mention.arrangement = "stack"
                elif word.ing:
                    mention.motions.append(word.get("verbs"))
            elif word.get("verbs") and not word.get("things"):
                break
            elif any(word.get(table) is not None for table in _ATTRIBUTES):
                self.attribute(mention, word)
            elif word.get("filler") and has_article and any(after.get(t) for t in ("things", "colors", "materials")):
                pass
            elif not word.readings and (has_article or mention.color or mention.sizes or mention.count) and word.text:
                unknown.append(word)
            else:
                break
            at += 1
        if unknown:
            mention.unknown = unknown[-1 if self.word(at).get("verbs") else 0].text
            for word in unknown:
                self.unknown(word)
            return mention, at
        if has_article and mention.material and not mention.color:
            return None, start
        if (mention.color and (has_article or mention.count)) or (mention.is_another and at > start):
            filler = self.word(at).text in ("one", "ones")
            return mention, at + filler
        if has_article and self.word(at).text in ("first", "last", "one", "left", "right") and self.last_np:
            mention.is_definite = True
            while self.word(at).text in ("first", "last", "one", "left", "right"):
                at += 1
            return mention, at
        return None, start

    def _modifies(self, at: int) -> bool:
        while any(self.word(at + 1).get(table) for table in ("colors", "materials", "sizes", "masses")):
            at += 1
        return self.word(at + 1).get("things") is not None

    def _rest_of(self, mention: Mention, unknown: list[Word], at: int) -> tuple[Mention, int]:
        for word in unknown:
            self.unknown(word)
        entry = things()[str(mention.noun).partition(".")[0]]
        if self.word(at).text == "of" and entry["kind"] == "group":
            inner, after = self._mention(at + 1)
            if inner is not None and inner.noun is not None:
                inner.arrangement = "row" if entry.get("flat") else "stack"
                inner.count = inner.count or (entry["count"])
                inner.is_indefinite, inner.is_definite = mention.is_indefinite, mention.is_definite
                return inner, after
        if self.word(at).text == "of" and self.word(at + 1).get("quantity"):
            self.attribute(mention, self.word(at + 1))
            at += 2
        return mention, at

    def _noun_phrase(self, mention: Mention, after: int) -> None:
        if mention.is_bare and self.last_np and self.last_np[0].count > 1 and mention.color and self.joined:
            self.last_np[0].colors.append(mention.color)
            return
        if mention.unknown and self.relation:
            self.relation = None
            return
        if (
            mention.is_pronoun
            and self.frame is not None
            and self.relation is None
            and self.subjects
            and not self.closed
        ):
            other = [t for t in self.last_np if t not in self.frame.subjects]
            found = other or self.frame.subjects
        elif mention.is_pronoun:
            # "it" goes on with the subject, in a place with what was named last before
            plain = self.relation is None
            base = self.subjects if plain and self.subjects else self.last_np
            found = list(base) if base else self.things_of([mention])
            if self.relation and self.frame is not None and found == self.frame.subjects:
                named = [t for t in self.meaning.story.things if t not in found]
                found = named[-1:] or found
        else:
            metres, mention.metres = mention.metres, None
            found = self.things_of([mention])
            for thing in found:
                thing.metres = metres or thing.metres
        if not found:
            self.relation = None
            return
        follows_verb = bool(self.word(after).get("verbs") or self.word(after).get("auxiliaries"))
        if self.relation is not None:
            self._with_relation(self.relation, found)
            self.relation_joined = self.relation
            self.relation = None
        elif self.joined and self.np_is_last and not (follows_verb and self.frame is not None):
            self._join(found)
        elif self.frame is not None and not self.closed and self.frame.verb in _TAKES_OBJECT and not self.frame.objects:
            self.frame.objects = found
            self.last_role = "object"
        else:
            self._close()
            self.pending = found
            self.last_role = "subject"
        self.joined = self.closed = False
        self.last_np, self.np_is_last = found, True

    def _join(self, found: list[Thing]) -> None:
        if self.last_role == "object" and self.frame is not None:
            self.frame.objects += found
        elif self.last_role == "place" and self.frame is not None and self.frame.places:
            self.frame.places[-1][1].extend(found)
        else:
            self.pending = [*self.pending, *found]

    def _with_relation(self, relation: str, found: list[Thing]) -> None:
        self.last_role = "place"
        if relation == "by" or (relation == "past" and self.frame is not None and self.frame.is_passive):
            assert self.frame is not None
            self.frame.objects, self.frame.subjects = self.frame.subjects, found
            self.subjects = self.frame.objects
            self.frame.is_passive = False
            self.last_role = "subject_by"
        elif relation == "of":
            return
        elif self.frame is not None and not self.closed and not self.pending:
            self.frame.places.append((relation, found))
        elif self.pending:
            for thing in self.pending:
                self.meaning.place(thing, relation, found)
        elif self.last_np and not self.closed:
            for thing in self.last_np:
                self.meaning.place(thing, relation, found)
        else:
            self.leading.append((relation, found))

    def _verb(self, word: Word, follows: Word) -> None:
        verb = word.get("verbs")
        if verb == "show":
            self._close()
            self.pending, self.closed = [], True
            return
        if (word.ing and self.np_is_last and self.frame is not None and not self.passive) or self.after_relative:
            subjects = self.last_np
        elif self.pending:
            subjects = self.pending
        elif word.participle and self.np_is_last and self._passive_verb(word) and follows.text == "by":
            subjects = self.last_np
        else:
            subjects = self.subjects
        before, has_auxiliary = self.before, self.passive
        self._close()
        passive = self._passive_verb(word) and word.participle and (has_auxiliary or follows.text == "by")
        self.frame = Frame(verb, list(subjects), is_passive=passive, is_negated=self.negated, comes_before=before)
        if self.leading:
            self.frame.places += self.leading
            self.leading = []
        self.frame.speed, self.speed = self.speed, None
        self.subjects, self.pending = list(subjects), []
        self.closed = self.after_relative = self.passive = self.negated = self.joined = self.before = False
        self.relation, self.np_is_last = None, False

    @staticmethod
    def _passive_verb(word: Word) -> bool:
        return word.get("verbs") in ("hit", "push", "knock_over")

    def _speed(self, speed: str | float) -> None:
        if self.frame is not None and not self.closed:
            self.frame.speed = speed
        else:
            self.speed = speed

    def _quantity(self, word: Word) -> None:
        _number, _unit = word.get("quantity")
        mention = Mention()
        self.attribute(mention, word)
        if mention.speed:
            self._speed(mention.speed)
        elif mention.metres and self.frame is not None:
            self.frame.height = mention.metres
            self.relation = None
        elif mention.kilograms:
            for thing in self.last_np:
                thing.kilograms = mention.kilograms

    def _close(self) -> None:
        frame, self.frame = self.frame, None
        if frame is None:
            return
        if frame.is_passive:  # by whom is not said
            if frame.verb == "push":
                frame.verb = "slide"
            elif frame.verb == "knock_over" or "over" in frame.particles:
                frame.verb = "topple"
            elif any(relation == "off" for relation, _ in frame.places):
                frame.verb = "fall"
            else:
                frame.objects, frame.subjects = frame.subjects, []
        self.meaning.frame(frame)


class HeadFinal(_Reader):
    """Verbs last; particles after their nouns; no articles."""

    def run(self) -> None:
        """Read all words."""
        self.roles: list[tuple[str, str | None, list[Thing]]] = []
        self.subjects: list[Thing] = []
        self.mention = Mention()
        self.modifiers: list[Frame] = []
        self.negated = False
        self.speed: str | float | None = None
        self.height: float | None = None
        self.verbs = 0
        at = 0
        while at < len(self.words):
            at = self._step(at)
        for frame in self.modifiers:
            self.meaning.frame(frame)

    def _step(self, at: int) -> int:
        word, after = self.word(at), self.word(at + 1)
        is_counter = word.get("counters") and at and self.word(at - 1).get("numbers") is not None
        if word.get("comma"):
            return at + 1
        if word.get("numbers") is not None and (after.get("counters") or after.get("filler")) and self._counts_last():
            thing = self._last_thing()
            if thing is not None:
                self._count(thing, int(word.get("numbers")))
                self._give_case(after.case)
            return at + 2
        if is_counter:
            return at + 1
        if word.get("direction") and self.roles and self.roles[-1][1] in ("subject", "object"):
            self.meaning.story.direction = word.get(
                "direction"
            )  # 왼쪽으로 refers to a noun before it only without 이/를
        elif word.get("relations") is not None and not word.get("things"):
            self._relation(word)
        elif word.get("direction") and not self.roles:
            self.meaning.story.direction = word.get("direction")
        elif word.get("things") is not None:
            self._noun(word)
        elif word.get("verbs") is not None and word.get("verbs") != "show":
            self._verb(word)
        elif word.get("verbs") == "show":
            self.roles = [role for role in self.roles if role[1] not in ("object", "subject")]
        elif word.get("quantity"):
            self._quantity(word)
        elif word.get("speeds") is not None:
            self.speed = word.get("speeds")
        elif word.get("negations"):
            self.negated = True
        elif word.get("pronouns"):
            if self.subjects:
                self.roles.append(("np", word.case, list(self.subjects)))
        elif any(word.get(table) is not None for table in _ATTRIBUTES):
            self.attribute(self.mention, word)
        elif word.get("direction"):
            self.meaning.story.direction = word.get("direction")
        elif not word.readings:
            self.unknown(word)
            if word.case in ("subject", "object") or (
                word.case is None and at >= len(self.words) - 2 and not self.verbs
            ):
                self.meaning.story.missing.append(word.text)
        return at + 1

    def _counts_last(self) -> bool:
        return bool(self.roles) and not self.mention.color and not self.mention.sizes and self.roles[-1][1] is None

    def _last_thing(self) -> Thing | None:
        return self.roles[-1][2][-1] if self.roles else None

    def _count(self, thing: Thing, count: int) -> None:
        if thing.count in (1, count) or thing.noun == "domino":
            thing.count = count
            self.meaning.story.assumed = [a for a in self.meaning.story.assumed if not a.startswith(f"{thing.noun}: ")]

    def _give_case(self, case: str | None) -> None:
        relation, _, found = self.roles[-1]
        self.roles[-1] = (relation, case, found)

    def _noun(self, word: Word) -> None:
        self.mention.noun = word.get("things")
        mention, self.mention = self.mention, Mention()
        noun = str(mention.noun)
        if (
            self.modifiers
            and self.modifiers[-1].verb == "stack"
            and things()[noun.partition(".")[0]]["kind"] == "group"
        ):
            frame = self.modifiers.pop()
            found = [t for _, ts in frame.places for t in ts] or frame.subjects or frame.objects
            found = found[-1:] or self.things_of([mention])
            for thing in found:
                thing.arrangement = "stack"
        elif noun in ("tower", "stack") and (group := [t for t in self.meaning.story.things if t.arrangement]):
            found = group[-1:]
        else:
            if mention.count == 1:
                mention.count = None
            found = self.things_of([mention])
        for frame in self.modifiers:
            frame.subjects = found
            self.meaning.frame(frame)
        self.modifiers = []
        before = self.roles[-1] if self.roles else None
        if before is not None and before[:2] == ("np", "of"):
            self.roles.pop()
        if before is not None and before[0] != "np" and before[1] == "of":
            self.roles.pop()
            for thing in found:
                self.meaning.place(thing, before[0], before[2])
        self.roles.append(("np", word.case, found))

    def _relation(self, word: Word) -> None:
        relation = word.get("relations")
        if self.roles and self.roles[-1][0] == "np":
            _, _, found = self.roles.pop()
            if relation == "between" and self.roles and self.roles[-1][1] == "with":
                found = [*self.roles.pop()[2], *found]
            self.roles.append((relation, word.case, found))

    def _quantity(self, word: Word) -> None:
        mention = Mention()
        self.attribute(mention, word)
        if mention.kilograms and self.roles and self.roles[-1][1] in (None, "of", "subject"):
            for thing in self.roles[-1][2]:
                thing.kilograms = mention.kilograms
        elif mention.metres:
            self.height = mention.metres
        elif mention.speed:
            self.speed = mention.speed
        elif mention.kilograms:
            self.mention.kilograms = mention.kilograms

    def _verb(self, word: Word) -> None:
        verb = word.get("verbs")
        only_last = word.adnominal and verb == "stack"  # "a tower made of four blocks": not what stands before it
        roles, self.roles = (self.roles[-1:], self.roles[:-1]) if only_last else (self.roles, [])
        frame = Frame(verb, is_negated=self.negated, speed=self.speed or self.mention.speed, height=self.height)
        self.negated, self.speed, self.height = False, None, None
        agent: list[Thing] = []
        for relation, case, found in roles:
            if relation != "np":
                self._place(frame, relation, case, found)
            elif case == "subject" or (case is None and verb != "stack"):
                frame.subjects += found
            elif case == "object":
                is_path = any(t.kind in ("support", "floor") for t in found) and verb not in (
                    "hit",
                    "push",
                    "knock_over",
                )
                frame.places.append(("along", found)) if is_path else frame.objects.extend(found)
            elif case == "from":
                frame.places.append(("off", found))
            elif case == "at":
                if verb == "hit_by":
                    agent = found
                else:
                    target = "on" if verb in ("fall", "stay", "stack", "land") else "at"
                    frame.places.append((target, found))
            elif case == "toward":
                frame.places.append(("on" if verb == "fall" else "toward", found))
            elif case == "with":
                if verb == "hit":
                    frame.objects.extend(found)
                else:
                    frame.subjects += found
        if verb == "hit_by":
            self._hit_by(frame, agent)
            return
        if not frame.subjects and not word.adnominal and verb not in ("throw", "stack"):
            frame.subjects = list(self.subjects)
        if not frame.subjects and not frame.objects and not word.adnominal and verb in ("roll", "slide", "fall"):
            frame.subjects = self.things_of([Mention(noun="ball")])
            self.meaning.story.assumed.append("what moves is not said: a ball")
        if verb == "down":
            down = [row for row in frame.places if row[0] in ("along", "off")]
            for event in reversed(self.meaning.story.events):
                if event.actor in frame.subjects and down:
                    event.support = down[0][1][0]
                    break
            if frame.subjects:
                self.subjects = frame.subjects
            return
        if word.adnominal and not frame.subjects:
            self.modifiers.append(frame)
            self.verbs += 1
            return
        if frame.subjects:
            self.subjects = list(frame.subjects)
        elif frame.objects:
            self.subjects = list(frame.objects)
        self.verbs += 1
        self.meaning.frame(frame)

    def _hit_by(self, frame: Frame, agent: list[Thing]) -> None:
        patients = frame.subjects or self.subjects
        if agent and agent[0].kind in ("obstacle", "support"):
            frame.verb, frame.subjects, frame.objects = "hit", patients, agent
        elif agent:
            frame.verb, frame.subjects, frame.objects = "hit", agent, patients
        else:
            return
        self.verbs += 1
        self.meaning.frame(frame)
        self.subjects = list(patients)

    def _place(self, frame: Frame, relation: str, case: str | None, found: list[Thing]) -> None:
        if relation == "on" and case == "from" and frame.verb == "fall":
            frame.places.append(("off", found))
        elif relation == "on" and case == "toward" and frame.verb in ("throw", "pass"):
            frame.places.append(("over", found))
        elif frame.verb == "stay" or case in ("at", "from", "toward", "object", None, "subject"):
            frame.places.append((relation, found))
