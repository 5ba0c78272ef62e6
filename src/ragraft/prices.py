"""A table of prices, the packaged one or a project's -> what `[prices]` takes from it. In: a TOML file. Writes nothing.

The packaged table, `prices.toml` beside this file, names the source and the date of every figure, and where it was read if not there.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from ragraft.errors import ConfigError
from ragraft.section import Amount

PACKAGED = Path(__file__).with_name("prices.toml")
KINDS = ("cpu_hour", "gpu_hour", "gb_month", "label_example")


class TokenPrice(BaseModel):
    """A hosted model's price of one million prompt tokens and of one million completion tokens. `source`: the seller's page, with its
    date; `secondary`: another page that quotes it, where the figure was read there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    tokens_in: Amount
    tokens_out: Amount
    source: str = ""
    secondary: str = ""


class PriceLine(BaseModel):
    """`source` and `secondary` as of a `TokenPrice`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    price: Amount
    source: str = ""
    secondary: str = ""


def _origin(line: TokenPrice | PriceLine) -> str:
    return f"{line.source} (secondary: as quoted by {line.secondary})" if line.secondary else line.source


class PriceTable(BaseModel):
    """One currency; per machine-hour, per GB and month, per labelled example, and per million tokens of each model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    currency: str
    cpu_hour: PriceLine
    gpu_hour: PriceLine
    gb_month: PriceLine
    label_example: PriceLine
    tokens: tuple[TokenPrice, ...] = ()

    def section(self) -> dict[str, Any]:
        """The keys of `[prices]` that the table sets."""
        amounts = {kind: getattr(self, kind).price for kind in KINDS}
        sources = tuple(f"{kind}: {_origin(getattr(self, kind))}" for kind in KINDS)
        origins = dict.fromkeys(map(_origin, self.tokens))
        sources += tuple(f"{', '.join(t.model for t in self.tokens if _origin(t) == o)}: {o}" for o in origins)
        return {"currency": self.currency, "tokens": self.tokens, "sources": sources, **amounts}


def read(path: Path) -> PriceTable:
    """Raises `ConfigError` naming the file and what is wrong in it."""
    try:
        return PriceTable.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: no readable table of prices: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigError(
            f"{path}: `{where}`: {first['msg']}; {PACKAGED.name} of the package shows the form"
        ) from error


@cache
def packaged() -> PriceTable:
    return read(PACKAGED)
