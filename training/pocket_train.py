"""Trains `pocket`. In: packed shards and a start (a model directory, or a named size from scratch). Out, under --out: `checkpoint/`
(model, optimizer state, progress), `model/` (bf16, ready to load) and `log.jsonl` (loss, tokens per second, development figures by step).

Muon moves the matrices, AdamW the rest; the rate rises linearly over the first 3 %, stays, and falls linearly to zero over the last
`--decay` share of the budget, which is a number of steps (--steps) or a time of day (--until HH:MM, UTC). Killed and started again
with the same arguments, it goes on from the last checkpoint.

    python training/pocket_train.py --data DATA --tokenizer MODEL_DIR --start MODEL_DIR --out RUN --until 02:35     # go on from a model
    python training/pocket_train.py --data DATA --tokenizer MODEL_DIR --size gpu-24m --out RUN --steps 4000 --batch 96  # from scratch
    torchrun --nproc-per-node 2 training/pocket_train.py ... --threads 1      # one process a core: --batch sequences in each
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import folders
import numpy as np
import torch
import workers
from pocket_pack import ARRAYS
from torch import Tensor
from torch.optim import _muon

from ragraft.models.embedder import best_device

IN_BF16 = best_device()[1] == torch.bfloat16
PRECISION = torch.bfloat16 if IN_BF16 else torch.float32
"""Of products, and of models that are only read: bf16 on a GPU and on processors that compute in it, else fp32."""

SIZES: dict[str, dict[str, int]] = {
    "cpu-7m": {"hidden_size": 256, "intermediate_size": 672, "num_hidden_layers": 6, "num_attention_heads": 4},
    "gpu-24m": {"hidden_size": 448, "intermediate_size": 1088, "num_hidden_layers": 8, "num_attention_heads": 7},
    "test": {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2},
}
WEIGHTS = (0.0, 0.3, 2.0, 1.0, 6.0)
"""Loss weight by the shards' `weight` code: none, context, answer, plain text, what decides an answer."""

GUIDED = (-3, -2)
"""Layers, counted from the end, whose first head is told where to look: what they find can still be used."""

SCALED = {"large": (1.0, math.inf), "small": (1e-3, 1.0)}
"""Sizes of the stream's dimensions that count as units: those above 1 (a grafted model's), or those below (a joined one's)."""

FOLLOW, FOLLOWED = "follow.safetensors", 2.0
"""What `pocket_join.py` leaves for --follow, and the weight of following."""

POINTERS = 1 / 16
"""Share of the places, at most, whose attention is guided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """(B, T) token ids and positions, (B, 1, T, T) additive mask, and the K flat places whose next token is predicted; `branches`
    numbers the branch that each place belongs to. `askers` are P flat places that should look at the place `goals` of their sequence, -1
    where there is none."""

    tokens: Tensor
    positions: Tensor
    mask: Tensor
    places: Tensor
    targets: Tensor
    weights: Tensor
    branches: Tensor
    askers: Tensor
    goals: Tensor


class Shards:
    """The shards of a folder as one endless list of sequences, in file order; holds one shard in memory.

    A shard that appears while training runs is taken in before the first is read again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths = sorted(folder.glob("shard-*.npz"))
        with np.load(self.paths[0]) as first:
            self.size = int(first["tokens"].shape[0])
        self._held: Path | None = None
        self._arrays: dict[str, np.ndarray] = {}

    def take(self, start: int, count: int) -> dict[str, np.ndarray]:
        """Sequences start .. start + count, wrapping from the last shard to the first."""
        picked: list[dict[str, np.ndarray]] = []
        for index in range(start, start + count):
            number, row = divmod(index, self.size)
            if number >= len(self.paths):
                self.paths = sorted(self.folder.glob("shard-*.npz"))
            path = self.paths[number % len(self.paths)]
            if path != self._held:
                with np.load(path) as shard:
                    self._held, self._arrays = path, {name: shard[name] for name in ARRAYS}
            picked.append({name: self._arrays[name][row] for name in ARRAYS})
        return {name: np.stack([p[name] for p in picked]) for name in ARRAYS}


