"""From files to documents, chunks, examples and their split."""
