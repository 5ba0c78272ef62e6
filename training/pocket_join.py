"""A start for `pocket`: two models side by side in one. In: a writer (a `pocket` that knows the language) and a reader (what became of
`pocket_graft.py`'s start after some training), of one vocabulary, and a packed shard to watch them on. Out: a model folder that writes as the
writer does, to which `pocket_train.py --start START --follow READER --guided -3 -2 -1` teaches the use of what the reader knows, and
`follow.safetensors`, by which that training holds the reader's part to the reader.

The residual stream is the writer's and beside it `--keep` dimensions of the reader's. Each layer has the heads and units of both; neither reads
the other's dimensions yet. The writer's part is exact, but that the RMSNorms divide by the size of both streams.
- *The reader's stream* is reduced by one basis for all layers, found by gradient descent: the one from which a linear map tells best, layer by layer, what the
  projections make of the stream (as in SliceGPT, Ashkboos et al. 2024, which keeps what varies most). That map joins the projections.
- *Its heads*: those that add the most variance to the stream; the others leave their mean. The scores of a head are a product of the same rank or less:
  the pairs that turn fast go over with their frequencies, the rest by a singular value decomposition of what varies, the largest values in the slowest pairs.
- *Its units*: those that add the most variance; the others leave their mean.
- *The last layer* of the writer can no longer be told by a later one: there the reader gives only the head that points at the answer, which copies as the
  writer's first head of that layer does (`--gain` times). The heads and units that are left are new.

    python training/pocket_join.py --writer MODEL_DIR --reader RUN/model --shard DATA/shard-0000.npz --out START
"""

from __future__ import annotations

import argparse
import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import folders
import numpy as np
import torch
from pocket_pack import ARRAYS
from pocket_train import FOLLOW, Batch, export, norms, states, to_batch
from torch import Tensor

SCALE = 0.1
"""Size of the reader's stream in the joined one: too small to disturb the writer (0.5 % of its size at the bottom, 15 % at the top)."""
SPREAD = 0.02
"""Standard deviation of new weights."""
Pairs = tuple[list[int], list[int]]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What one RMSNorm of the reader gives to its projections: means (width,) and covariances (width, width) of the stream h and of what is read, x,
    and a root (width, width) of what the projections make of x, `total` in all."""

    stream: Tensor
    cross: Tensor
    mean: Tensor
    read: Tensor
    use: Tensor
    total: float

    @classmethod
    def of(cls, given: Tensor, read: Tensor, matrices: Sequence[Tensor]) -> Reading:
        mean, centre = given.mean(0), read.mean(0)
        stream, cross = (given - mean).T @ (given - mean) / len(given), (read - centre).T @ (given - mean) / len(given)
        varies = (read - centre).T @ (read - centre) / len(given)
        use = sum((w.T @ w / ((w @ varies) * w).sum().clamp(min=1e-9) for w in matrices), torch.zeros_like(varies))
        half = root(use)[0]
        total = (half @ varies @ half).trace().item()
        return cls(stream=stream, cross=cross, mean=mean, read=centre, use=half, total=total)

    def told(self, basis: Tensor) -> Tensor:
        """Share of what the projections make of x that the stream's part in this basis tells."""
        across, within = self.use @ self.cross @ basis, basis.T @ self.stream @ basis
        return (across @ torch.linalg.solve(within + ridge(within), across.T)).trace() / self.total

    def reduced(self, basis: Tensor) -> Reduced:
        within, mean = basis.T @ self.stream @ basis, basis.T @ self.mean
        sizes = within.diagonal().clamp(min=0).sqrt()
        sizes = sizes.clamp(min=1e-3 * sizes.mean().item())
        to_read = self.cross @ basis @ torch.linalg.inv(within + ridge(within))
        normed = torch.cat([mean / sizes, torch.ones(1)])
        second = normed[:, None] * normed
        second[:-1, :-1] += within / (sizes[:, None] * sizes)
        return Reduced(map=to_read * sizes, offset=self.read - to_read @ mean, sizes=sizes, second=second)


