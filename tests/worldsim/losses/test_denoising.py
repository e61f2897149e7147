import pytest
import torch
from torch import nn

from worldsim.diffusion import TimeSampling, loss_weight, v_target
from worldsim.losses.denoising import DiTObjective, dit_objective, draw_given, packed_dit_objective
from worldsim.losses.loss import RankShard
from worldsim.model.conditioning import Conditioning, Scalars


class Recorder(nn.Module):
    """Stands for a transformer: keeps what it was called with and knows the answer."""

    def __init__(self, x0: torch.Tensor) -> None:
        super().__init__()
        self.x0 = x0

    def num_tokens(self, shape) -> int:  # type: ignore[no-untyped-def]
        return int(shape[1])

    def forward(self, latents, t, conditioning):  # type: ignore[no-untyped-def]
        known = {"text_mask": conditioning.text_mask, "domain": conditioning.domain}
        self.seen = {"latents": latents, "t": t, **known}
        share = t[:, None, :, None, None].clamp_min(1e-6)
        return (latents - self.x0) / share


def run(settings: DiTObjective, batch: int = 64) -> tuple[dict[str, torch.Tensor], Recorder]:
    x0 = torch.randn(batch, 4, 5, 2, 2, generator=torch.Generator().manual_seed(0))
    dit = Recorder(x0)
    ids, mask = torch.ones(batch, 6, dtype=torch.int64), torch.ones(batch, 6, dtype=torch.bool)
    domain, rate = torch.ones(batch, dtype=torch.int64), torch.full((batch,), 16.0)
    return dit_objective(
        dit, x0, Conditioning.of_words(ids, mask, domain, rate), torch.Generator().manual_seed(1), settings
    ), dit


def test_a_perfect_transformer_has_no_loss() -> None:
    loss, _ = run(DiTObjective(time=TimeSampling(mean=1.0), image_to_video_probability=0.5))
    assert loss["loss"].item() == pytest.approx(0, abs=1e-4)


def test_given_frames_are_clean_and_first() -> None:
    _, dit = run(DiTObjective(image_to_video_probability=1.0, max_conditioning_latents=3))
    t, latents = dit.seen["t"], dit.seen["latents"]
    given = t == 0
    assert set(given.sum(dim=1).tolist()) == {1, 2, 3}
    assert (given[:, :-1] >= given[:, 1:]).all()
    clean = given[:, None, :, None, None].expand_as(latents)
    assert torch.equal(latents[clean], dit.x0[clean])
    for row, kept in zip(t, given, strict=True):
        assert len(row[~kept].unique()) == 1


def test_shares_are_those_of_the_settings() -> None:
    _, dit = run(DiTObjective(image_to_video_probability=0.25, condition_dropout=0.1, domain_dropout=0.3), batch=4096)
    assert (dit.seen["t"][:, 0] == 0).float().mean().item() == pytest.approx(0.25, abs=0.03)
    kept = dit.seen["text_mask"]
    assert torch.equal(kept.any(dim=1), kept.all(dim=1))
    assert (~kept[:, 0]).float().mean().item() == pytest.approx(0.1, abs=0.02)
    assert (dit.seen["domain"] == 0).float().mean().item() == pytest.approx(0.3, abs=0.03)


def test_one_latent_frame_is_never_given() -> None:
    given = draw_given(
        8, 1, torch.Generator().manual_seed(0), DiTObjective(image_to_video_probability=1.0), torch.device("cpu")
    )
    assert not given.any()


def test_v_zero_costs_the_power_of_v() -> None:
    class Silent(Recorder):
        def forward(self, latents, *others):  # type: ignore[no-untyped-def]
            return torch.zeros_like(latents)

    x0 = torch.zeros(512, 4, 2, 2, 2)
    ids, mask = torch.ones(512, 1, dtype=torch.int64), torch.ones(512, 1, dtype=torch.bool)
    settings = DiTObjective(image_to_video_probability=0.0)
    generator = torch.Generator().manual_seed(0)
    known = Conditioning.of_words(ids, mask, ids[:, 0], torch.full((512,), 16.0))
    loss = dit_objective(Silent(x0), x0, known, generator, settings)
    assert loss["loss"].item() == pytest.approx(v_target(x0, torch.ones_like(x0)).square().mean().item(), rel=0.05)


class PackedRecorder(Recorder):
    """Knows the answer for each of several samples, plus a fault of its own size in each."""

    def __init__(self, x0: list[torch.Tensor], faults: list[float]) -> None:
        super().__init__(x0[0])
        self.all, self.faults = x0, faults

    def forward_packed(self, latents, t, conditioning):  # type: ignore[no-untyped-def]
        self.seen = {"t": t, "latents": latents}
        shares = [level[None, :, None, None].clamp_min(1e-6) for level in t]
        return [(x - x0) / s + f for x, x0, s, f in zip(latents, self.all, shares, self.faults, strict=True)]


