"""Any words as the captions that a model was trained on: synonyms, misspelt words and other languages."""

from collections.abc import Iterable
from dataclasses import dataclass

from physics_data.scenes.words.description import Event, Story, Thing
from physics_data.scenes.words.grammar import parse
from physics_data.scenes.words.lexicon import lexicon, things
from worldsim.prompt.tokenizer import PromptError, WordTokenizer, split_words

_MOTIONS = {
    "fall": ("falls onto the floor", "falls"),
    "bounce": ("bounces on the floor", "bounces"),
    "throw": ("is thrown{direction}", "is thrown"),
    "swing": ("swings under a brown beam", "swings"),
    "roll": ("rolls{direction}", "rolls"),
    "slide": ("slides{direction}", "slides"),
    "spin": ("spins",),
    "topple": ("topples",),
    "rest": ("comes to rest",),
    "stay": ("rests on the floor", "rests"),
}
_MEETINGS = {
    "hit": ("rolls into {target}", "hits {target}"),
    "push": ("rolls into {target}", "hits {target}"),
    "knock_over": ("rolls into {target}", "hits {target}"),
    "pass_behind": ("passes behind {target}",),
    "pass_in_front": ("passes in front of {target}",),
    "pass_by": ("passes {target}",),
}
_NOUNS = {"wall": ("wall", "screen"), "shelf": ("shelf", "ledge"), "marble": ("marble", "ball")}
"""How captions of the scenario library name some entries of things.yaml, after their own names."""

_SIZES = {"small": "small", "tiny": "small", "big": "large"}


@dataclass(frozen=True)
class UnderstoodPrompt:
    """What a model is told of a prompt.

    text:    the prompt itself if the model knows all its words, else a caption made of words that it knows
    remarks: sentences about what was changed, left out or cannot be told apart
    """

    text: str
    remarks: tuple[str, ...] = ()


def understand(prompt: str, tokenizer: object) -> UnderstoodPrompt:
    """Return a prompt in the words that a model was trained on.

    A prompt of known words is kept. Otherwise the parser of ``worldsim-data direct`` reads it (English, Korean), and
    its first event that the model can be told is written as a caption of the scenario library. Where the parser finds
    no event, unknown words are left out, as long as a known thing or motion remains.

    Args:
        prompt: any words; an empty prompt stays empty
        tokenizer: of the model; a text encoder, or words without a vocabulary, keep the prompt

    Raises:
        PromptError: the model was trained on nothing that the prompt names; the sentence says what it knows.

    Examples:
        >>> known = WordTokenizer(8, 64, ["a", "red", "ball", "falls", "onto", "the", "floor"])
        >>> understand("a crimson sphere drops", known).text
        'a red ball falls onto the floor'
    """
    if not isinstance(tokenizer, WordTokenizer):
        return UnderstoodPrompt(prompt)
    vocabulary = tokenizer.vocabulary
    if vocabulary is None:
        return UnderstoodPrompt(prompt, ("the model's card has no vocabulary: unknown words are not noticed.",))
    if not prompt.strip() or not tokenizer.unknown([prompt]):
        return UnderstoodPrompt(prompt, tuple(tokenizer.remarks(prompt)))
    story = parse(prompt)
    missing = list(dict.fromkeys(story.missing))
    if story.events and not story.read_as:
        told = _caption(story, tokenizer)
        if told is not None:
            text, left_out = told
            said = [f"the model is told: {text}"]
            said += [f"not told, since the model was not trained on it: {'; '.join(left_out)}"] if left_out else []
            said += [f"not understood: '{word}'" for word in dict.fromkeys([*missing, *story.unknown])]
            return UnderstoodPrompt(text, (*said, *tokenizer.remarks(text)))
    if _names_known_thing(prompt, tokenizer):
        return UnderstoodPrompt(prompt, tuple(tokenizer.remarks(prompt)))
    near = {word: tokenizer.nearest(word) for word in tokenizer.unknown([prompt])}
    unknown = ", ".join(f"'{word}'" + (f" (nearest: {close[0]})" if close else "") for word, close in near.items())
    raise PromptError(
        f"the model was not trained on {unknown} and cannot show '{prompt.strip()[:80]}'. It was trained on "
        f"{_abilities(vocabulary)}; write a prompt of these, or let 'worldsim-data direct' make a scene of other words "
        "for the simulator."
    )


