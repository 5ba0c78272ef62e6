"""A start for `pocket`: the packaged reader's layers as the layers of a Llama. In: the packaged MiniLM with the reader's change to it, and a
tokenizer. Out: a model folder that `pocket_train.py --start START --guided -2 -1` heals.

What a small corpus cannot teach, which words mean the same and where a passage answers a question, the reader's encoder knows. Its parts go over
one by one:
- *Post-norm to pre-norm*: a state x of the encoder is `scale * h + shift` of a state h of the Llama. Each LayerNorm is replaced by what it does on
  average (its centre, its spread) and joins scale and shift; what reads x reads h through the next RMSNorm and its own bias.
- *Absolute positions to rotary ones*: the 32 content dimensions of a head turn at the slowest frequencies; 16 more, read from biases
  alone, turn fast and add a Fourier series fitted to how the head's scores depend on distance.
- *GELU to SwiGLU*: x·sigmoid(1.702 x) (Hendrycks & Gimpel 2016) with an up-projection that starts at one; of 1,536 units the `--units` that
  matter most stay, and the mean of the others goes into the bias (Molchanov et al. 2017).
- *WordPiece to byte-level BPE*: a token starts as the mean of its text's pieces; the output layer starts as the same table.
- *What an encoder forgets*: which token stands where is lost on the way up. `SIDE` more dimensions, untouched by the encoder's layers, keep a random
  code of the token and of the one before it, which the encoder's own previous-token head writes.
One layer is new. Two of its heads copy (Olsson et al. 2022): one what it points at, the other what followed the present token before; its
other weights start small. Right-hand context is lost; healing has to make up for it.

    python training/pocket_graft.py --tokenizer MODEL_DIR --out START
"""

from __future__ import annotations

import argparse
import json
import lzma
import math
import random
import shutil
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import folders
import torch
from pocket_pack import QUESTIONS
from pocket_train import export, norms
from torch import Tensor

from ragraft.models import span

