"""The recipe of `pocket` on tiny data: right rows, right packing, the project's prompt format, a resumable training."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import data_helpdesk
import data_questions
import data_rows
import data_swap
import data_words
import pocket_graft
import pocket_join
import pocket_pack
import pocket_train
import pytest
from data_text import Article, sentences

from ragraft.models.local import answer_frame
from ragraft.models.packaged import pocket_folder
from ragraft.prompting import BRIEF, REFUSAL, messages, split_citations

from ..templates import lead_answers

TEXT = (
    "Orla Tarn (born 3 May 1921) was an Irish engineer.",
    "She was hired by Dunmore Works in 1946.",
    "The bridge was built by Harl Moss in 1952.",
    "It crossed 14 rivers near Kilbeg.",
    "The company sold the bridge because it needed money for new roads.",
)
RECIPE = pocket_pack.Recipe(kinds=pocket_pack.MIXTURES["excerpts"])


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(pocket_folder())


@pytest.fixture(scope="module")
def spaced() -> Any:
    """A tokenizer whose template writes a space before an answer."""
    from transformers import AutoTokenizer

    return lead_answers(AutoTokenizer.from_pretrained(pocket_folder()), " ")


@pytest.fixture(scope="module")
def sources() -> data_rows.Sources:
    known = Counter(w for s in TEXT for w in data_words.words(s)) + Counter({"need": 5, "hire": 5, "cross": 3})
    articles = tuple(Article(title=f"Orla Tarn {n}", paragraphs=(TEXT[:2], TEXT[2:])) for n in range(6))
    asked = (("Who hired Orla Tarn?", ("Dunmore Works",)), ("When did she retire?", ()))
    group = tuple(data_rows.HumanText(title=f"Tarn › {n}", text=" ".join(TEXT[n:]), questions=asked) for n in range(3))
    facts = tuple((data_helpdesk.name(random.Random(n)), data_helpdesk.fact(random.Random(n), "it")) for n in range(20))
    return data_rows.Sources(
        articles=articles, human=(group,), known=dict(known), facts=facts, names=("Velmar", "Quist")
    )


def test_sentences_keep_initials_and_abbreviations_together() -> None:
    assert sentences("Dr. A. Moss came. He left.") == ("Dr. A. Moss came.", "He left.")


@pytest.mark.parametrize(
    ("sentence", "answer"), [(TEXT[0], "3 May 1921"), (TEXT[1], "1946"), (TEXT[2], "Harl Moss"), (TEXT[3], "14")]
)
def test_rules_ask_for_the_span(sentence: str, answer: str) -> None:
    made = [
        m
        for n in range(20)
        for m in data_questions.make("Orla Tarn", sentence, {"cross": 1, "hire": 1}, random.Random(n))
    ]
    assert answer in {m.answer for m in made}
    assert all(m.answer in sentence and m.answer.lower() not in m.question.lower() for m in made)


def test_verb_forms() -> None:
    assert data_words.base_form("wrote", {}) == "write"
    assert data_words.base_form("founded", {"found": 9, "founde": 0}) == "found"
    assert data_words.base_form("moved", {"move": 2}) == "move"
    assert data_words.base_form("hundred", {"hundre": 1}) is None


def test_invented_facts_stand_in_their_page_and_are_asked_once_per_product() -> None:
    _, pages = data_helpdesk.product_pages(random.Random(4), 5)
    facts = [f for p in pages for f in p.facts]
    assert len({f.key for f in facts}) == len(facts)
    for page in pages:
        assert all(f.statement in page.text for f in page.facts)
    assert all("{" not in f.statement + f.short + "".join(f.questions) for f in facts)


def test_held_out_kinds_of_facts_are_never_trained_on() -> None:
    seen, held = ({k.name for d in data_helpdesk.domains(held_out=h) for k in d.kinds} for h in (False, True))
    assert len(seen) > 150
    assert len(held) > 10
    assert not seen & held
    for seed in range(30):
        _, pages = data_helpdesk.product_pages(random.Random(seed), 3, held_out=True)
        assert {f.kind for p in pages for f in p.facts} <= held


def test_the_answer_of_every_kind_stands_in_its_statement() -> None:
    for seed in range(300):
        for fact in (f for p in data_helpdesk.product_pages(random.Random(seed), 3)[1] for f in p.facts):
            bare = fact.statement.replace("**", "").lower()
            assert fact.short.lower() in bare or fact.kind == "payment", fact


def test_exchanged_names_and_numbers_are_the_same_everywhere() -> None:
    known = {"the": 900, "crossed": 40, "bridge": 80}
    swap = data_swap.swapper(known, ("Velmar", "Quist"), random.Random(4), keep=0.0)
    text = "The Bridge of Kilbeg was crossed by 1,250 people of NATO in May 1952 and not in 1946."
    first = swap(text)
    assert first.startswith("The Bridge of ")
    assert not any(old in first for old in ("Kilbeg", "1,250", "NATO", "May 1952", "1946"))
    assert swap(text) == first
    assert swap("kilbeg") == swap("Kilbeg").lower()
    years = [int(y) for y in first.replace(".", "").split() if y.isdigit() and len(y) == 4]
    assert years[0] - years[1] == 6


@pytest.mark.parametrize("seed", range(30))
def test_human_answers_stand_in_the_passage_they_cite_and_refused_ones_do_not(
    seed: int, sources: data_rows.Sources
) -> None:
    case = data_rows.human(sources, random.Random(seed))
    for item in case.asked:
        if item.passage is None:
            assert item.short == REFUSAL
        else:
            assert item.short in item.sentence
            assert item.sentence in case.passages[item.passage]


def test_written_questions_have_their_answers_in_their_texts() -> None:
    import json
    import lzma

    with lzma.open(pocket_pack.QUESTIONS, "rt", encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    asked = [(q, r["text"]) for r in records for q in r["questions"]]
    assert len(asked) > 1000
    assert all(answer in text for q, text in asked for answer in q["answers"])


def test_thinning_drops_refusals_and_favours_the_first_passages() -> None:
    kept: Counter[int | None] = Counter()
    made: Counter[int | None] = Counter()
    for seed in range(300):
        rng = random.Random(seed)
        case = data_rows.helpdesk(rng)
        made.update(a.passage for a in case.asked)
        kept.update(a.passage for a in data_rows.thinned(case, rng, refusals=0.0, first=0.5).asked)
    assert kept[None] == 0 < made[None]
    assert kept[0] == made[0]
    assert 0.65 < kept[1] / made[1] < 0.85


def test_pointing_asks_for_words_that_one_passage_holds(sources: data_rows.Sources) -> None:
    found = 0
    for seed in range(40):
        case = data_rows.pointing(sources, random.Random(seed))
        for item in case.asked:
            said = item.question.split("“")[1].split("”")[0]
            assert [said in p for p in case.passages].index(True) == item.passage
            assert item.short in case.passages[item.passage]
            found += 1
    assert found > 5


@pytest.mark.parametrize("template", ["tokenizer", "spaced"])
def test_what_decides_an_answer_weighs_most(template: str, request: pytest.FixtureRequest) -> None:
    tokenizer: Any = request.getfixturevalue(template)
    row = data_rows.rendered(data_rows.helpdesk(random.Random(3)), pocket_pack.renderer(tokenizer))
    assert row is not None
    encoded = pocket_pack.encode(row, tokenizer, 2000, random.Random(0))
    assert encoded is not None
    heavy = [tokenizer.decode([t]) for t, w in zip(encoded.tokens, encoded.weight, strict=True) if w == 4]
    cited = [b.target[-2] for b in row.branches if b.target.endswith("]")]
    digits = [b for b in row.branches if b.target[0].isdigit()] if template == "spaced" else []
    assert len(heavy) == len(row.branches) + len(cited) + len(digits)
    assert set(cited) <= set(heavy)


@pytest.mark.parametrize("mixture", sorted(pocket_pack.MIXTURES))
def test_shares_are_of_one_whole_whatever_that_of_plain_text(mixture: str) -> None:
    shares = pocket_pack.MIXTURES[mixture]
    assert sum(shares.values()) == pytest.approx(1)
    assert pocket_pack.with_plain(shares, None) == shares
    raised = pocket_pack.with_plain(shares, 0.2)
    assert (raised["text"], sum(raised.values())) == (0.2, pytest.approx(1))
    assert raised["human"] / raised["rule"] == pytest.approx(shares["human"] / shares["rule"])


@pytest.mark.parametrize("kind", sorted(RECIPE.kinds))
def test_every_kind_of_row_can_be_encoded(kind: str, sources: data_rows.Sources, tokenizer: Any) -> None:
    rng = random.Random(2)
    render = pocket_pack.renderer(tokenizer)
    made = (row for _ in range(20) for row in pocket_pack.make_rows(kind, sources, render, rng, 512, RECIPE))
    encoded = [e for row in made if (e := pocket_pack.encode(row, tokenizer, 512, rng))]
    assert encoded
    assert all(len(e.tokens) == len(e.seg) == len(e.pos) == len(e.weight) <= 512 for e in encoded)
    assert all(max(e.pos) < 2048 and tokenizer.eos_token_id in e.tokens for e in encoded)


def test_an_excerpt_holds_its_answer_or_the_question_is_refused(sources: data_rows.Sources) -> None:
    refused = cited = 0
    for seed in range(40):
        rng = random.Random(seed)
        whole = data_rows.helpdesk(rng)
        for case in data_rows.condensed(whole, rng):
            [item] = case.asked
            assert sum(len(sentences(p.partition(": ")[2])) for p in case.passages) <= max(data_rows.SENTENCES)
            shown = " ".join(case.passages)
            if item.passage is None:
                refused += item.short == REFUSAL
            else:
                cited += item.sentence in case.passages[item.passage]
            assert (item.sentence in shown) == (item.passage is not None)
    assert cited > 40
    assert refused > 4


def test_an_excerpt_stands_best_sentence_first(sources: data_rows.Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_rows, "_FOUND_FIRST", 1.0)
    wholes = (data_rows.helpdesk(random.Random(seed)) for seed in range(20))
    made = [case for whole in wholes for case in data_rows.condensed(whole, random.Random(3))]
    answered = [(case.passages[0], *case.asked) for case in made if case.asked[0].passage is not None]
    assert len(answered) > 20
    assert all(item.passage == 0 for _, item in answered)
    assert all(item.sentence in sentences(text.partition(": ")[2])[0] for text, item in answered)


def test_answers_cite_the_passage_that_holds_them(sources: data_rows.Sources) -> None:
    refused = cited = 0
    for seed in range(40):
        case = data_rows.ruled(sources, random.Random(seed))
        for item in case.asked:
            text, numbers = split_citations(data_rows.target(item, BRIEF, passages=True))
            if item.passage is None:
                refused += text == REFUSAL and numbers == ()
            else:
                cited += numbers == (item.passage + 1,) and text in case.passages[item.passage]
        assert refused + cited > 0 or not case.asked
    assert cited > 40


@pytest.mark.parametrize("template", ["tokenizer", "spaced"])
def test_a_branch_reads_exactly_what_prompting_renders(template: str, request: pytest.FixtureRequest) -> None:
    tokenizer: Any = request.getfixturevalue(template)
    case = data_rows.helpdesk(random.Random(3))
    row = data_rows.rendered(case, pocket_pack.renderer(tokenizer))
    assert row is not None
    encoded = pocket_pack.encode(row, tokenizer, 2000, random.Random(0))
    assert encoded is not None
    stem = [t for t, s in zip(encoded.tokens, encoded.seg, strict=True) if s == 0]
    for number, item in enumerate(case.asked, start=1):
        turns = [
            {"role": m.role, "content": m.content} for m in messages(case.passages, item.question, style=case.style)
        ]
        whole = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        whole += answer_frame(tokenizer)[0] + data_rows.target(item, case.style, passages=True)
        branch = [t for t, s in zip(encoded.tokens, encoded.seg, strict=True) if s == number]
        assert stem + branch == [*tokenizer(whole, add_special_tokens=False).input_ids, tokenizer.eos_token_id]


@pytest.mark.parametrize("seed", range(6))
def test_the_token_that_decides_points_at_what_it_copies(seed: int, sources: data_rows.Sources, tokenizer: Any) -> None:
    case = data_rows.human(sources, random.Random(seed))
    row = data_rows.rendered(case, pocket_pack.renderer(tokenizer))
    if row is None:
        return
    encoded = pocket_pack.encode(row, tokenizer, 2000, random.Random(0))
    assert encoded is not None
    for place, goal in enumerate(encoded.goal):
        if not goal:
            continue
        copied, source = encoded.tokens[place + 1], encoded.tokens[goal - 1]
        said, held = tokenizer.decode([copied]).strip(), tokenizer.decode([source]).strip(" *“")
        assert encoded.weight[place + 1] == 4
        assert goal == 1 if said == "The" and held != "The" else held.startswith(said) or said.startswith(held)


@pytest.mark.parametrize("kind", ["rule", "human", "helpdesk"])
def test_after_a_space_an_answer_begins_with_the_token_that_the_passage_holds(
    kind: str, sources: data_rows.Sources, spaced: Any
) -> None:
    rng, same = random.Random(5), []
    while len(same) < 100:
        for row in pocket_pack.make_rows(kind, sources, pocket_pack.renderer(spaced), rng, 512, RECIPE):
            encoded = pocket_pack.encode(row, spaced, 512, rng)
            places = enumerate(encoded.goal) if encoded else ()
            same += [encoded.tokens[p + 1] == encoded.tokens[g - 1] for p, g in places if encoded and g > 1]
    assert sum(same) / len(same) > 0.85


def test_guided_attention_is_least_where_the_head_looks_at_its_goal(packed: Path, tokenizer: Any) -> None:
    import torch

    model = pocket_train.new_model("test", tokenizer, 0)
    arrays = pocket_train.Shards(packed).take(0, 2)
    batch = pocket_train.to_batch(arrays, 1.0, 0, torch.device("cpu"))
    assert (batch.goals >= 0).sum() > 0
    assert (batch.goals < arrays["tokens"].shape[1]).all()
    opt = torch.optim.AdamW(model.parameters(), lr=3e-3)
    values: list[float] = []
    for _ in range(30):
        off = pocket_train.token_losses(model, batch)[1].sum()
        opt.zero_grad()
        off.backward()
        opt.step()
        values.append(off.item())
    assert values[-1] < 0.5 * values[0]


def test_development_figures_are_shares_and_nats(packed: Path, tokenizer: Any) -> None:
    import torch

    model = pocket_train.new_model("test", tokenizer, 0)
    found = pocket_train.development(model, packed / "dev.npz", 1.0, torch.device("cpu"), 3)
    assert set(found) == {"dev_answer", "dev_text", "dev_decisive", "dev_exact", "dev_cited", "dev_pointed"}
    assert 8 < found["dev_answer"] < 10
    assert 0 <= found["dev_exact"] <= 1


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory, sources: data_rows.Sources, tokenizer: Any) -> Path:
    folder = tmp_path_factory.mktemp("packed")
    for name in ("dev", "shard-0000", "shard-0001"):
        rows = pocket_pack.encoded_rows(sources, tokenizer, random.Random(name), 256, RECIPE)
        pocket_pack.write_shard(folder / f"{name}.npz", pocket_pack.pack(rows, 6, 256))
    return folder


def test_a_shard_is_the_same_when_made_again(sources: data_rows.Sources, tokenizer: Any) -> None:
    one, two = (
        pocket_pack.pack(pocket_pack.encoded_rows(sources, tokenizer, random.Random("s"), 256, RECIPE), 3, 256)
        for _ in range(2)
    )
    assert all((one[name] == two[name]).all() for name in pocket_pack.ARRAYS)


def test_branches_do_not_see_each_other(packed: Path, tokenizer: Any) -> None:
    """The loss of a packed branch is the loss of its row alone."""
    import numpy as np
    import torch

    arrays = pocket_train.Shards(packed).take(0, 1)
    doc, seg = arrays["doc"][0], arrays["seg"][0]
    last = int(seg[doc == 1].max())
    keep = np.flatnonzero((doc == 1) & ((seg == 0) | (seg == last)))
    alone = {name: np.zeros_like(a) for name, a in arrays.items()}
    for name, values in alone.items():
        values[0, : len(keep)] = arrays[name][0, keep]
    model = pocket_train.new_model("test", tokenizer, 0).eval()
    device = torch.device("cpu")
    packed_batch, single = (pocket_train.to_batch(a, 1.0, 0, device) for a in (arrays, alone))
    with torch.no_grad():
        inside = torch.from_numpy(np.flatnonzero((doc == 1) & (seg == last)))[:-1]
        one = pocket_train.token_losses(model, packed_batch)[0][inside]
        answer = torch.from_numpy(np.flatnonzero(seg[keep] == last) if last else np.arange(len(keep)))[:-1]
        other = pocket_train.token_losses(model, single)[0][answer]
    assert torch.allclose(one, other, atol=2e-2)


def arguments(packed: Path, out: Path, steps: int) -> Any:
    line = (
        f"--data {packed} --tokenizer {pocket_folder()} --size test --out {out} --steps {steps} --batch 2 --log-every 1"
    )
    return pocket_train.arguments([*line.split(), "--no-compile", "--threads", "1"])


def test_a_resumed_training_ends_where_an_unbroken_one_does(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoModelForCausalLM

    whole = pocket_train.train(arguments(packed, tmp_path / "whole", 6))
    steady = pocket_train.budget(6, "")
    monkeypatch.setattr(pocket_train, "budget", lambda *_: lambda step, _: 1.0 if step >= 3 else steady(step, 0.0))
    pocket_train.train(arguments(packed, tmp_path / "broken", 6))
    monkeypatch.undo()
    resumed = pocket_train.train(arguments(packed, tmp_path / "broken", 6))
    assert resumed == pytest.approx(whole, abs=1e-4)
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "broken" / "model")
    assert model.config.max_position_embeddings == 2048
    assert len((tmp_path / "broken" / "log.jsonl").read_text().splitlines()) == 6


def test_two_processes_train_one_model(packed: Path, tmp_path: Path) -> None:
    """Each takes sequences of its own; their gradients are averaged, so that both hold the same weights after every step."""
    import json
    import os
    import subprocess
    import sys

    check = tmp_path / "check.py"
    check.write_text(
        "import sys, torch, pocket_train, workers, torch.distributed as dist\n"
        "kept = []\n"
        "load = pocket_train.load\n"
        "pocket_train.load = lambda *given: kept.append(load(*given)) or kept[0]\n"
        "pocket_train.train(pocket_train.arguments(sys.argv[1:]))\n"
        "mine = torch.cat([p.detach().flatten() for p in kept[0][0].parameters()])\n"
        "both = [torch.empty_like(mine) for _ in range(2)]\n"
        "dist.all_gather(both, mine)\n"
        "assert torch.equal(*both)\n"
        "dist.destroy_process_group()\n"
    )
    training = Path(pocket_train.__file__).parent
    line = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--", str(check)]
    line += f"--data {packed} --tokenizer {pocket_folder()} --size test --out {tmp_path / 'run'} --steps 3 --batch 1".split()
    line += "--log-every 1 --no-compile --threads 1".split()
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(training), *sys.path]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(line, check=False, env=env, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-2000:]
    logged = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [entry["tokens"] for entry in logged] == [512, 1024, 1536]


@pytest.fixture(scope="module")
def grafted(tokenizer: Any) -> Any:
    import torch

    with torch.no_grad():
        encoder = pocket_graft.reader_encoder()
        pairs = pocket_graft.question_pairs(12, 3)
        seen = pocket_graft.Seen(encoder, pairs)
        return pocket_graft.grafted(encoder, tokenizer, seen, [f"{q} {text}" for q, text in pairs[:4]], 768)


def test_a_grafted_model_copies_before_it_is_trained(grafted: Any, tokenizer: Any) -> None:
    """What stood after a token before comes after it again, in a place that nothing else tells."""
    import torch

    words = "Question: Which harbour did Velmar Quist leave in 1874 with 36 barrels?"
    ids = torch.tensor([tokenizer(f"{words}\n\n{words}").input_ids])
    again = len(tokenizer(words).input_ids)
    with torch.no_grad():
        said = grafted(ids).logits[0, -again + 4 : -1].argmax(-1)
    assert (said == ids[0, -again + 5 :]).float().mean() > 0.6


def test_the_first_layer_of_a_grafted_model_tells_tokens_as_minilm_does(grafted: Any, tokenizer: Any) -> None:
    import torch

    ids = {w: tokenizer(f" {w}").input_ids[-1] for w in ("ship", "boat", "song")}
    table = grafted.get_input_embeddings().weight[:, : -pocket_graft.SIDE]
    ship, boat, song = (table[ids[w]] for w in ("ship", "boat", "song"))
    assert torch.cosine_similarity(ship, boat, dim=0) > torch.cosine_similarity(ship, song, dim=0) + 0.1


def test_a_grafted_model_fits_the_package_and_can_be_trained(
    grafted: Any, tokenizer: Any, packed: Path, tmp_path: Path
) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    pocket_train.export(grafted, tokenizer, tmp_path / "start")
    assert sum(p.stat().st_size for p in (tmp_path / "start").iterdir()) < 45e6
    args = arguments(packed, tmp_path / "run", 2)
    args.start = tmp_path / "start"
    assert pocket_train.train(args) < 12
    ids = torch.tensor([tokenizer("The tower was closed.").input_ids])
    trained: Any = AutoModelForCausalLM.from_pretrained(tmp_path / "run" / "model", dtype=torch.float32)
    assert torch.isfinite(trained(ids).logits).all()


def test_rows_in_units_of_the_stream_change_nothing(grafted: Any, packed: Path) -> None:
    import copy

    import torch

    model, other = copy.deepcopy(grafted), copy.deepcopy(grafted)
    batch = pocket_train.to_batch(pocket_train.Shards(packed).take(0, 2), 1.0, 0, torch.device("cpu"))
    pocket_train.scale_rows(model, batch)
    assert max(part.rows.max() for part in model.modules() if isinstance(part, pocket_train.Scaled)) > 100
    other.load_state_dict(pocket_train.folded(model))
    for one, two in zip(grafted.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-6)


@pytest.fixture(scope="module")
def writer() -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(
        pocket_folder(), dtype=torch.float32, attn_implementation="eager"
    ).eval()


@pytest.fixture(scope="module")
def joined(writer: Any, grafted: Any, packed: Path) -> Any:
    import torch

    torch.manual_seed(0)
    grafted.set_attn_implementation("eager")
    batch = pocket_train.to_batch(pocket_train.Shards(packed).take(0, 6), 1.0, 0, torch.device("cpu"))
    shape = pocket_join.Shape(keep=128, heads=4, units=256, gain=0.0, steps=10)
    with torch.no_grad():
        return pocket_join.joined(writer, grafted, [batch], shape)


def test_a_joined_model_writes_as_its_writer_does(joined: Any, writer: Any, tokenizer: Any) -> None:
    import torch

    ids = torch.tensor([tokenizer(" ".join(TEXT)).input_ids])
    with torch.no_grad():
        said, meant = joined[0](ids).logits.log_softmax(-1), writer(ids).logits.log_softmax(-1)
    assert (said.argmax(-1) == meant.argmax(-1)).float().mean() > 0.9
    assert (meant.exp() * (meant - said)).sum(-1).mean() < 0.02


def test_a_joined_model_carries_the_readers_stream(joined: Any, grafted: Any, packed: Path, tokenizer: Any) -> None:
    import torch

    model, follow = joined
    batch = pocket_train.to_batch(pocket_train.Shards(packed).take(0, 2), 1.0, 0, torch.device("cpu"))
    real = batch.tokens != tokenizer.pad_token_id
    with torch.no_grad():
        pairs = zip(pocket_train.states(model, batch)[:2], pocket_train.states(grafted, batch)[:2], strict=True)
        for (ours, theirs), least in zip(pairs, (0.999, 0.8), strict=True):
            part, whole = ours[real][:, -128:], theirs[real] @ follow["basis"]
            alike = torch.corrcoef(torch.stack([(x - x.mean(0)).flatten() for x in (part, whole)]))[0, 1]
            assert alike > least


def test_a_joined_model_is_trained_to_follow_its_reader(
    joined: Any, grafted: Any, tokenizer: Any, packed: Path, tmp_path: Path
) -> None:
    import json

    from safetensors.torch import save_file

    model, follow = joined
    for folder, made in (("reader", grafted), ("start", model)):
        pocket_train.export(made, tokenizer, tmp_path / folder)
    args = arguments(packed, tmp_path / "run", 8)
    args.start, args.follow, args.scaled, args.guided = tmp_path / "start", tmp_path / "reader", "small", (-2, -1)
    with pytest.raises(SystemExit, match=r"--start must be a folder that pocket_join\.py made"):
        pocket_train.train(args)
    save_file({name: value.contiguous() for name, value in follow.items()}, tmp_path / "start" / pocket_train.FOLLOW)
    args.matrix_rate = 0.003
    assert pocket_train.train(args) < 12
    logged = [json.loads(line)["strayed"] for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert logged[-1] < logged[0]


def test_the_full_join_fits_the_package(writer: Any, grafted: Any) -> None:
    from transformers import LlamaForCausalLM

    shape = pocket_join.Shape()
    config = pocket_join.joined_config(writer, grafted, shape.keep, shape.heads, shape.units)
    assert 2 * sum(p.numel() for p in LlamaForCausalLM(config).parameters()) < 44.2e6
    with pytest.raises(SystemExit, match="must be a multiple of 12"):
        pocket_join.joined_config(writer, grafted, 201, 8, 512)
    with pytest.raises(SystemExit, match="--units 2000: the reader has 768"):
        pocket_join.joined_config(writer, grafted, 200, 8, 2000)


def test_a_teacher_of_another_vocabulary_is_one_line(packed: Path, tmp_path: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    small = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    other = LlamaForCausalLM(LlamaConfig(vocab_size=100, **small))
    other.save_pretrained(tmp_path / "other")
    args = arguments(packed, tmp_path / "run", 2)
    args.teacher = tmp_path / "other"
    with pytest.raises(SystemExit, match="100 words in its vocabulary"):
        pocket_train.train(args)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("--guided 3", "--guided 3: layers are counted from the end, -1 is the last"),
        ("--teacher nowhere", "nowhere: no config.json there; name a model directory, such as RUN/model"),
        ("--start nowhere", "nowhere: no config.json there; name a model directory, such as RUN/model"),
        ("--data nowhere", "nowhere: no shard-*.npz there; training/pocket_pack.py makes them"),
    ],
)
def test_bad_arguments_are_one_line(packed: Path, given: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        pocket_train.arguments(f"--data {packed} --tokenizer {pocket_folder()} --out o --steps 1 {given}".split())
    assert capsys.readouterr().err.splitlines()[-1].endswith(says)


def test_a_teacher_that_agrees_has_nothing_to_teach(packed: Path, tokenizer: Any) -> None:
    import torch

    model = pocket_train.new_model("test", tokenizer, 0)
    batch = pocket_train.to_batch(pocket_train.Shards(packed).take(0, 2), 1.0, 0, torch.device("cpu"))
    plain = batch.weights < pocket_train.WEIGHTS[4]

    def pull(elders: pocket_train.Elders) -> float:
        model.zero_grad()
        losses = pocket_train.token_losses(model, batch, elders=elders)[0]
        losses[plain].mean().backward()
        return float(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]).norm())

    assert pull(pocket_train.Elders(teacher=model, teach=1.0)) < 0.02 * pull(pocket_train.ALONE)


def test_the_rate_rises_stays_and_falls_to_zero() -> None:
    assert pocket_train.rate_at(0.0, 0.5) == pytest.approx(0.02)
    assert pocket_train.rate_at(0.3, 0.5) == 1.0
    assert pocket_train.rate_at(0.75, 0.5) == pytest.approx(0.5)
    assert pocket_train.rate_at(1.0, 0.5) == 0.0


def test_the_large_size_fits_the_package(tokenizer: Any) -> None:
    count = sum(p.numel() for p in pocket_train.new_model("gpu-24m", tokenizer, 0).parameters())
    assert 20e6 < count < 22.2e6


def test_a_new_tokenizer_renders_as_the_packaged_one_does(tmp_path: Path, tokenizer: Any) -> None:
    import pocket_tokenizer
    from transformers import AutoTokenizer

    pocket_tokenizer.build(iter(TEXT * 20), tmp_path, vocabulary=400)
    new: Any = AutoTokenizer.from_pretrained(tmp_path)
    prompt = messages(["A: b 1921."], "When?")
    assert pocket_pack.renderer(new)(prompt) == pocket_pack.renderer(tokenizer)(prompt)
    assert [new.pad_token_id, new.bos_token_id, new.eos_token_id] == [0, 1, 5]
    assert new.decode(new("in 1921 »Ä«").input_ids) == "in 1921 »Ä«"
    assert len(new("1921").input_ids) == 4


@pytest.mark.parametrize("shape", [(24, 60), (60, 24)])
def test_the_polar_factor_keeps_directions_and_evens_out_sizes(shape: tuple[int, int]) -> None:
    import torch

    grad = torch.randn(shape, generator=torch.Generator().manual_seed(3))
    found = pocket_train.polar(grad, (3.4445, -4.775, 2.0315), 5, 1e-7)
    assert found.shape == grad.shape
    left, _, right = torch.linalg.svd(grad, full_matrices=False)
    inner = left.T @ found @ right.T
    assert ((inner.diagonal() > 0.5) & (inner.diagonal() < 1.5)).all()
    assert (inner - inner.diagonal().diag()).abs().max() < 1e-3
