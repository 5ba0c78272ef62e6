"""ragraft.toml: every mistake is one line that names the place and the remedy."""

import re
import tomllib
from pathlib import Path

import pytest

from ragraft import config, deciding, prices, sourcing
from ragraft.errors import ConfigError
from ragraft.init import CONFIG


def load(folder: Path, text: str) -> config.Config:
    (folder / "ragraft.toml").write_text(text)
    return config.load(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tuning]\nrankk = 3", r"ragraft.toml:2: unknown key `tuning.rankk`; did you mean `rank`\?"),
        ("[tunning]\nrank = 3", r"ragraft.toml:1: unknown key `tunning`; did you mean `tuning`\?"),
        ("\n[tuning]\n\nrank = 'x'", r":4: `tuning.rank`: input should be a valid integer, not 'x'"),
        ("[compare]\narms = ['rag', 'rat']", r":2: `compare.arms`.*'rag'.*'rat'"),
        ("[examples]\ntest = 0.9", r"train \+ dev \+ test must be 1"),
        ("[project]\ntask = 'sing'", r":2: `project.task`"),
        ("[[documents.rules]]\npath = 'x'", r"`documents.rules.readers`: field required"),
        ("[tuning\nrank = 1", r"not valid TOML"),
        ("[retrieval]\nsentences = 0", r":2: `retrieval.sentences`: input should be greater than or equal to 1, not 0"),
        ("[retrieval]\nsentences = 3\nneighbours = 1", r"sentences = 3 shows less .* neighbours = 1 more: set one"),
    ],
)
def test_a_mistake_names_line_and_remedy(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ragraft init"):
        config.load(tmp_path)


def test_an_empty_file_is_all_defaults_and_nobody_may_read(tmp_path: Path) -> None:
    loaded = load(tmp_path, "")
    assert loaded == config.Config()
    assert loaded.documents.readers == ()


def test_whole_numbers_are_accepted_where_a_fraction_is_meant(tmp_path: Path) -> None:
    assert load(tmp_path, "[constraints]\nmax_p95_ms = 300").constraints.max_p95_ms == 300.0


def test_the_template_and_every_default_in_its_comments_are_true(tmp_path: Path) -> None:
    template = CONFIG.format(name='"Handbook"')
    assert load(tmp_path, template).documents.readers == ("everyone",)
    samples = (
        "mark_passages",
        "must",
        "max_p95",
        "max_build",
        "max_cost",
        "freshness",
        "deletion",
        "tokens_",
        "bm25_weight",
        "floor",
        "reranker",
        "sentences",
        "where",
        "exclude",
        "[[",
        'path = "int',
        'readers = ["st',
    )
    before, _, rest = template.partition("# [[sources]]")
    sources, examples, after = rest.partition("[examples]")
    lines = (before + examples + after).splitlines()
    commented = [line.removeprefix("# ") for line in lines if "=" in line or line.startswith(("[", "# ["))]
    loaded = load(tmp_path, "\n".join(line for line in commented if not line.startswith(samples)))
    for section in ("chunks", "retrieval", "tuning", "compare", "prices", "traffic", "examples", "models"):
        assert getattr(loaded, section) == getattr(config.Config(), section), section
    shown = "\n".join(line.removeprefix("# ") for line in ("# [[sources]]" + sources).splitlines())
    web, sql = load(tmp_path, shown).sources
    defaults = sourcing.WebSource(type="web", name="site", url=web.url, readers=web.readers, tags=web.tags)
    assert (web, sql.type) == (defaults, "sql")


def test_groups_may_nest_but_not_in_a_circle(tmp_path: Path) -> None:
    nested = '[groups]\nall = ["a", "b"]\na = ["b"]\nb = ["ann"]\n'
    assert load(tmp_path, nested).groups == {"all": ("a", "b"), "a": ("b",), "b": ("ann",)}
    with pytest.raises(ConfigError, match="`groups`: a group contains itself: a → b → a"):
        load(tmp_path, '[groups]\nall = ["a"]\na = ["b"]\nb = ["x", "a"]\n')
    with pytest.raises(ConfigError, match="`everyone` is every reader"):
        load(tmp_path, '[groups]\neveryone = ["a"]\n')


WEB = '[[sources]]\ntype = "web"\nname = "site"\nurl = "https://x.example/"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (WEB.replace("url", "urll"), "toml:4: unknown key `sources.urll`; did you mean `url`?"),
        (WEB.replace("site", "a/b"), "toml:3: `sources.name`"),
        (WEB.replace('"web"', '"wub"'), "'wub' found using 'type'"),
        (WEB + WEB, r"two \[\[sources\]\] are named `site`"),
        (WEB.replace("https://", "https://u:hunter2@"), "a password stands in the URL"),
        (
            WEB + '[[documents.rules]]\npath = "site/hr/**"\nreaders = ["hr"]\n',
            r"cannot reach the source `site`; write it .* as \[\[sources.rules\]\] with path = \"hr/\*\*\"",
        ),
        (
            '[[sources]]\ntype = "sql"\nname = "db"\nurl = "sqlite:///d"\nquery = "q"\nkey = "id"\ntemplate = "t"\n'
            'readers = ["a"]\nreaders_column = "who"\n',
            "db: `readers_column` alone says who may read each row",
        ),
    ],
)
def test_a_source_that_is_wrong_is_named(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        config.parse(tomllib.loads(text), text=text)
    assert "hunter2" not in str(caught.value)


def test_each_kind_of_source_has_its_own_keys() -> None:
    text = (
        WEB
        + '[[sources]]\ntype = "sql"\nname = "db"\nurl = "postgresql://r:${PW}@h/d"\nquery = "q"\nkey = "id"\ntemplate = "t"\n'
    )
    web, sql = config.parse(tomllib.loads(text), text=text).sources
    assert (web.type, sql.type, sql.readers) == ("web", "sql", ())


def test_prices_come_from_the_packaged_table_and_their_sources_go_with_them() -> None:
    found = config.parse({"prices": {"cpu_hour": 1.0}}).prices
    assert (found.cpu_hour, found.gpu_hour, found.currency) == (1.0, 1.006, "USD")
    assert [s.partition(":")[0] for s in found.sources][:3] == ["gpu_hour", "gb_month", "label_example"]
    assert all(re.search(r"20\d\d", s) and "https://" in s for s in found.sources)
    assert all(any(t.model in s for s in found.sources[3:]) for t in found.tokens)


def test_a_price_that_was_not_read_at_the_sellers_own_page_says_so() -> None:
    table = prices.packaged()
    for line in (table.cpu_hour, table.gpu_hour, table.gb_month, table.label_example, *table.tokens):
        seller = "openai.com" if isinstance(line, prices.TokenPrice) else "aws.amazon.com"
        assert seller in line.source
        assert seller not in line.secondary
    notes = table.section()["sources"]
    assert "(secondary: as quoted by https://" in notes[0]
    assert next(n for n in notes if "secondary" not in n).startswith("gpt-5-nano: OpenAI")


def test_another_currency_needs_every_price(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"prices are in EUR, .* in USD: set gpu_hour, gb_month, label_example too"):
        load(tmp_path, '[prices]\ncurrency = "EUR"\ncpu_hour = 1\n')
    own = load(tmp_path, '[prices]\ncurrency = "EUR"\ncpu_hour = 1\ngpu_hour = 2\ngb_month = 3\nlabel_example = 4\n')
    assert (own.prices.sources, own.prices.tokens) == ((), ())


def test_a_table_of_ones_own_replaces_all_prices(tmp_path: Path) -> None:
    lines = "".join(f'[{k}]\nprice = {n}\nsource = "ours"\n' for n, k in enumerate(prices.KINDS, start=1))
    (tmp_path / "ours.toml").write_text('currency = "CHF"\n' + lines)
    found = load(tmp_path, '[prices]\ntable = "ours.toml"\ngpu_hour = 9\n').prices
    assert (found.currency, found.cpu_hour, found.gpu_hour, found.label_example) == ("CHF", 1.0, 9.0, 4.0)
    (tmp_path / "ours.toml").write_text('currency = "CHF"\n')
    with pytest.raises(ConfigError, match=r"ours.toml: `cpu_hour`: Field required"):
        load(tmp_path, '[prices]\ntable = "ours.toml"\n')
    with pytest.raises(ConfigError, match=r"theirs.toml: no readable table of prices"):
        load(tmp_path, '[prices]\ntable = "theirs.toml"\n')


def test_a_key_that_moved_says_where(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"toml:2: `models.price_in` is `prices.tokens_in` now"):
        load(tmp_path, "[models]\nprice_in = 1.0\n")


def test_constraints_name_any_figure_of_any_probe(tmp_path: Path) -> None:
    text = (
        "[constraints]\nfreshness.new = 0.8\ndeletion.told = { max = 0.1 }\n[weights]\ncorrect = 2\nfreshness.new = 1\n"
    )
    found = load(tmp_path, text)
    assert found.constraints.probes == {
        "freshness": {"new": deciding.Bound(limit=0.8)},
        "deletion": {"told": deciding.Bound(max=0.1)},
    }
    assert found.weights == {"correct": 2.0, "freshness.new": 1.0}
    with pytest.raises(ConfigError, match="unknown key `freshnes`; did you mean `freshness`"):
        load(tmp_path, "[constraints]\nfreshnes.new = 0.8\n")
    with pytest.raises(ConfigError, match="a bound is a number, or has `min` or `max`"):
        load(tmp_path, "[constraints]\nfreshness.new = {}\n")
