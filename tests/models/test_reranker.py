"""A cross-encoder made on the spot: it loads from a folder, scores pairs, orders a search; what is wrong is named."""

from pathlib import Path

import pytest

from ragraft.errors import ModelError
from ragraft.models import load


def make(folder: Path, outputs: int = 1) -> str:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast, set_seed

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"what is an apple a pear fruit not".split()]
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(folder)
    set_seed(3)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = BertConfig(vocab_size=len(words), max_position_embeddings=32, num_labels=outputs, **sizes)
    BertForSequenceClassification(config).save_pretrained(folder)
    return f"hf:{folder}"


def test_it_scores_each_text_by_itself(tmp_path: Path) -> None:
    reranker = load.reranker(make(tmp_path))
    texts = ["an apple is a fruit", "a pear", "not a fruit " * 40]
    together = reranker("what is an apple", texts)
    assert len(together) == 3
    assert together == pytest.approx([reranker("what is an apple", [t])[0] for t in texts], abs=2e-2)
    assert reranker("what", []) == []


def test_its_fingerprint_is_known_without_loading(tmp_path: Path) -> None:
    spec = make(tmp_path)
    assert load.reranker_fingerprint(spec) == load.reranker(spec).fingerprint
    assert load.reranker_fingerprint(None) == ""


@pytest.mark.parametrize("spec", ["minilm", "openai:x", "hf:"])
def test_another_form_is_named(spec: str) -> None:
    with pytest.raises(ModelError, match="write reader or hf:NAME_OR_PATH"):
        load.reranker(spec)


def test_a_model_with_several_scores_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="gives 3 scores a text"):
        load.reranker(make(tmp_path, outputs=3))


def test_a_folder_that_holds_none_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no \*\.safetensors"):
        load.reranker(f"hf:{tmp_path}")


def test_the_packaged_reader_ranks_what_answers_first() -> None:
    reranker = load.reranker("reader")
    texts = ["The Elm plan keeps logs for 24 days.", "The Elm plan costs €14 per month.", "Elms grow by rivers."]
    scores = reranker("What does the Elm plan cost?", texts)
    assert scores.index(max(scores)) == 1
    assert load.reranker_fingerprint("reader") == reranker.fingerprint
