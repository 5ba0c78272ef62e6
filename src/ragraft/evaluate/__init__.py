"""Puts the sealed test split to each system and scores what comes back."""