def _caption(story: Story, tokenizer: WordTokenizer) -> tuple[str, list[str]] | None:
    """Return a caption of the first event that can be told, and what it leaves out; None if there is none."""
    direction = f" to the {story.direction}" if story.direction else ""
    for event in sorted(story.events, key=_rank):
        subject = _phrase(event.actor, tokenizer)
        if subject is None or event.is_negated:
            continue
        for clause in _clauses(event, tokenizer, direction):
            if not tokenizer.unknown([clause]):
                named = {event.actor.name, event.target.name if event.target else "", *_supports(event)}
                left = [str(other) for other in story.events if other is not event]
                left += [thing.name.replace("_", " ") for thing in story.things if thing.name not in named]
                left += [word for thing in story.things if thing.name in named for word in _unsaid(thing, tokenizer)]
                return f"{subject} {clause}", left
    return None


def _rank(event: Event) -> int:
    """Return a sort key: what two things do says more than what one does; standing still says least."""
    return 0 if event.target is not None else 2 if event.kind in ("stay", "rest") else 1


def _clauses(event: Event, tokenizer: WordTokenizer, direction: str) -> Iterable[str]:
    if event.target is not None and event.kind in _MEETINGS:
        if event.target is event.actor and event.actor.count > 1:
            yield f"and {_phrase(event.actor, tokenizer)} roll into each other"
        if (target := _phrase(event.target, tokenizer)) is not None:
            yield from (form.format(target=target) for form in _MEETINGS[event.kind])
    if event.support is not None:
        support = _phrase(event.support, tokenizer)
        if support is not None and event.kind in ("roll", "slide") and event.support.noun == "ramp":
            yield f"{event.kind}s down {support}"
        elif support is not None and event.kind in ("roll", "slide", "fall", "throw"):
            yield f"shoots off {support}{direction or ' to the right'}"
    if event.target is None:
        yield from (form.format(direction=direction) for form in _MOTIONS.get(event.kind, ()))


def _supports(event: Event) -> set[str]:
    return {event.support.name} if event.support is not None else set()


def _phrase(thing: Thing, tokenizer: WordTokenizer) -> str | None:
    """Return article, size, colour and noun in known words; None if the noun is not known."""
    entry = things()[thing.noun]
    names = (*_NOUNS.get(thing.noun, (thing.noun.replace("_", " "),)), *(("ball",) if "sphere" in str(entry) else ()))
    noun = next((name for name in names if not tokenizer.unknown([name])), None)
    if noun is None:
        return None
    color = thing.colors[0] if thing.colors else {"ramp": "brown", "shelf": "brown"}.get(thing.noun, entry.get("color"))
    sizes = [*thing.sizes, *(["small"] if thing.noun == "marble" and noun == "ball" else [])]
    words = [size for name in sizes if tokenizer.knows(size := _SIZES.get(name, name))][:1]
    words += [color] if color and color.isalpha() and tokenizer.knows(color) else []
    words += [noun]
    return f"{'an' if words[0][0] in 'aeiou' else 'a'} {' '.join(words)}"


def _unsaid(thing: Thing, tokenizer: WordTokenizer) -> list[str]:
    """Return the attributes of a thing that its phrase does not tell."""
    given = [*thing.colors, *(_SIZES.get(size, size) for size in thing.sizes)]
    return [word for word in given if not tokenizer.knows(word)] + [w for w in (thing.material, thing.weight) if w]


def _names_known_thing(prompt: str, tokenizer: WordTokenizer) -> bool:
    """Return whether a known word of a prompt names what can move, or is outside of the parser's English."""
    for word in split_words(prompt):
        readings = lexicon("en").read(word)[0].readings if tokenizer.knows(word) else {"function word": word}
        noun = readings.get("things", "floor").partition(".")[0]
        if not readings or things()[noun]["kind"] in ("body", "group", "hung", "hinged", "cup"):
            return True
    return False


def _abilities(vocabulary: tuple[str, ...]) -> str:
    """Return the things and motions of a vocabulary, as far as the parser's English has them."""
    found: dict[str, list[str]] = {"things": [], "verbs": []}
    for word in vocabulary:
        table = next((name for name in found if name in lexicon("en").read(word)[0].readings), None)
        if table is not None:
            found[table].append(word)
    if not found["things"]:
        return f"the words {', '.join(vocabulary[:12])}"
    return f"the things {', '.join(found['things'][:10])} and the motions {', '.join(found['verbs'][:10])}"
