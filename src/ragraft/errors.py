"""Exceptions. Each message names the value, the place and the remedy in one line; the CLI prints it and exits."""


class RagraftError(Exception):
    """Base of every error that a user can cause or mend. `exit_code` is what the command line returns."""

    exit_code = 1


class ConfigError(RagraftError):
    """`ragraft.toml` is missing, malformed or contradicts itself."""

    exit_code = 2


class DataError(RagraftError):
    """Documents or examples are missing or cannot be used."""

    exit_code = 3


class ModelError(RagraftError):
    """A model is missing, its files are damaged, or an endpoint refuses us."""

    exit_code = 4


class StoreError(RagraftError):
    """The project's stored state cannot be read or written (disk full, foreign embedder, damaged file)."""

    exit_code = 5


class LiveError(RagraftError):
    """A source's live values cannot be read, and the project says not to answer without them."""

    exit_code = 7


class LockedError(RagraftError):
    """Another ragraft process works on the same project."""

    exit_code = 6


class RefusedError(RagraftError):
    """An arm may not answer: its adapter learned from documents that are forgotten, or closed to this reader."""

    exit_code = 8