def to_batch(arrays: dict[str, np.ndarray], share: float, seed: int, device: torch.device) -> Batch:
    """All answer places and a random part of the others, so that the output layer runs on `share` of the tokens (fixed shape)."""
    tokens, doc, seg, pos, code, goal = (torch.from_numpy(arrays[n].astype(np.int64)) for n in ARRAYS)
    length = tokens.shape[1]
    weights = torch.tensor(WEIGHTS)[code[:, 1:]]
    inside = (doc[:, 1:] == doc[:, :-1]) & ((seg[:, 1:] == seg[:, :-1]) | ((seg[:, :-1] == 0) & (seg[:, 1:] == 1)))
    weights = torch.nn.functional.pad(weights * inside, (0, 1)).flatten()
    rank = (
        torch.rand(weights.shape, generator=torch.Generator().manual_seed(seed)) + weights.sign() + 2 * (weights > 0.5)
    )
    places = rank.topk(int(share * weights.numel())).indices.sort().values
    targets = torch.nn.functional.pad(tokens[:, 1:], (0, 1)).flatten()[places]
    branches = torch.nn.functional.pad((doc * 256 + seg)[:, 1:] + 65536 * torch.arange(len(doc))[:, None], (0, 1))
    askers = goal.flatten().sign().topk(max(1, int(POINTERS * goal.numel()))).indices
    doc, seg, tokens, pos = doc.to(device), seg.to(device), tokens.to(device), pos.to(device)
    seen = (doc[:, :, None] == doc[:, None, :]) & ((seg[:, None, :] == 0) | (seg[:, :, None] == seg[:, None, :]))
    seen &= torch.ones(length, length, dtype=torch.bool, device=device).tril()
    mask = torch.zeros(seen.shape, dtype=PRECISION, device=device).masked_fill_(~seen, -1e4)[:, None]
    return Batch(
        tokens=tokens,
        positions=pos,
        mask=mask,
        places=places.to(device),
        targets=targets.to(device),
        weights=weights[places].to(device),
        branches=branches.flatten()[places].to(device),
        askers=askers.to(device),
        goals=(goal.flatten()[askers] - 1).to(device),
    )


def states(model: Any, batch: Batch) -> list[Tensor]:
    """What goes into each layer, and what comes out of the last, normed: layers + 1 tensors (B, T, width)."""
    inner = model.model
    hidden = inner.embed_tokens(batch.tokens)
    turn, found = inner.rotary_emb(hidden, batch.positions), []
    for layer in inner.layers:
        found.append(hidden)
        hidden = layer(hidden, attention_mask=batch.mask, position_embeddings=turn, use_cache=False)
    return [*found, inner.norm(hidden)]


def logits(model: Any, batch: Batch, hidden: Tensor) -> Tensor:
    """(K, vocabulary) of each predicted place."""
    return model.lm_head(hidden.flatten(0, 1)[batch.places]).float()


def missed(model: Any, batch: Batch, hidden: Tensor, number: int) -> Tensor:
    """(P,) cross entropy, in nats, of where the first head of a layer looks against where the answer stands: guided attention.

    After Chen et al. 2016 (guided alignment) and Mi et al. 2016 (supervised attentions). 0 where there is no goal.
    """
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    layer, inner = model.model.layers[number], model.model
    width, normed = model.config.head_dim, layer.input_layernorm(hidden)
    query, key = (
        torch.nn.functional.linear(normed, part.weight[:width], None if part.bias is None else part.bias[:width])[
            :, None
        ]
        for part in (layer.self_attn.q_proj, layer.self_attn.k_proj)
    )
    query, key = apply_rotary_pos_emb(query, key, *inner.rotary_emb(hidden, batch.positions))
    scores = (query @ key.transpose(2, 3) * width**-0.5 + batch.mask)[:, 0].flatten(0, 1)[batch.askers]
    return torch.nn.functional.cross_entropy(scores.float(), batch.goals, reduction="none", ignore_index=-1)


class Elders(NamedTuple):
    """Models of the same vocabulary to learn from: a `teacher`, whose predictions are a share `teach` of each target but those that
    decide an answer (Hinton et al. 2015, at temperature 1), and a reader (`pocket_join.py`) whose stream, brought to the last dimensions
    of the model's by `basis` (width, keep), these should follow; `sizes` (layers, keep)."""

    teacher: Any = None
    teach: float = 0.0
    reader: Any = None
    basis: Tensor | None = None
    sizes: Tensor | None = None


ALONE = Elders()