@dataclass(frozen=True, kw_only=True)
class Reduced:
    """From the stream in a basis, in units of its `sizes` (keep,), to x: a map (width, keep) and an offset (width,); `second` holds the second
    moments (keep + 1, keep + 1) of the former, the last row those with a constant."""

    map: Tensor
    offset: Tensor
    sizes: Tensor
    second: Tensor

    def reads(self, linear: Any, rows: Sequence[int] | slice) -> Tensor:
        """(rows, keep + 1): weights of a projection on reduced states, and its bias."""
        weight, bias = linear.weight[rows], bias_of(linear)[rows]
        return torch.cat([weight @ self.map, (bias + weight @ self.offset)[:, None]], 1)


def root(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Symmetric square root of a positive matrix, and its inverse."""
    values, vectors = torch.linalg.eigh(matrix.double())
    values = values.clamp(min=values.max() * 1e-7).sqrt()
    return ((vectors * values) @ vectors.T).float(), ((vectors / values) @ vectors.T).float()


def ridge(matrix: Tensor) -> Tensor:
    return 1e-6 * matrix.diagonal().mean() * torch.eye(len(matrix))


def bias_of(linear: Any) -> Tensor:
    return torch.zeros(linear.out_features) if linear.bias is None else linear.bias


def watched(model: Any, parts: Sequence[Any], batches: Sequence[Batch], empty: int) -> list[tuple[Tensor, Tensor]]:
    """(tokens, width) what each part is given and what it makes of it, over the tokens of these batches."""
    given: list[list[Tensor]] = [[] for _ in parts]
    made: list[list[Tensor]] = [[] for _ in parts]

    def watcher(number: int) -> Any:
        def note(_: Any, inputs: Any, output: Tensor) -> None:
            given[number].append(inputs[0].flatten(0, 1)[real])
            made[number].append(output.flatten(0, 1)[real])

        return note

    hooks = [part.register_forward_hook(watcher(n)) for n, part in enumerate(parts)]
    for batch in batches:
        real = batch.tokens.flatten() != empty
        states(model, batch)
    for hook in hooks:
        hook.remove()
    return [(torch.cat(a), torch.cat(b)) for a, b in zip(given, made, strict=True)]


def readings(reader: Any, layers: int, batches: Sequence[Batch]) -> list[Reading]:
    """Of each attention and each feed-forward part of the first layers; of the last the attention alone, whose first head points."""
    seen, width, found = watched(reader, norms(reader), batches, reader.config.pad_token_id), reader.config.head_dim, []
    for number, layer in enumerate(reader.model.layers[:layers]):
        attention = [layer.self_attn.q_proj.weight, layer.self_attn.k_proj.weight, layer.self_attn.v_proj.weight]
        if number == layers - 1:
            attention = [w[:width] for w in attention[:2]]
        found.append(Reading.of(*seen[2 * number], attention))
        found.append(Reading.of(*seen[2 * number + 1], [layer.mlp.gate_proj.weight, layer.mlp.up_proj.weight]))
    return found[:-1]


def basis_of(points: Sequence[Reading], keep: int, steps: int) -> Tensor:
    """(width, keep) orthonormal directions of the reader's stream, in the order of what varies in them."""
    relative = sum((p.stream / p.stream.trace() for p in points), torch.zeros_like(points[0].stream))
    with torch.enable_grad():
        free = torch.linalg.eigh(relative)[1][:, -keep:].clone().requires_grad_(True)
        opt = torch.optim.Adam([free], lr=0.01)
        for step in range(steps):
            opt.param_groups[0]["lr"] = 0.01 * (1 - step / steps)
            basis = torch.linalg.qr(free)[0]
            lost = sum((1 - p.told(basis) for p in points), torch.zeros(()))
            opt.zero_grad()
            lost.backward()
            opt.step()
    basis = torch.linalg.qr(free.detach())[0]
    return basis @ torch.linalg.eigh(basis.T @ relative @ basis)[1].flip(1)


def joined_config(writer: Any, reader: Any, keep: int, heads: int, units: int) -> Any:
    """Raises SystemExit where the numbers do not fit together."""
    old = writer.config
    count = old.num_attention_heads + heads
    if (old.hidden_size + keep) % count:
        raise SystemExit(f"--keep {keep}, --heads {heads}: {old.hidden_size} + {keep} must be a multiple of {count}")
    if reader.config.num_hidden_layers < old.num_hidden_layers:
        raise SystemExit("--reader: fewer layers than the writer has")
    has = reader.config
    for option, asked, most in (
        ("--keep", keep, has.hidden_size),
        ("--heads", heads, has.num_attention_heads),
        ("--units", units, has.intermediate_size),
    ):
        if not 0 < asked <= most:
            raise SystemExit(f"{option} {asked}: the reader has {most}")
    changes = {
        "hidden_size": old.hidden_size + keep,
        "intermediate_size": old.intermediate_size + units,
        "num_attention_heads": count,
        "num_key_value_heads": count,
        "attention_bias": True,
        "mlp_bias": True,
    }
    return old.__class__(**{**old.to_dict(), **changes})


def turning(writer: Any, reader: Any) -> Pairs:
    """The pairs of a joined head that take over the reader's fast pairs, which have their frequencies; the others, slowest first."""
    ours, theirs = writer.config, reader.config
    base, other = (math.log(c.rope_parameters["rope_theta"]) / c.head_dim for c in (ours, theirs))
    fast = [round(n * other / base) for n in range(theirs.head_dim // 6)]
    return fast, [n for n in range(ours.head_dim // 2 - 1, -1, -1) if n not in fast]


def copy_scores(to: Any, at: int, part: Any, head: int, point: Reduced, pairs: Pairs) -> None:
    """The scores of the reader's head `head` become those of the head whose rows start at `at`."""
    width, half, first = part.head_dim, to.head_dim // 2, to.q_proj.weight.shape[1] - len(point.sizes)
    fast, slow = pairs
    grow = math.sqrt(to.head_dim / width)
    turned = [head * width + n + side for n in range(len(fast)) for side in (0, width // 2)]
    still = [head * width + n + side for n in range(len(fast), width // 2) for side in (0, width // 2)]
    spread, back = root(point.second)
    query, key = grow * point.reads(part.q_proj, still), point.reads(part.k_proj, still)
    left, values, right = torch.linalg.svd(spread @ query.T @ key @ spread)
    count = min(len(still), 2 * len(slow), len(point.second))
    size = values[:count].sqrt()[:, None]
    query = torch.cat([grow * point.reads(part.q_proj, turned), size * (left[:, :count].T @ back)])
    key = torch.cat([point.reads(part.k_proj, turned), size * (right[:count] @ back)])
    places = [at + n + side for n in (*fast, *slow) for side in (0, half)][: len(query)]
    for linear, rows in ((to.q_proj, query), (to.k_proj, key)):
        linear.weight[places, first:] = rows[:, :-1]
        linear.bias[places] = rows[:, -1]


def copy_attention(
    to: Any, part: Any, point: Reduced, made: Tensor, out: Tensor, first: int, kept: int, pairs: Pairs
) -> None:
    """The `kept` heads of the reader that add most become those from number `first`. `made`: (tokens, width) what its heads found;
    `out`: (width, keep) brings what they write to the joined stream."""
    width, stream = part.head_dim, to.o_proj.weight.shape[0] - len(point.sizes)
    heads, writes = made.shape[1] // width, out.T @ part.o_proj.weight
    values, loud = (
        (made - made.mean(0)).unflatten(1, (heads, width)),
        (writes / point.sizes[:, None]).unflatten(1, (heads, width)),
    )
    added = torch.einsum("thw,khw->htk", values, loud).square().sum((1, 2))
    best = sorted(added.argsort(descending=True)[:kept].tolist())
    for place, head in enumerate(best):
        at, rows = (first + place) * to.head_dim, slice(head * width, (head + 1) * width)
        copy_scores(to, at, part, head, point, pairs)
        values = point.reads(part.v_proj, rows)
        to.v_proj.weight[at : at + width, stream:] = values[:, :-1]
        to.v_proj.bias[at : at + width] = values[:, -1]
        to.o_proj.weight[stream:, at : at + width] = writes[:, rows]
    lost = [n for head in range(heads) if head not in best for n in range(head * width, (head + 1) * width)]
    to.o_proj.bias[stream:] = out.T @ bias_of(part.o_proj) + writes[:, lost] @ made.mean(0)[lost]


def copy_units(to: Any, part: Any, point: Reduced, made: Tensor, out: Tensor, first: int) -> None:
    """The reader's units that add most become those from number `first`. `made`: (tokens, units) what they say."""
    stream, writes = to.down_proj.weight.shape[0] - len(point.sizes), out.T @ part.down_proj.weight
    worth = made.var(0) * (writes / point.sizes[:, None]).square().sum(0)
    order = worth.argsort(descending=True).tolist()
    count = to.gate_proj.weight.shape[0] - first
    kept, lost = order[:count], order[count:]
    for linear, old in ((to.gate_proj, part.gate_proj), (to.up_proj, part.up_proj)):
        rows = point.reads(old, kept)
        linear.weight[first:, stream:], linear.bias[first:] = rows[:, :-1], rows[:, -1]
    to.down_proj.weight[stream:, first:] = writes[:, kept]
    to.down_proj.bias[stream:] = out.T @ bias_of(part.down_proj) + writes[:, lost] @ made.mean(0)[lost]


def copy_writer(to: Any, layer: Any, first: int) -> None:
    """The writer's layer, its heads from the row `first`; nothing else is left in it."""
    for linear in (to.self_attn, to.mlp):
        for part in linear.children():
            if isinstance(part, torch.nn.Linear):
                part.weight.zero_()
                part.bias.zero_()
    width, rows = layer.self_attn.q_proj.weight.shape[1], slice(first, first + layer.self_attn.q_proj.weight.shape[0])
    for name in ("q_proj", "k_proj", "v_proj"):
        getattr(to.self_attn, name).weight[rows, :width] = getattr(layer.self_attn, name).weight
    to.self_attn.o_proj.weight[:width, rows] = layer.self_attn.o_proj.weight
    units = layer.mlp.gate_proj.weight.shape[0]
    to.mlp.gate_proj.weight[:units, :width] = layer.mlp.gate_proj.weight
    to.mlp.up_proj.weight[:units, :width] = layer.mlp.up_proj.weight
    to.mlp.down_proj.weight[:width, :units] = layer.mlp.down_proj.weight


def point_in_last(to: Any, layer: Any, part: Any, point: Reduced, heads: int, gain: float, pairs: Pairs) -> None:
    """The reader's first head points; what the writer's first head copies from there goes to the writer's stream. The rest is new."""
    size, width = to.self_attn.head_dim, layer.self_attn.q_proj.weight.shape[1]
    copy_scores(to.self_attn, 0, part, 0, point, pairs)
    to.self_attn.v_proj.weight[:size, :width] = layer.self_attn.v_proj.weight[:size]
    to.self_attn.o_proj.weight[:width, :size] = gain * layer.self_attn.o_proj.weight[:, :size]
    for linear in (to.self_attn.q_proj, to.self_attn.k_proj, to.self_attn.v_proj):
        linear.weight[(1 + heads) * size :].normal_(std=SPREAD)
    for linear in (to.mlp.gate_proj, to.mlp.up_proj):
        linear.weight[layer.mlp.gate_proj.weight.shape[0] :].normal_(std=SPREAD)


def sized(model: Any, writer: Any, batches: Sequence[Batch]) -> None:
    """Each RMSNorm divides by the size of both streams; its weights give both parts their sizes back."""
    width, empty = writer.config.hidden_size, writer.config.pad_token_id
    for ours, old in zip(norms(model), norms(writer), strict=True):
        both, alone = (
            watched(m, [n], batches, empty)[0][0].square().mean(-1).sqrt() for m, n in ((model, ours), (writer, old))
        )
        ours.weight[:width] *= (both / alone).mean()
        ours.weight[width:] *= both.mean()


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What the reader gives: dimensions of the stream, heads and units a layer, and how loud its pointing head copies."""

    keep: int = 200
    heads: int = 8
    units: int = 512
    gain: float = 0.5
    steps: int = 300


def joined(writer: Any, reader: Any, batches: Sequence[Batch], shape: Shape) -> tuple[Any, dict[str, Tensor]]:
    """The joined model, and what `--follow` needs: `basis` (width, keep), which brings the reader's stream to the joined one, and `sizes`
    (layers, keep) of what goes into each layer there."""
    from transformers import LlamaForCausalLM

    model: Any = LlamaForCausalLM(joined_config(writer, reader, shape.keep, shape.heads, shape.units)).float().eval()
    model.set_attn_implementation("eager")
    layers, width, own = writer.config.num_hidden_layers, writer.config.hidden_size, writer.config.num_attention_heads
    found, empty, pairs = readings(reader, layers, batches), reader.config.pad_token_id, turning(writer, reader)
    basis = basis_of(found, shape.keep, shape.steps)
    points = [reading.reduced(basis) for reading in found]
    out, table = SCALE * basis, model.model.embed_tokens.weight
    table[:, :width], table[:, width:] = writer.model.embed_tokens.weight, reader.model.embed_tokens.weight @ out
    for number, (to, layer, old) in enumerate(
        zip(model.model.layers, writer.model.layers, reader.model.layers, strict=False)
    ):
        last = number == layers - 1
        copy_writer(to, layer, to.self_attn.head_dim if last else 0)
        attending, feeding = points[2 * number], points[min(2 * number + 1, len(points) - 1)]
        for norm, was, point in (
            (to.input_layernorm, layer.input_layernorm, attending),
            (to.post_attention_layernorm, layer.post_attention_layernorm, feeding),
        ):
            norm.weight[:width], norm.weight[width:] = was.weight, 1 / (SCALE * point.sizes)
        if last:
            point_in_last(to, layer, old.self_attn, attending, own, shape.gain, pairs)
            continue
        parts = [old.self_attn.o_proj, old.mlp.down_proj]
        (looked, _), (said, _) = watched(reader, parts, batches, empty)
        copy_attention(to.self_attn, old.self_attn, attending, looked, out, own, shape.heads, pairs)
        copy_units(to.mlp, old.mlp, feeding, said, out, layer.mlp.gate_proj.weight.shape[0])
    model.model.norm.weight[:width], model.model.norm.weight[width:] = writer.model.norm.weight, 0.0
    sized(model, writer, batches[:1])
    return model, {"basis": out, "sizes": SCALE * torch.stack([p.sizes for p in points[::2]])}


@torch.no_grad()
def main() -> None:
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    parser, default = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else ""), Shape()
    parser.add_argument("--writer", type=folders.model, required=True)
    parser.add_argument("--reader", type=folders.model, required=True)
    parser.add_argument("--shard", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--keep", type=int, default=default.keep)
    parser.add_argument("--heads", type=int, default=default.heads)
    parser.add_argument("--units", type=int, default=default.units)
    parser.add_argument("--gain", type=float, default=default.gain)
    parser.add_argument("--sequences", type=int, default=64)
    args = parser.parse_args()
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(args.writer)
    writer, reader = (AutoModelForCausalLM.from_pretrained(n, dtype=torch.float32) for n in (args.writer, args.reader))
    for model in (writer, reader):
        model.set_attn_implementation("eager")
    with np.load(args.shard) as shard:
        arrays = {name: shard[name][: args.sequences] for name in ARRAYS}
    parts = range(0, len(arrays["tokens"]), 8)
    batches = [to_batch({k: v[n : n + 8] for k, v in arrays.items()}, 0.3, 0, torch.device("cpu")) for n in parts]
    shape = Shape(keep=args.keep, heads=args.heads, units=args.units, gain=args.gain)
    model, follow = joined(writer, reader, batches, shape)
    shutil.rmtree(args.out, ignore_errors=True)
    export(model, tokenizer, args.out)
    save_file({name: value.contiguous() for name, value in follow.items()}, args.out / FOLLOW)


if __name__ == "__main__":
    main()
