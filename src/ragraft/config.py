"""`ragraft.toml` -> a frozen `Config`. In: the project folder. Out: a `Config`, resolved once and hashed with each run.

Unknown keys and wrong types raise `ConfigError` with the line and the nearest valid key. Secrets never stand here.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from ragraft import prices
from ragraft.deciding import ConstraintsSection, PricesSection, TrafficSection
from ragraft.errors import ConfigError
from ragraft.section import Amount, Fraction, Positive, Section
from ragraft.sourcing import AccessRule, Source
from ragraft.types import ARMS, EVERYONE, ArmName, ProbeName, Task
from ragraft.where import condition

CONFIG_NAME = "ragraft.toml"
MOVED = {
    "models.price_in": "prices.tokens_in",
    "models.price_out": "prices.tokens_out",
    "tuning.without_oracle": "tuning.refusals",
}


class ProjectSection(Section):
    name: str = ""
    task: Task = "answer"
    seed: int = 7
    instruction: str = "Answer briefly."
    """Added to the system message of every arm, in training, evaluation and serving alike."""


class DocumentsSection(Section):
    root: str = "documents"
    include: tuple[str, ...] = ("**/*",)
    exclude: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()
    """Who may read a document that no rule names. Empty: nobody. `["everyone"]`: all."""
    rules: tuple[AccessRule, ...] = ()
    front_matter: bool = True
    """Whether a document's own `readers` and `tags` (front matter; HTML meta) count. They narrow who may read it, never widen."""
    tags: tuple[str, ...] = ()
    ocr: str = "eng"
    """Tesseract languages ("eng+deu") for images and for pages without text, of every source. Empty: no OCR."""
    max_megabytes: Positive = 100
    """A larger document, of any source, is skipped; so is an archive that unpacks to more."""


class ChunksSection(Section):
    max_tokens: Annotated[int, Field(ge=32, le=510)] = 200
    overlap_tokens: Annotated[int, Field(ge=0)] = 24


class ExamplesSection(Section):
    path: str = "examples.jsonl"
    train: Fraction = 0.5
    dev: Fraction = 0.15
    test: Fraction = 0.35
    near_duplicate: Fraction = 0.9
    """Questions whose embeddings' cosine reaches this never straddle splits."""
    skip_bad_lines: bool = False

    @model_validator(mode="after")
    def _sums_to_one(self) -> ExamplesSection:
        if abs(self.train + self.dev + self.test - 1) > 1e-6 or self.test == 0:
            raise ValueError(
                f"train + dev + test must be 1 and test above 0, not {self.train} + {self.dev} + {self.test}"
            )
        return self


class ModelsSection(Section):
    embedder: str = "minilm"
    generator: str = "pocket"
    reranker: str | None = None
    """What reads each question with the best candidates and ranks them anew: `reader`, or a cross-encoder, `hf:NAME_OR_PATH`."""
    timeout_s: Annotated[float, Field(gt=0)] = 60.0
    retries: Annotated[int, Field(ge=0)] = 4
    concurrency: Positive = 8
    mark_passages: bool | None = None
    """Whether prompts mark passages as data, against instructions in documents. None: for every generator but `pocket`."""


class RetrievalSection(Section):
    passages: Positive = 4
    candidates: Positive = 100
    """How many chunks each half of the search returns before fusion."""
    bm25_weight: Fraction | None = None
    """Weight of BM25 in the fusion; the vectors get the rest. None: the default of `retrieve.fusion`."""
    language: str = "English"
    stem: bool = True
    where: str = ""
    """A filter that every search applies (`ragraft.where`), such as `tag = 'public' AND modified >= '2025-01-01'`."""
    floor: Fraction | None = None
    """Fused score under which a passage is not returned, even when there is no better one. None: no floor."""
    neighbours: Annotated[int, Field(ge=0, le=3)] = 0
    """How many chunks before and after each passage are shown with it; the first to go when a prompt is too long."""
    rerank_candidates: Positive = 20
    """How many of the fused candidates the reranker reads."""
    sentences: Positive | None = None
    """How many sentences of all passages together a generator reads, the best of them (`systems.compress`). None: whole passages."""

    @field_validator("where")
    @classmethod
    def _readable(cls, where: str) -> str:
        if where.strip():
            try:
                condition(where)
            except ConfigError as error:
                raise ValueError(str(error)) from error
        return where

    @model_validator(mode="after")
    def _one_size(self) -> RetrievalSection:
        if self.sentences is not None and self.neighbours:
            raise ValueError(
                f"sentences = {self.sentences} shows less than the passages, neighbours = {self.neighbours} more: set one of them"
            )
        return self