CONTENT, HEAD = 32, 48
"""Dimensions of a head of MiniLM and of the Llama."""
FAST = (HEAD - CONTENT) // 2
ROTARY_BASE, REACH = 1e9, 128
"""Base of the rotary frequencies (all content turns by less than 2 in 2,048 places), tokens of the fitted distances."""
FREQUENCIES = ROTARY_BASE ** (-torch.arange(FAST) / (HEAD // 2))
"""Those that no content turns at."""
CODE, BEFORE = 44, 16
"""Dimensions of a token's code and of that of the token before; both are of size 1 beside states of .5 (first layer) to 300 (last)."""
SIDE = CODE + BEFORE
PREVIOUS = (0, 2)
"""Layer and head of MiniLM that looks at the previous token: its score there is 40 above that of any other place."""
CLS, SEP = 101, 102
Pairs = list[tuple[str, str]]


def reader_encoder() -> Any:
    encoder, folder = span.load_encoder(), span.reader_folder()
    span.apply_change(encoder, span.load_change(folder, span.load_settings(folder)))
    return encoder.eval()


def question_pairs(count: int, seed: int) -> Pairs:
    """(question, `title : text`) of the written training questions."""
    rng = random.Random(seed)
    with lzma.open(QUESTIONS, "rt", encoding="utf-8") as lines:
        records = rng.sample([json.loads(line) for line in lines], count)
    return [(rng.choice(r["questions"])["question"], f"{r['title'].split(' › ')[-1]} : {r['text']}") for r in records]


class Seen:
    """What the encoder does on average: of each state its mean (width,), spread and centre; of each head its score by distance, with the
    word positions and without them (layers, heads, REACH + 1)."""

    def __init__(self, encoder: Any, pairs: Pairs) -> None:
        config = encoder.config
        self.encoder, self._sums = encoder, defaultdict(lambda: [0.0, 0.0, 0.0, 0.0])
        self._scores = torch.zeros(2, config.num_hidden_layers, config.num_attention_heads, REACH + 1)
        self._counts = torch.zeros(REACH + 1)
        words = span.load_tokenizer()
        for question, text in pairs:
            asked, read = (words.encode(t, add_special_tokens=False).ids for t in (question, text))
            self._read([CLS, *asked, SEP, *read[:150]], len(asked) + 2)
        near = self._scores / self._counts
        self.by_distance = near[0] - near[1]

    def mean(self, name: str) -> Tensor:
        total, _, _, count = self._sums[name]
        return total / count

    def spread(self, name: str) -> float:
        return self._sums[name][1] / self._sums[name][3]

    def centre(self, name: str) -> float:
        return self._sums[name][2] / self._sums[name][3]

    def _read(self, ids: list[int], question: int) -> None:
        table, count = self.encoder.embeddings, len(ids)
        types = (torch.arange(count) >= question).long()
        bare = table.word_embeddings(torch.tensor(ids)) + table.token_type_embeddings(types)
        placed = table.LayerNorm(bare + table.position_embeddings(torch.arange(count)))
        unplaced = table.LayerNorm(bare + middle_position(self.encoder))
        self._note("x0", placed)
        apart = torch.arange(count)[:, None] - torch.arange(count)[None]
        inside = (apart >= 0) & (apart <= REACH)
        self._counts += apart[inside].bincount(minlength=REACH + 1)
        for number, layer in enumerate(self.encoder.encoder.layer):
            placed, scores = self._layer(layer, placed, f"{number}")
            unplaced, other = self._layer(layer, unplaced, "")
            for of, found in zip(self._scores, (scores, other), strict=True):
                of[number].index_add_(1, apart[inside], found[:, inside])

    def _layer(self, layer: Any, x: Tensor, name: str) -> tuple[Tensor, Tensor]:
        part, heads = layer.attention.self, self.encoder.config.num_attention_heads
        query, key, value = (f(x).view(len(x), heads, -1).transpose(0, 1) for f in (part.query, part.key, part.value))
        scores = query @ key.transpose(1, 2) / query.shape[-1] ** 0.5
        z = x + layer.attention.output.dense((scores.softmax(-1) @ value).transpose(0, 1).reshape(x.shape))
        self._note(f"attention{name}", z)
        x = layer.attention.output.LayerNorm(z)
        z = x + layer.output.dense(layer.intermediate.intermediate_act_fn(layer.intermediate.dense(x)))
        self._note(f"units{name}", z)
        return layer.output.LayerNorm(z), scores

    def _note(self, name: str, z: Tensor) -> None:
        sums, centre = self._sums[name], z.mean(-1, keepdim=True)
        for n, more in enumerate((z.sum(0), (z - centre).square().mean(-1).sqrt().sum().item(), centre.sum().item())):
            sums[n] = sums[n] + more
        sums[3] += len(z)


def middle_position(encoder: Any) -> Tensor:
    return encoder.embeddings.position_embeddings.weight[4:200].mean(0)


def fitted(profile: Tensor) -> tuple[Tensor, Tensor]:
    """Amplitudes (FAST,) of cosine and sine that add up to a profile over distances 0 .. REACH; near distances weigh more."""
    distance = torch.arange(len(profile)).float()
    turns = FREQUENCIES[:, None] * distance
    basis = torch.cat([turns.cos(), turns.sin(), torch.ones(1, len(profile))]).T
    weight = (1 / (1 + distance / 8) + 0.05)[:, None]
    ridge = torch.eye(basis.shape[1]) * 0.02
    ridge[-1, -1] = 0
    found = torch.linalg.solve((basis * weight).T @ basis + ridge, (basis * weight).T @ profile)
    return found[:FAST], found[FAST:-1]


def copy_attention(to: Any, layer: Any, scale: Tensor, shift: Tensor, by_distance: Tensor) -> None:
    """Projections that read `scale * h + shift` (the scale stands in the RMSNorm before them) and add to h."""
    part, (heads, width) = layer.attention.self, (len(by_distance), len(scale))
    content = [*range(FAST, HEAD // 2), *range(HEAD // 2 + FAST, HEAD)]
    for name, linear in (("q_proj", part.query), ("k_proj", part.key), ("v_proj", part.value)):
        weight, bias = linear.weight, linear.bias + linear.weight @ shift
        grow = math.sqrt(HEAD / CONTENT) if name == "q_proj" else 1.0
        places = list(range(CONTENT)) if name == "v_proj" else content
        target = getattr(to, name)
        target.weight.normal_(std=0.02 if name == "v_proj" else 0.0)
        rows = target.weight.view(heads, HEAD, -1)
        rows[:, places] = 0.0
        rows[:, places, :width] = grow * weight.view(heads, CONTENT, width)
        target.bias.zero_().view(heads, HEAD)[:, places] = grow * bias.view(heads, CONTENT)
    for head in range(heads):
        look_by_distance(to, head, *fitted(by_distance[head]))
    weight, bias = centred(layer.attention.output.dense)
    rows = to.o_proj.weight.zero_().view(-1, heads, HEAD)
    rows[:width, :, :CONTENT] = (weight / scale[:, None]).view(width, heads, CONTENT)
    to.o_proj.bias.zero_()[:width] = bias / scale


def look_by_distance(to: Any, head: int, cosine: Tensor, sine: Tensor) -> None:
    """Biases of query and key that add a Fourier series of the distance to a head's scores; amplitudes of its fastest frequencies."""
    start = head * HEAD
    cosine, sine = math.sqrt(HEAD) * cosine, math.sqrt(HEAD) * sine
    size = (cosine.square() + sine.square()).pow(0.25).clamp(min=1e-3)
    to.q_proj.bias[start : start + FAST] = size
    to.k_proj.bias[start : start + FAST] = cosine / size
    to.k_proj.bias[start + HEAD // 2 : start + HEAD // 2 + FAST] = sine / size


def look_back(to: Any, head: int, tokens: int) -> None:
    """The head looks at the place that many tokens back: no other comes nearer than 4 nats."""
    turns = tokens * FREQUENCIES
    look_by_distance(to, head, 7 * turns.cos(), 7 * turns.sin())


def copy_units(to: Any, layer: Any, scale: Tensor, shift: Tensor) -> None:
    dense, slope, width = layer.intermediate.dense, 1.702, len(scale)
    to.gate_proj.weight.zero_()[:, :width] = slope * dense.weight
    to.gate_proj.bias.copy_(slope * (dense.bias + dense.weight @ shift))
    to.up_proj.weight.zero_()
    to.up_proj.bias.fill_(1.0)
    weight, bias = centred(layer.output.dense)
    to.down_proj.weight.zero_()[:width] = weight / scale[:, None] / slope
    to.down_proj.bias.zero_()[:width] = bias / scale


def carry(to: Any, head: int, first: int, read: int, write: int, count: int, gain: float) -> None:
    """A head's values `first` .. take what the dimensions `read` .. hold where it looks, and add it to the dimensions `write` .. here."""
    for n in range(count):
        to.v_proj.weight[head * HEAD + first + n].zero_()[read + n] = 1.0
        to.o_proj.weight[write + n, head * HEAD + first + n] = gain


def copying(to: Any, width: int) -> None:
    """The new layer's first heads: 0 copies what it points at (it learns where), 1 what followed the last place of the present
    token (places whose previous code is the present one), 2 takes the present token away."""
    slowest = [*range((HEAD - BEFORE) // 2, HEAD // 2), *range(HEAD - BEFORE // 2, HEAD)]
    match = math.sqrt(2 * math.sqrt(HEAD))
    for n, place in enumerate(slowest):
        to.q_proj.weight[HEAD + place].zero_()[width + n] = match
        to.k_proj.weight[HEAD + place].zero_()[width + CODE + n] = match
    look_back(to, 2, 0)
    for head, gain in ((0, 1.0), (1, 1.0), (2, -1.0)):
        carry(to, head, 0, width, width, CODE, gain)


def codes(count: int, nothing: Sequence[int]) -> Tensor:
    """(count, CODE) random directions, both parts of them of mean square 1; zeros for the tokens that mean nothing to copy."""
    found = torch.randn(count, CODE, generator=torch.Generator().manual_seed(1))
    parts = [torch.nn.functional.normalize(p) * p.shape[1] ** 0.5 for p in (found[:, :BEFORE], found[:, BEFORE:])]
    found = torch.cat(parts, 1)
    found[list(nothing)] = 0.0
    return found


def centred(linear: Any) -> tuple[Tensor, Tensor]:
    """LayerNorm takes the mean over the width away; so does this."""
    return linear.weight - linear.weight.mean(0, keepdim=True), linear.bias - linear.bias.mean()


def normed(norm: Any, seen: Seen, name: str, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    factor = norm.weight / seen.spread(name)
    return factor * scale, factor * (shift - seen.centre(name)) + norm.bias


def token_states(encoder: Any, tokenizer: Any) -> Tensor:
    """(vocabulary, width) what the encoder's first layer would be given for each token's text."""
    table, words = encoder.embeddings, span.load_tokenizer()
    known = words.get_vocab()

    def pieces(token: int) -> list[int]:
        text = tokenizer.decode([token])
        bare = text.strip().lower()
        if token in tokenizer.all_special_ids or not bare:
            return [CLS if token == tokenizer.bos_token_id else SEP]
        if bare.isalpha() and not text.startswith(" ") and f"##{bare}" in known:
            return [known[f"##{bare}"]]
        return words.encode(bare, add_special_tokens=False).ids or [known["[UNK]"]]

    rows = torch.stack([table.word_embeddings.weight[pieces(n)].mean(0) for n in range(len(tokenizer))])
    return table.LayerNorm(rows + middle_position(encoder) + table.token_type_embeddings.weight.mean(0))


def grafted(encoder: Any, tokenizer: Any, seen: Seen, texts: list[str], units: int) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    old = encoder.config
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=old.hidden_size + SIDE,
        intermediate_size=old.intermediate_size,
        num_hidden_layers=old.num_hidden_layers + 1,
        num_attention_heads=old.num_attention_heads,
        num_key_value_heads=old.num_attention_heads,
        head_dim=HEAD,
        attention_bias=True,
        mlp_bias=True,
        max_position_embeddings=2048,
        rms_norm_eps=1e-6,
        rope_parameters={"rope_type": "default", "rope_theta": ROTARY_BASE},
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = LlamaForCausalLM(config).float().eval()
    width, layers = old.hidden_size, model.model.layers
    scale, shift, side = torch.ones(width), seen.mean("x0"), torch.ones(SIDE)
    table, code = token_states(encoder, tokenizer) - shift, codes(len(tokenizer), [tokenizer.bos_token_id])
    none = torch.zeros(len(tokenizer), BEFORE)
    model.model.embed_tokens.weight.copy_(torch.cat([table, code, none], 1))
    model.lm_head.weight.copy_(torch.cat([0.1 * table, 0.2 * code, none], 1))
    for number, (to, layer) in enumerate(zip(layers, encoder.encoder.layer, strict=False)):
        to.input_layernorm.weight.copy_(torch.cat([scale, side]))
        copy_attention(to.self_attn, layer, scale, shift, seen.by_distance[number])
        scale, shift = normed(layer.attention.output.LayerNorm, seen, f"attention{number}", scale, shift)
        to.post_attention_layernorm.weight.copy_(torch.cat([scale, side]))
        copy_units(to.mlp, layer, scale, shift)
        scale, shift = normed(layer.output.LayerNorm, seen, f"units{number}", scale, shift)
    attention, head, new = layers[PREVIOUS[0]].self_attn, PREVIOUS[1], layers[-1]
    look_back(attention, head, 1)
    carry(attention, head, CONTENT, width, width + CODE, BEFORE, 1.0)
    for norm in (new.input_layernorm, new.post_attention_layernorm):
        norm.weight.copy_(torch.cat([scale, side]))
    for linear in (new.self_attn.o_proj, new.mlp.down_proj):
        linear.weight.zero_()
    copying(new.self_attn, width)
    ids = [tokenizer(text, return_tensors="pt").input_ids for text in texts]
    sized(model, ids)
    return pruned(model, ids, units)


def given_to(part: Any, model: Any, ids: list[Tensor]) -> Tensor:
    """(tokens, width) what a part of the model is given over these texts."""
    found: list[Tensor] = []
    hook = part.register_forward_pre_hook(lambda _, given: found.append(given[0][0]))
    for some in ids:
        model(input_ids=some)
    hook.remove()
    return torch.cat(found)


def sized(model: Any, ids: list[Tensor]) -> None:
    """RMSNorm divides by the size of h; its weight gives the mean size back. The last one gives it to the codes alone."""
    *inner, last = norms(model)
    for norm in inner:
        norm.weight *= given_to(norm, model, ids).square().mean(-1).sqrt().mean()
    last.weight[-SIDE:] *= given_to(last, model, ids).square().mean(-1).sqrt().mean()


def pruned(model: Any, ids: list[Tensor], units: int) -> Any:
    config = model.config.__class__(**{**model.config.to_dict(), "intermediate_size": units})
    small, state = model.__class__(config).float(), {k: v.clone() for k, v in model.state_dict().items()}
    for number, layer in enumerate(model.model.layers):
        active, weight = given_to(layer.mlp.down_proj, model, ids), layer.mlp.down_proj.weight
        worth = (active.std(0) * weight.norm(dim=0)).square()
        order = worth.argsort(descending=True)
        if worth.sum() > 0:
            print(f"layer {number}: {worth[order[:units]].sum() / worth.sum():.0%} of what its units do is kept")
        kept, lost = order[:units].sort().values, order[units:]
        prefix = f"model.layers.{number}.mlp"
        state[f"{prefix}.down_proj.bias"] += weight[:, lost] @ active.mean(0)[lost]
        state[f"{prefix}.down_proj.weight"] = weight[:, kept].clone()
        for name in ("gate_proj.weight", "gate_proj.bias", "up_proj.weight", "up_proj.bias"):
            state[f"{prefix}.{name}"] = state[f"{prefix}.{name}"][kept]
    small.load_state_dict(state)
    return small.eval()


@torch.no_grad()
def main() -> None:
    from transformers import AutoTokenizer

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--tokenizer", type=folders.tokenizer, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--units", type=int, default=768)
    parser.add_argument("--pairs", type=int, default=192, help="questions over which the encoder is watched")
    args = parser.parse_args()
    torch.manual_seed(0)
    tokenizer, encoder = AutoTokenizer.from_pretrained(args.tokenizer), reader_encoder()
    if not 0 < args.units <= encoder.config.intermediate_size:
        parser.error(f"--units {args.units}: MiniLM has {encoder.config.intermediate_size} of them")
    seen = Seen(encoder, question_pairs(args.pairs, 3))
    texts = [f"Question: {q}\n\n[1] {p}\n\nQuestion: {q}" for q, p in question_pairs(args.pairs // 4, 9)]
    shutil.rmtree(args.out, ignore_errors=True)
    export(grafted(encoder, tokenizer, seen, texts, args.units), tokenizer, args.out)


if __name__ == "__main__":
    main()
