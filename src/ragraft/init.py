"""Starts a project. In: a folder name. Writes a commented ragraft.toml, documents/ and examples.jsonl; never overwrites."""

from __future__ import annotations

from pathlib import Path

from ragraft.config import CONFIG_NAME
from ragraft.errors import ConfigError
from ragraft.workspace import write_atomic

CONFIG = """\
# A ragraft project. Every key is optional; what stands here behind a # is the default.

[project]
name = {name}
task = "answer"                  # answer: questions over documents; classify: a label for a text
# seed = 7
# instruction = "Answer briefly."  # added to the system message of every arm

[documents]
root = "documents"               # PDF, DOCX, PPTX, XLSX, HTML, Markdown, text and CSV files
# include = ["**/*"]
# exclude = ["drafts/**"]
readers = ["everyone"]           # who may read a document that no rule names; without this line: nobody
# front_matter = true            # `readers:` in a document narrows who may read it, never widens; `tags:` adds tags; other
#                                # formats have a side file: contract.pdf.ragraft.toml with readers = ["ada"]
# tags = []
# ocr = "eng"                    # tesseract languages for pictures and pages without text; "": no OCR
# max_megabytes = 100            # a larger document is skipped

# [[documents.rules]]            # the last rule that matches a document wins
# path = "internal/**"
# readers = ["staff"]            # user ids or groups

# [groups]                       # group = its members: user ids and other groups
# staff = ["support", "engineering"]

# [[sources]]                    # further documents; their ids start with the name
# type = "web"                   # files: a folder or fsspec URL; web: a site; feed: RSS or Atom; sql; jsonl
# name = "site"
# url = "https://docs.example.com/"
# readers = ["everyone"]         # without this line: nobody; [[sources.rules]] below it name the readers of parts
# tags = ["public"]
# depth = 3                      # of links followed from url, on its host only; a sitemap's URL reads its pages
# max_pages = 1000

# [[sources]]
# type = "sql"                   # one row is one document
# name = "shop"
# url = "postgresql+psycopg://reader:${{SHOP_PASSWORD}}@db/shop"    # ${{...}} comes from the environment or .env
# query = "select * from items"
# key = "sku"
# title = "{{name}}"
# template = "# {{name}}\\n\\n{{about}}"
# updated = "changed_at"
# readers_column = "who"         # names separated by commas
# live = ["stock", "price"]      # read when a question is asked; when_down = "stale" or "fail"

[examples]
path = "examples.jsonl"          # JSONL, CSV, or chat-format JSONL; `ragraft examples make` drafts some from the documents
# train = 0.5                    # shares of the groups; the test share is sealed until it is measured
# dev = 0.15
# test = 0.35
# near_duplicate = 0.9           # questions this alike (cosine) never straddle splits
# skip_bad_lines = false

[models]
embedder = "minilm"              # or hf:NAME_OR_PATH, openai:MODEL
generator = "pocket"             # or hf:NAME_OR_PATH, openai:MODEL, http://HOST/v1#MODEL
# reranker = "reader"            # ranks the best passages anew; or a cross-encoder, hf:NAME_OR_PATH
# mark_passages = true           # prompts mark passages as data, against instructions in documents; by default all models but pocket

# [chunks]
# max_tokens = 200
# overlap_tokens = 24

# [retrieval]
# passages = 4                   # `ragraft tune-retrieval` chooses this, bm25_weight and floor on your examples
# neighbours = 0                 # chunks before and after each passage that are shown with it
# sentences = 3                  # a generator reads only the best sentences of all passages: for small models, and fewer tokens
# where = ""                     # a filter that every search applies, such as "tag = 'public'"
# language = "English"

# [tuning]                       # LoRA, for the arms tuned, tuned+rag and raft
# epochs = 8                     # closed-book rows, and the encoder of classify
# raft_epochs = 3
# learning_rate = 2e-3           # of closed-book rows
# raft_learning_rate = 5e-4
# raft_target = "answer"         # "quote": raft learns to say the sentences of its passages that hold the answer, which a small model does better
# distractors = 3
# refusals = 0.15                # share of raft rows that refuse; where unanswerable examples are too few, some lose their passages

# [compare]
# arms = ["base", "quote", "rag", "tuned", "tuned+rag", "raft"]

# [constraints]                  # an arm that breaks one of these is never recommended
# must_cite = true
# max_p95_ms = 2000
# max_build_minutes = 30
# max_cost_per_1000 = 1.0
# max_cost_per_month = 50.0
# freshness.new = 0.8            # any figure of any probe: at least where higher is better, at most where lower is
# deletion.told = {{ max = 0.1 }}  # or said outright; what was not measured meets no limit

# [weights]                      # rows of the trade-off table; the weighted score then decides instead of quality alone
# correct = 5
# freshness.new = 2
# p95_ms = 1
# monthly = 2

# [probes]                       # trade-offs measured on a copy beside the test questions; `ragraft probe NAME` runs one
# run = ["freshness", "deletion", "permission", "overfitting"]  # also: injection, forgetting, leakage, robustness, load,
#                                # style, context, growth, setup
# questions = 48                 # facts asked about, at most
# retrain = false                # freshness also trains the adapters again on edited facts
# house_texts = []               # globs of files in the house style, from which `style` learns beside the training answers
# passages = [1, 2, 4, 8]        # how many `context` gives
# sizes = [1, 4, 16]             # of the index, in multiples of today's, that `growth` measures
# lm_eval = []                   # tasks of lm-eval that `forgetting` adds: names, or files (*.yaml); pip install 'ragraft[lm-eval]'
# lm_eval_questions = 200        # the first questions of each
# core_watts = 12.0              # for the energy that `setup` estimates: TDP / cores of your processor
# gpu_watts = 200.0
# pue = 1.0                      # power usage effectiveness: 1 for a machine on a desk, some 1.2 to 1.6 in a data centre

# [prices]                       # default: a table of list prices with their sources and dates, prices.toml of the package
# table = ""                     # "prices.toml": one of your own in the same form
# currency = "USD"
# cpu_hour = 0.0832
# gpu_hour = 1.006
# gb_month = 0.08
# label_example = 0.116
# tokens_in = 0.4                # of a hosted generator, per million; known for some OpenAI models
# tokens_out = 1.6

# [traffic]                      # what a month is reckoned with
# questions_per_month = 10000
# changes_per_month = 20         # documents
# months = 12                    # over which the build is spread
# changes_per_retraining = 100
# retrain = ["tuned", "tuned+rag"]  # arms that learned the documents by heart

# [access]
# adapters = "refuse"            # warn, ignore: an arm whose adapter learned from what the reader may not read

# [forget]
# adapters = "refuse"            # warn: an arm whose adapter learned from a forgotten document

# [store]
# url = "s3://BUCKET/PREFIX"     # the index in an object store; keys and endpoint from the environment (AWS_…)
# keep_days = 7                  # how long older versions of the index can be searched

# API keys are read from the environment or from a file named .env in this folder. Never put one here.
"""

