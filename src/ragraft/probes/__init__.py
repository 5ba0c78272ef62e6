"""Measurements of what a quality score does not show. One file a probe; `table` lists them."""