def strayed(batch: Batch, hidden: Sequence[Tensor], elders: Elders) -> Tensor:
    """Mean square of how far the followed dimensions are from the reader's, in units of their sizes, over the layers above the first."""
    if elders.reader is None or elders.basis is None or elders.sizes is None:
        return torch.zeros(())
    with torch.no_grad():
        wanted = [h.float() @ elders.basis for h in states(elders.reader, batch)]
    keep, layers = elders.basis.shape[1], range(1, len(elders.sizes))
    away = [(hidden[n][..., -keep:].float() - wanted[n]) / elders.sizes[n] for n in layers]
    return torch.stack([a.square().clamp(max=25).mean() for a in away]).mean()


def token_losses(
    model: Any, batch: Batch, guided: Sequence[int] = GUIDED, elders: Elders = ALONE
) -> tuple[Tensor, Tensor, Tensor]:
    """(K,) cross entropy of each predicted place and (P,) of where the guided heads look, summed over them, in nats, and how far the
    model has strayed from the reader it follows; products in `PRECISION`."""
    with torch.autocast(batch.tokens.device.type, torch.bfloat16, enabled=IN_BF16):
        hidden = states(model, batch)
        scores = logits(model, batch, hidden[-1])
        losses = torch.nn.functional.cross_entropy(scores, batch.targets, reduction="none")
        if elders.teacher is not None:
            with torch.no_grad():
                wanted = logits(elders.teacher, batch, states(elders.teacher, batch)[-1]).softmax(-1)
            taught = torch.nn.functional.cross_entropy(scores, wanted, reduction="none")
            losses = losses + elders.teach * (batch.weights < WEIGHTS[4]) * (taught - losses)
        layers = guided_layers(model, guided)
        off = sum((missed(model, batch, hidden[n], n) for n in layers), torch.zeros(())) / len(layers)
        return losses, off, strayed(batch, hidden, elders)


def guided_layers(model: Any, guided: Sequence[int]) -> list[int]:
    """Numbers of the layers that are named by their place from the end; the first one for those that a small model lacks."""
    return [max(0, model.config.num_hidden_layers + n) for n in guided]


def new_model(size: str, tokenizer: Any, seed: int) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    ids = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    shape: dict[str, Any] = {**SIZES[size], **ids, "num_key_value_heads": SIZES[size]["num_attention_heads"]}
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        rms_norm_eps=1e-6,
        **shape,
    )
    return LlamaForCausalLM(config)


def optimizers(
    model: Any, matrix_rate: float, other_rate: float
) -> tuple[torch.optim.Optimizer, torch.optim.Optimizer]:
    """Muon for the layers' matrices (Jordan et al. 2024, torch.optim.Muon), AdamW for embeddings, norms and biases."""
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and ".layers." in n]
    others = [p for n, p in model.named_parameters() if not (p.ndim == 2 and ".layers." in n)]
    if not IN_BF16:
        _muon._zeropower_via_newtonschulz = polar  # pyright: ignore[reportPrivateUsage]
    muon = torch.optim.Muon(matrices, lr=matrix_rate, momentum=0.95, weight_decay=0.01)
    return muon, torch.optim.AdamW(others, lr=other_rate, betas=(0.9, 0.95), weight_decay=0.0)


def polar(grad: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float) -> Tensor:
    """Newton-Schulz as in torch.optim.Muon, in fp32: bf16, which that is fixed to, takes a processor without it a hundred times as long."""
    a, b, c = coefficients
    tall = grad.size(0) > grad.size(1)
    x = (grad.T if tall else grad).float()
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


def rate_at(progress: float, decay: float) -> float:
    """Factor on the peak rate at `progress` in [0, 1]."""
    return max(0.0, min(1.0, progress / 0.03 + 0.02, (1.0 - progress) / decay))


def budget(steps: int, until: str) -> Callable[[int, float], float]:
    """(step, seconds since the very first start) -> progress. `until` is the next HH:MM in UTC."""
    if steps:
        return lambda step, _: step / steps
    hour, minute = map(int, until.split(":"))
    now = datetime.now(UTC)
    end = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    end += timedelta(days=1) if end <= now else timedelta()
    return lambda _, begun: (time.time() - begun) / max(end.timestamp() - begun, 1.0)