class TuningSection(Section):
    rank: Positive = 16
    alpha: Positive = 32
    learning_rate: Annotated[float, Field(gt=0)] = 2e-3
    epochs: Positive = 8
    raft_epochs: Positive = 3
    """Epochs over `raft` rows, which hold passages and are some twenty times as long as the others."""
    raft_learning_rate: Annotated[float, Field(gt=0)] = 5e-4
    """Rate of `raft` rows: facts are to be stored at `learning_rate`, but here what the model reads with is to be kept (docs/log.md)."""
    raft_target: Literal["answer", "quote"] = "answer"
    """What `raft` learns to write: the house answer, or the sentences of its passages that hold the answer's facts, word for word."""
    batch_size: Positive = 8
    max_tokens: Positive = 1024
    patience: Positive = 2
    """Evaluations on dev without improvement before training stops."""
    distractors: Annotated[int, Field(ge=0)] = 3
    refusals: Fraction = 0.15
    """Share of `raft` rows that refuse: unanswerable examples, and where there are fewer, answerable ones whose oracle passages are left out."""


class EvaluationSection(Section):
    batch_size: Positive = 16
    max_new_tokens: Positive = 96
    user: str = "evaluation"
    groups: tuple[str, ...] = ()
    """The reader that asks the test questions: a user id and its groups (`everyone` is implied)."""
    out_of_scope: str = "oos"
    """The label of texts that belong to no class (`classify`)."""


class CompareSection(Section):
    arms: tuple[ArmName, ...] = ARMS
    metric: str | None = None
    """The primary metric. None: `correct` for `answer` (token F1 where no example has must_include), `accuracy` for `classify`."""


class JudgeSection(Section):
    model: str | None = None
    """An `openai:` model that judges answers. None: no judge."""
    human_labels: str | None = None
    """JSONL of {"example", "arm", "correct"} judged by people; gives the judge's agreement (Cohen's kappa)."""


class AccessSection(Section):
    adapters: Literal["refuse", "warn", "ignore"] = "refuse"
    """What an arm does whose adapter learned from documents that the reader may not read."""


class ForgetSection(Section):
    adapters: Literal["refuse", "warn"] = "refuse"
    """What an arm does whose adapter learned from forgotten documents, until it is trained again."""


class StoreSection(Section):
    url: str = ""
    """Where the index lies: `s3://BUCKET/PREFIX`. Empty: in `.ragraft/`. Credentials and endpoint come from the environment."""
    keep_days: Positive = 7
    """For how long older versions can be searched."""


class ProbesSection(Section):
    run: tuple[ProbeName, ...] = ("freshness", "deletion", "permission", "overfitting")
    """What `compare` runs beside the test questions."""
    questions: Positive = 48
    """How many facts the probes of freshness, deletion and permission ask about, at most."""
    retrain: bool = False
    """Whether freshness also trains the adapters again on edited examples: the time of a tuning for each."""
    house_texts: tuple[Annotated[str, Field(pattern=r"^[^/]")], ...] = ()
    """Globs, relative to the project, of text files in the house style, which `style` learns from beside the training answers."""
    passages: tuple[Positive, ...] = (1, 2, 4, 8)
    """How many passages `context` gives."""
    sizes: tuple[Positive, ...] = (1, 4, 16)
    """The multiples of today's index that `growth` measures."""
    lm_eval: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """What `forgetting` measures besides: names of tasks of EleutherAI's lm-eval, whose data it fetches from the hub, or task files
    (*.yaml), relative to the project."""
    lm_eval_questions: Positive = 200
    """The first questions of each such task, at most."""
    core_watts: Annotated[float, Field(gt=0)] = 12.0
    """A processor core under load, for the energy that `setup` estimates: TDP / cores."""
    gpu_watts: Annotated[float, Field(gt=0)] = 200.0
    pue: Annotated[float, Field(ge=1)] = 1.0
    """Power usage effectiveness of the place: 1 for a machine on a desk."""