PAGE = """\
# Opening hours

The reading room is open from 09:00 to 18:00 on weekdays and is closed on Sundays.
A visitor's card costs €4 and is valid for 30 days.
"""

EXAMPLES = """\
{"question": "When does the reading room open?", "answer": "The reading room opens at 09:00 on weekdays.", "must_include": ["09:00"], "documents": ["opening-hours.md"], "group": "hours"}
{"question": "Can I reserve a desk by phone?", "answer": "The documents do not say.", "documents": [], "answerable": false, "group": "desks"}
"""


def make(folder: Path) -> tuple[Path, ...]:
    """Make the project; the paths that were written. Raises `ConfigError` when there is one already, or a file."""
    if folder.is_file():
        raise ConfigError(f"{folder}: a file is there already; choose another folder")
    if (folder / CONFIG_NAME).exists():
        raise ConfigError(f"{folder / CONFIG_NAME}: there is a project here already; choose another folder")
    name = '"' + (folder.resolve().name.replace("\\", "").replace('"', "") or "project") + '"'
    files = {
        folder / CONFIG_NAME: CONFIG.format(name=name),
        folder / "documents" / "opening-hours.md": PAGE,
        folder / "examples.jsonl": EXAMPLES,
        folder / ".gitignore": ".ragraft/\n.env\n",
    }
    written = [path for path in files if not path.exists()]
    for path in written:
        write_atomic(path, files[path])
    return tuple(written)