def test_a_packed_loss_is_the_mean_over_all_values_that_are_not_given() -> None:
    generator = torch.Generator().manual_seed(0)
    shapes = ((4, 5, 2, 2), (4, 1, 4, 2), (4, 3, 2, 6))
    x0 = [torch.randn(shape, generator=generator) for shape in shapes]
    dit = PackedRecorder(x0, faults=[0.1, 0.2, 0.3])
    ids, mask = torch.ones(3, 6, dtype=torch.int64), torch.ones(3, 6, dtype=torch.bool)
    known = Conditioning.of_words(ids, mask, torch.ones(3, dtype=torch.int64), torch.full((3,), 16.0))
    settings = DiTObjective(time=TimeSampling(mean=1.0), image_to_video_probability=1.0)
    loss = packed_dit_objective(dit, x0, known, [[0, 1], [2]], torch.Generator().manual_seed(1), settings)["loss"]
    counted = [int((t > 0).sum()) * x[:, 0].numel() for t, x in zip(dit.seen["t"], x0, strict=True)]
    assert counted[1] == x0[1].numel()  # a picture has nothing to continue from
    expected = sum(n * f**2 for n, f in zip(counted, dit.faults, strict=True)) / sum(counted)
    assert loss.item() == pytest.approx(expected, rel=1e-3)


def test_frames_may_have_their_own_t() -> None:
    settings = DiTObjective(
        image_to_video_probability=0.0, diffusion_forcing_probability=0.5, time=TimeSampling(distribution="uniform")
    )
    _, dit = run(settings, batch=2000)
    alike = (dit.seen["t"] == dit.seen["t"][:, :1]).all(1)
    assert alike.float().mean().item() == pytest.approx(0.5, abs=0.04)
    own = dit.seen["t"][~alike]
    assert own.mean().item() == pytest.approx(0.5, abs=0.02)
    assert torch.corrcoef(own[:, :2].T)[0, 1].abs() < 0.1


def test_given_frames_may_be_anywhere() -> None:
    _, dit = run(
        DiTObjective(image_to_video_probability=1.0, random_position_probability=0.5, max_conditioning_latents=2),
        batch=2000,
    )
    given = dit.seen["t"] == 0
    first = (given[:, :-1] >= given[:, 1:]).all(1)
    assert set(given.sum(1).tolist()) == {1, 2}
    assert 0.5 < first.float().mean() < 0.7  # half are first by choice, some by chance
    assert given.float().mean(0).min() > 0.1


@pytest.mark.parametrize("count", [2, 3])
def test_parts_of_a_batch_add_up_to_the_whole(count: int) -> None:
    settings = DiTObjective(weighting="min_snr", diffusion_forcing_probability=0.3)
    generator = torch.Generator().manual_seed(5)
    latents = torch.randn(6, 4, 5, 2, 2, generator=generator)
    ids, mask = torch.ones(6, 3, dtype=torch.int64), torch.ones(6, 3, dtype=torch.bool)
    scalars = {"gravity": Scalars(torch.ones(6, 1, 3), torch.ones(6, 1, dtype=torch.bool))}
    known = Conditioning.of_words(ids, mask, ids[:, 0], torch.full((6,), 16.0), scalars)

    class Faulty(Recorder):
        def forward(self, latents, t, *others):  # type: ignore[no-untyped-def]
            return latents * t[:, None, :, None, None]

    def loss(part: RankShard) -> float:
        drawn = torch.Generator().manual_seed(1)
        return dit_objective(Faulty(latents), latents, known, drawn, settings, part)["loss"].item()

    whole = loss(RankShard(0, 1))
    assert sum(loss(RankShard(rank, count)) for rank in range(count)) / count == pytest.approx(whole, rel=1e-5)


def test_packed_parts_add_up_to_the_whole() -> None:
    generator = torch.Generator().manual_seed(0)
    latents = [torch.randn(4, t, h, 2, generator=generator) for t, h in ((5, 2), (1, 4), (3, 6), (2, 2))]
    ids, mask = torch.ones(4, 6, dtype=torch.int64), torch.ones(4, 6, dtype=torch.bool)
    known = Conditioning.of_words(ids, mask, torch.ones(4, dtype=torch.int64), torch.full((4,), 16.0))

    class Faulty(Recorder):
        def forward_packed(self, latents, t, *others):  # type: ignore[no-untyped-def]
            return [x * level[None, :, None, None] for x, level in zip(latents, t, strict=True)]

    def loss(part: RankShard) -> float:
        drawn = torch.Generator().manual_seed(1)
        dit = Faulty(latents[0])
        rows = [[0, 3], [1], [2]]
        return packed_dit_objective(dit, latents, known, rows, drawn, DiTObjective(), shard=part)["loss"].item()

    assert (loss(RankShard(0, 2)) + loss(RankShard(1, 2))) / 2 == pytest.approx(loss(RankShard(0, 1)), rel=1e-5)


def test_the_weight_of_a_noise_level_multiplies_its_error() -> None:
    class Off(Recorder):
        def forward(self, latents, t, *others):  # type: ignore[no-untyped-def]
            return super().forward(latents, t, *others) + 0.5

    x0 = torch.randn(400, 4, 5, 2, 2, generator=torch.Generator().manual_seed(0))
    ids, mask = torch.ones(400, 1, dtype=torch.int64), torch.ones(400, 1, dtype=torch.bool)
    settings = DiTObjective(
        image_to_video_probability=0.0, weighting="cosmap", time=TimeSampling(distribution="uniform")
    )
    dit = Off(x0)
    known = Conditioning.of_words(ids, mask, ids[:, 0], torch.full((400,), 16.0))
    loss = dit_objective(dit, x0, known, torch.Generator().manual_seed(0), settings)["loss"].item()
    assert loss == pytest.approx(0.25 * loss_weight(dit.seen["t"], "cosmap").mean().item(), rel=0.02)