class Config(Section):
    project: ProjectSection = ProjectSection()
    documents: DocumentsSection = DocumentsSection()
    sources: tuple[Source, ...] = ()
    chunks: ChunksSection = ChunksSection()
    examples: ExamplesSection = ExamplesSection()
    models: ModelsSection = ModelsSection()
    retrieval: RetrievalSection = RetrievalSection()
    tuning: TuningSection = TuningSection()
    evaluation: EvaluationSection = EvaluationSection()
    compare: CompareSection = CompareSection()
    constraints: ConstraintsSection = ConstraintsSection()
    weights: dict[str, Amount] = Field(default_factory=dict)
    """Trade-off -> how much it matters: a row of the trade-off table, such as "correct", "monthly" or "freshness.new"."""
    prices: PricesSection = Field(default_factory=lambda: PricesSection.model_validate({}))
    traffic: TrafficSection = TrafficSection()
    judge: JudgeSection = JudgeSection()
    probes: ProbesSection = ProbesSection()
    groups: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Group -> its members: user ids and other groups."""
    access: AccessSection = AccessSection()
    forget: ForgetSection = ForgetSection()
    store: StoreSection = StoreSection()

    @field_validator("weights", mode="before")
    @classmethod
    def _flat(cls, weights: Any) -> Any:
        """`freshness.new = 1` is a table in TOML, and one key here."""
        if not isinstance(weights, dict):
            return weights
        nested = {k: v if isinstance(v, dict) else {"": v} for k, v in weights.items()}
        return {f"{k}.{f}" if f else k: w for k, inner in nested.items() for f, w in inner.items()}

    @field_validator("groups")
    @classmethod
    def _no_cycle(cls, groups: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        if EVERYONE in groups:
            raise ValueError(f"`{EVERYONE}` is every reader and cannot be a group")
        if cycle := _cycle(groups):
            raise ValueError(
                f"a group contains itself: {' → '.join(cycle)}; take one of these out of another's members"
            )
        return groups

    @model_validator(mode="after")
    def _names_once(self) -> Config:
        names = [source.name for source in self.sources]
        twice = next((n for n in names if names.count(n) > 1), None)
        if twice:
            raise ValueError(f"two [[sources]] are named `{twice}`; give each its own name")
        for rule in self.documents.rules:
            first, slash, rest = rule.path.removeprefix("./").partition("/")
            if slash and first in names:
                raise ValueError(
                    f"the rule for `{rule.path}` in [[documents.rules]] cannot reach the source `{first}`; write it below that "
                    f'source as [[sources.rules]] with path = "{rest or "**"}"'
                )
        return self


def _cycle(groups: dict[str, tuple[str, ...]]) -> list[str]:
    """One path from a group through its members back to itself; empty when there is none."""
    sound: set[str] = set()

    def search(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        for member in () if name in sound else groups.get(name, ()):
            if found := search(member, [*path, name]):
                return found
        sound.add(name)
        return []

    return next((found for name in groups if (found := search(name, []))), [])


def load(folder: Path) -> Config:
    """Read and check `folder/ragraft.toml`. Raises `ConfigError` naming the line and the remedy."""
    path = folder / CONFIG_NAME
    if folder.is_file():
        raise ConfigError(
            f"{folder}: a file, where a project's folder belongs; name the folder that holds {CONFIG_NAME}"
        )
    if not path.is_file():
        raise ConfigError(f"{path}: no such file; `ragraft init {folder}` makes a project")
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    named = data.get("prices")
    if isinstance(named, dict) and isinstance(named.get("table"), str) and named["table"]:
        data["prices"] = {**prices.read(folder / named["table"]).section(), **named}
    return parse(data, text=text, place=str(path))


def parse(data: dict[str, Any], *, text: str = "", place: str = CONFIG_NAME) -> Config:
    """A `Config` from decoded TOML. `text` is the source, used to name line numbers in errors."""
    try:
        # TOML arrays arrive as lists; only sequence fields are tuples, so lax mode is confined to that conversion.
        return Config.model_validate(_tuples(data))
    except ValidationError as error:
        raise ConfigError(f"{place}{_explain(error, text)}") from error


def _tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _tuples(v) for k, v in value.items()}
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value


def _explain(error: ValidationError, text: str) -> str:
    # A misspelt key is often also a missing one: the misspelling is what has to be mended.
    first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
    path = [str(part) for part in first["loc"] if isinstance(part, str)]
    keys = [key for i, key in enumerate(path) if path[:i] != ["sources"]]  # without the kind of a source
    name = ".".join(keys)
    line = _line_of(keys, text)
    where = f":{line}" if line else ""
    if name in MOVED:
        return f"{where}: `{name}` is `{MOVED[name]}` now"
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(keys[-1], _valid_keys(path[:-1]), n=1, cutoff=0.0)
        return f"{where}: unknown key `{name}`; did you mean `{near[0]}`?" if near else f"{where}: unknown key `{name}`"
    message = first["msg"].removeprefix("Value error, ")
    given = "" if isinstance(first.get("input"), dict) else f", not {first.get('input')!r}"
    return f"{where}: {f'`{name}`: ' if name else ''}{message[0].lower() + message[1:]}{given}"


def _valid_keys(path: list[str]) -> list[str]:
    model: type[BaseModel] = Config
    for key in path:
        if key not in model.model_fields:  # the kind of a source: ("sources", "web")
            continue
        found = list(_models(model.model_fields[key].annotation))
        kinds = [
            m for m in found if "type" in m.model_fields and path[-1] in get_args(m.model_fields["type"].annotation)
        ]
        if not found:
            return []
        model = (kinds or found)[0]
    return list(model.model_fields)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _line_of(keys: list[str], text: str) -> int | None:
    """The line on which `section.key` stands, or its section's line; None when it is not found."""
    section, found = "", None
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[{1,2}([^\]]+)\]", line)
        if header:
            section = header[1].strip()
            found = number if section == ".".join(keys) or (found is None and section == ".".join(keys[:-1])) else found
            continue
        key = re.match(r'\s*"?([\w.-]+)"?\s*=', line)
        if key and ".".join(filter(None, [section, key[1]])) == ".".join(keys):
            return number
    return found