@torch.no_grad()
def development(
    model: Any, path: Path, share: float, device: torch.device, batch: int, guided: Sequence[int] = GUIDED
) -> dict[str, float]:
    """On the development shard: mean nats of an answer token, of a token that decides one, of a plain-text token; the share of answers
    that greedy decoding would give to the letter, and of the numbers after a `[` that would be right; mean nats of
    where the last guided head looks."""
    with np.load(path) as shard:
        arrays = {name: shard[name] for name in ARRAYS}
    losses: dict[int, list[Tensor]] = {2: [], 3: [], 4: []}
    exact: list[Tensor] = []
    cited: list[Tensor] = []
    found_at: list[Tensor] = []
    for start in range(0, len(arrays["tokens"]), batch):
        part = to_batch({n: a[start : start + batch] for n, a in arrays.items()}, share, 0, device)
        with torch.autocast(device.type, torch.bfloat16, enabled=IN_BF16):
            hidden = states(model, part)
            scores, last = logits(model, part, hidden[-1]), guided_layers(model, guided)[-1]
            found_at.append(missed(model, part, hidden[last], last)[part.goals >= 0])
        loss = torch.nn.functional.cross_entropy(scores, part.targets, reduction="none")
        for code, found in losses.items():
            found.append(loss[part.weights == WEIGHTS[code]])
        right, answer = scores.argmax(-1) == part.targets, part.weights >= WEIGHTS[2]
        numbers, at = part.branches[answer].unique(return_inverse=True)
        exact.append(torch.ones(len(numbers), device=device).scatter_reduce(0, at, right[answer].float(), "amin"))
        first = torch.zeros_like(answer).index_fill_(0, _firsts(part.branches, answer), True)
        cited.append(right[(part.weights == WEIGHTS[4]) & ~first].float())
    mean = {
        name: torch.cat(found).mean().item()
        for name, found in zip(("answer", "text", "decisive"), losses.values(), strict=True)
    }
    return {f"dev_{k}": v for k, v in mean.items()} | {
        "dev_exact": torch.cat(exact).mean().item(),
        "dev_cited": torch.cat(cited).mean().item(),
        "dev_pointed": torch.cat(found_at).mean().item(),
    }


def _firsts(branches: Tensor, answer: Tensor) -> Tensor:
    """Index of the first answer place of each branch; places are in the order of the text."""
    at = answer.nonzero().flatten()
    new = torch.cat([torch.ones(1, dtype=torch.bool, device=at.device), branches[at][1:] != branches[at][:-1]])
    return at[new]


class Scaled(torch.nn.Module):
    """A linear layer into the residual stream, each row in units of its dimension's size there: Muon moves all rows alike, and a stream
    that grows from layer to layer would leave the late ones almost as they are."""

    def __init__(self, linear: Any, rows: Tensor) -> None:
        super().__init__()
        rows = rows.bfloat16().float()
        self.register_buffer("rows", rows, persistent=False)
        self.weight = torch.nn.Parameter(linear.weight.detach() / rows[:, None])
        self.bias = None if linear.bias is None else torch.nn.Parameter(linear.bias.detach() / rows)

    def forward(self, x: Tensor) -> Tensor:
        return torch.nn.functional.linear(x, self.weight, self.bias) * self.rows.to(PRECISION)


def norms(model: Any) -> list[Any]:
    """Every RMSNorm in the order of the stream: two a layer and the last one."""
    pairs = [(layer.input_layernorm, layer.post_attention_layernorm) for layer in model.model.layers]
    return [*(norm for pair in pairs for norm in pair), model.model.norm]


@torch.no_grad()
def scale_rows(model: Any, batch: Batch, scaled: str = "large") -> None:
    """Puts `Scaled` in the place of each layer's two last projections, by the sizes that a batch shows."""
    layers, found = model.model.layers, []
    hooks = [
        n.register_forward_pre_hook(lambda _, given: found.append(given[0].float().square().mean((0, 1)).sqrt()))
        for n in norms(model)
    ]
    with torch.autocast(batch.tokens.device.type, torch.bfloat16, enabled=IN_BF16):
        states(model, batch)
    for hook in hooks:
        hook.remove()
    low, high = SCALED[scaled]
    sizes = [size.clamp(low, high) for size in found[1:]]
    for number, layer in enumerate(layers):
        layer.self_attn.o_proj = Scaled(layer.self_attn.o_proj, sizes[2 * number])
        layer.mlp.down_proj = Scaled(layer.mlp.down_proj, sizes[2 * number + 1])


def folded(model: Any) -> dict[str, Tensor]:
    """The weights as the plain architecture has them."""
    state = dict(model.state_dict())
    for name, part in model.named_modules():
        if isinstance(part, Scaled):
            state[f"{name}.weight"] = part.weight.detach() * part.rows[:, None]
            if part.bias is not None:
                state[f"{name}.bias"] = part.bias.detach() * part.rows
    return state


