"""Tokens of a scene: what is in it, how it starts, and where bodies are known to be.

A scene is a fixed number of slots: camera, light, gravity, and one for each body. Whatever is unknown in a slot, down
to the slot itself, is masked and has a learned vector of its own; unknown is never 0.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float, Int64
from torch import nn

KINDS = ("unknown", "camera", "light", "gravity", "body")
"""What a slot holds, by number."""

BODY = KINDS.index("body")

NUM_CLASSES = (8, 33, 9, 4)
"""Values of the classes of a body: shape, colour, pattern, role; 0 = unknown."""

NUM_VALUES = 14
"""Numbers of a slot, by kind; ``worldsim.data.scene_encoding`` says which."""

IS_DYNAMIC = 12
"""Which of the values of a body says that forces move it."""

NUM_STATES = 13
"""Numbers of a slot at one latent frame: picture place (down, across), log of the distance, log of the radius in the
picture, velocity (3) and two columns of the orientation (6), in the camera's frame."""


@dataclass(frozen=True)
class SceneTokens:
    """The scenes of b samples as n slots, over t latent frames.

    kind:           position in ``KINDS``; 0 = nothing is known
    classes:        see ``NUM_CLASSES``
    values, known:  numbers that hold for the whole video, and which are known
    states:         numbers of each latent frame
    states_known:   where the state is known: in the first frame, for all that stands still or is scripted, and
                    everywhere if the scene was simulated
    """

    kind: Int64[torch.Tensor, "b n"]
    classes: Int64[torch.Tensor, "b n 4"]
    values: Float[torch.Tensor, "b n v"]
    known: Bool[torch.Tensor, "b n v"]
    states: Float[torch.Tensor, "b n t p"]
    states_known: Bool[torch.Tensor, "b n t"]

    @classmethod
    def unknown(cls, batch: int, slots: int, num_frames: int) -> "SceneTokens":
        """Return scenes of which nothing is known."""
        return cls(
            torch.zeros(batch, slots, dtype=torch.int64),
            torch.zeros(batch, slots, len(NUM_CLASSES), dtype=torch.int64),
            torch.zeros(batch, slots, NUM_VALUES),
            torch.zeros(batch, slots, NUM_VALUES, dtype=torch.bool),
            torch.zeros(batch, slots, num_frames, NUM_STATES),
            torch.zeros(batch, slots, num_frames, dtype=torch.bool),
        )

    def map(self, change: Callable[[torch.Tensor], torch.Tensor]) -> "SceneTokens":
        """Return a copy with each tensor changed."""
        return SceneTokens(*(change(one) for one in self.parts))

    @property
    def parts(self) -> tuple[torch.Tensor, ...]:
        """All tensors, in the order of the fields."""
        return self.kind, self.classes, self.values, self.known, self.states, self.states_known

    def masked(
        self,
        slots: Bool[torch.Tensor, "b n"],
        classes: Bool[torch.Tensor, "b n 4"],
        values: Bool[torch.Tensor, "b n v"],
        states: Bool[torch.Tensor, "b n t"],
    ) -> "SceneTokens":
        """Return scenes of which less is known. True = kept; a slot that is dropped is unknown altogether."""
        return SceneTokens(
            self.kind * slots,
            self.classes * (classes & slots[..., None]),
            self.values,
            self.known & values & slots[..., None],
            self.states,
            self.states_known & states & slots[..., None],
        )

    def dropped(self, rows: Bool[torch.Tensor, "b"]) -> "SceneTokens":
        """Return scenes of which nothing is known in some samples (True)."""
        kept = ~rows[:, None, None]
        return self.masked(
            kept[..., 0].expand_as(self.kind),
            kept.expand_as(self.classes),
            kept.expand_as(self.known),
            kept.expand_as(self.states_known),
        )


SCENE_PARTS = tuple(field.name for field in fields(SceneTokens))


class SceneEmbedding(nn.Module):
    """Slots as tokens of each latent frame, with the place in the picture where a body is known to be."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.kind = nn.Embedding(len(KINDS), width)
        self.classes = nn.ModuleList(nn.Embedding(count, width) for count in NUM_CLASSES)
        self.values = nn.Linear(len(KINDS) * 2 * NUM_VALUES, width, bias=False)
        self.states = nn.Linear(len(KINDS) * (NUM_STATES + 1), width, bias=False)
        self.hidden = nn.Linear(width, width)
        self.proj_out = nn.Linear(width, width)
        for table in (self.kind, *self.classes):
            assert isinstance(table, nn.Embedding)
            nn.init.normal_(table.weight, std=0.5)

    def forward(self, scene: SceneTokens) -> tuple[Float[torch.Tensor, "b t n d"], Float[torch.Tensor, "b t n 2"]]:
        """Return the tokens, and their places: down and across from the middle; the middle where unknown."""
        weight = self.values.weight
        by_kind = nn.functional.one_hot(scene.kind, len(KINDS)).to(weight)  # [b n k]
        known = scene.known.to(weight)
        values = torch.cat([scene.values.to(weight) * known, known], -1)  # [b n 2v]
        x = self.kind(scene.kind) + self.values(torch.einsum("bnk,bnv->bnkv", by_kind, values).flatten(2))
        for number, table in enumerate(self.classes):
            x = x + table(scene.classes[..., number]) * (scene.kind == BODY)[..., None]
        here = scene.states_known.to(weight)[..., None]  # [b n t 1]
        states = torch.cat([scene.states.to(weight) * here, here], -1)
        moving = self.states(torch.einsum("bnk,bntp->bntkp", by_kind, states).flatten(3))
        tokens = self.proj_out(nn.functional.silu(self.hidden(x[:, :, None] + moving)))
        is_body = (scene.kind == BODY).to(weight)[:, :, None, None]
        place = (scene.states[..., :2].to(weight) * here * is_body).clamp(-1, 1)
        return tokens.transpose(1, 2), place.transpose(1, 2)