def save(
    out: Path, model: Any, tokenizer: Any, opts: tuple[torch.optim.Optimizer, ...], progress: dict[str, float]
) -> None:
    """Checkpoint under a temporary name, then swapped in; `model/` is the same weights in bf16."""
    temporary, final = out / "checkpoint.tmp", out / "checkpoint"
    shutil.rmtree(temporary, ignore_errors=True)
    plain = model.__class__(model.config)
    plain.load_state_dict(folded(model))
    plain.save_pretrained(temporary)
    torch.save([o.state_dict() for o in opts], temporary / "optimizers.pt")
    (temporary / "progress.json").write_text(json.dumps(progress))
    shutil.rmtree(final, ignore_errors=True)
    os.replace(temporary, final)
    export(model, tokenizer, out / "model")


def export(model: Any, tokenizer: Any, folder: Path) -> None:
    """The model in bf16 with its tokenizer's own files, loadable by name."""
    from transformers import AutoModelForCausalLM, GenerationConfig

    light = AutoModelForCausalLM.from_config(model.config, dtype=torch.bfloat16)
    light.load_state_dict(folded(model))
    light.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    light.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(Path(tokenizer.name_or_path) / name, folder / name)


def load(
    args: argparse.Namespace, tokenizer: Any, device: torch.device
) -> tuple[Any, tuple[torch.optim.Optimizer, ...], dict[str, float]]:
    """The model, its optimizers and the progress: from the last checkpoint, else from --start, else from scratch."""
    from transformers import AutoModelForCausalLM

    saved = args.out / "checkpoint"
    if saved.exists() or args.start:
        model: Any = AutoModelForCausalLM.from_pretrained(saved if saved.exists() else args.start, dtype=torch.float32)
    else:
        model = new_model(args.size, tokenizer, args.seed)
    model.set_attn_implementation(args.attention)
    model.to(device)
    scale_rows(model, to_batch(Shards(args.data).take(0, 8), args.share, 0, device), args.scaled)
    opts = optimizers(model, args.matrix_rate, args.other_rate)
    if not saved.exists():
        return model, opts, {"step": 0, "begun": time.time(), "tokens": 0}
    for opt, state in zip(
        opts, torch.load(saved / "optimizers.pt", weights_only=True, map_location=device), strict=True
    ):
        opt.load_state_dict(state)
    return model, opts, json.loads((saved / "progress.json").read_text())


def elders_of(args: argparse.Namespace, words: int, device: torch.device) -> Elders:
    """Those that --teacher and --follow name, frozen. Raises SystemExit for one whose vocabulary has not this many words, and where the
    start was not made to follow."""
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM

    def frozen(option: str, folder: Path | None) -> Any:
        if not folder:
            return None
        model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=PRECISION)
        if model.config.vocab_size != words:
            raise SystemExit(f"{option} {folder}: {model.config.vocab_size} words in its vocabulary, not {words}")
        model.set_attn_implementation(args.attention)
        return model.to(device).requires_grad_(False)

    if args.follow and not (args.start and (args.start / FOLLOW).is_file()):
        raise SystemExit(f"--follow {args.follow}: --start must be a folder that pocket_join.py made, with {FOLLOW}")
    maps = load_file(args.start / FOLLOW, device=str(device)) if args.follow else {}
    teacher, reader = frozen("--teacher", args.teacher), frozen("--follow", args.follow)
    return Elders(teacher, args.teach, reader, maps.get("basis"), maps.get("sizes"))


def train(args: argparse.Namespace) -> float:
    """Runs to the end of the budget; returns the last training loss (nats per weighted token)."""
    from transformers import AutoTokenizer

    rank, count = workers.join()
    torch.set_num_threads(args.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    args.out.mkdir(parents=True, exist_ok=True)
    tokenizer = AutoTokenizer.from_pretrained(args.tokenizer)
    model, opts, at = load(args, tokenizer, device)
    elders = elders_of(args, model.config.vocab_size, device)
    losses_of = torch.compile(token_losses, dynamic=False) if args.compile else token_losses
    shards, progress_of = Shards(args.data), budget(args.steps, args.until)
    step, loss, shown, saved = int(at["step"]), float("nan"), (time.time(), at["tokens"]), time.time()
    loader = ThreadPoolExecutor(1)
    prepare = lambda n: loader.submit(  # noqa: E731
        lambda: to_batch(shards.take((n * count + rank) * args.batch, args.batch), args.share, n, device)
    )
    coming = prepare(step)
    while (progress := workers.agreed(progress_of(step, at["begun"]))) < 1.0:
        batch, coming = coming.result(), prepare(step + 1)
        losses, off, away = losses_of(model, batch, args.guided, elders)
        mean = (losses * batch.weights).sum() / batch.weights.sum()
        pointed = off.sum() / (batch.goals >= 0).sum().clamp(min=1)
        (mean + args.guide * pointed + FOLLOWED * away).backward()
        workers.average(model)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for opt, peak in zip(opts, (args.matrix_rate, args.other_rate), strict=True):
            for group in opt.param_groups:
                group["lr"] = peak * rate_at(progress, args.decay)
            opt.step()
            opt.zero_grad(set_to_none=True)
        step += 1
        at |= {"step": step, "tokens": at["tokens"] + batch.tokens.numel() * count}
        if rank:
            continue
        if step % args.log_every == 0 or progress_of(step, at["begun"]) >= 1.0:
            loss = mean.item()
            answer = losses[batch.weights >= WEIGHTS[2]].mean().item()
            speed = (at["tokens"] - shown[1]) / (time.time() - shown[0])
            log(
                args.out,
                step=step,
                progress=progress,
                loss=loss,
                answer=answer,
                pointed=pointed.item(),
                **({"strayed": away.item()} if elders.reader is not None else {}),
                tokens=at["tokens"],
                tokens_per_second=speed,
            )
            shown = (time.time(), at["tokens"])
        if time.time() - saved > args.save_seconds:
            found = development(model, args.data / "dev.npz", args.share, device, args.batch, args.guided)
            log(args.out, step=step, tokens=at["tokens"], **found)
            save(args.out, model, tokenizer, opts, at)
            saved = time.time()
    loader.shutdown(cancel_futures=True)
    if rank:
        return loss
    save(args.out, model, tokenizer, opts, at)
    return loss


def log(out: Path, **values: float) -> None:
    line = json.dumps({"at": datetime.now(UTC).strftime("%H:%M:%S"), **{k: round(v, 4) for k, v in values.items()}})
    with (out / "log.jsonl").open("a") as lines:
        lines.write(line + "\n")
    print(line, flush=True)


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=folders.shards, required=True)
    parser.add_argument("--tokenizer", type=folders.tokenizer, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=folders.model, help="model directory to go on from")
    parser.add_argument("--size", choices=sorted(SIZES), default="gpu-24m", help="shape when there is no --start")
    budget_of = parser.add_mutually_exclusive_group(required=True)
    budget_of.add_argument("--steps", type=int, default=0)
    budget_of.add_argument("--until", default="", help="HH:MM, UTC")
    parser.add_argument("--batch", type=int, default=4, help="sequences a step")
    parser.add_argument("--share", type=float, default=0.33, help="share of the tokens that the output layer sees")
    parser.add_argument("--matrix-rate", type=float, default=0.01)
    parser.add_argument("--other-rate", type=float, default=1.5e-3)
    parser.add_argument("--decay", type=float, default=0.5)
    parser.add_argument(
        "--guide", type=float, default=0.5, help="weight of guided attention; 0 leaves the heads to themselves"
    )
    parser.add_argument(
        "--guided", type=int, nargs="+", default=GUIDED, help="layers that are guided, counted from the end"
    )
    parser.add_argument("--scaled", choices=sorted(SCALED), default="large", help="dimensions trained in their units")
    parser.add_argument("--follow", type=folders.model, help="the reader of a joined --start, for its part to follow")
    parser.add_argument(
        "--teacher",
        type=folders.model,
        help="model directory of the same vocabulary to learn from as well",
    )
    parser.add_argument("--teach", type=float, default=0.7, help="share of a target that is the teacher's prediction")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--save-seconds", type=float, default=300.0)
    parser.add_argument(
        "--attention", choices=("sdpa", "eager"), default="sdpa", help="eager is the faster one on a CPU when compiled"
    )
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
    args = parser.parse_args(argv)
    if max(args.guided) >= 0:
        parser.error(f"--guided {max(args.guided)}: layers are counted from the end, -1 is the last")
    return args


if __name__ == "__main__":
    train(arguments())
