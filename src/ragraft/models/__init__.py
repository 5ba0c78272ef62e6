"""Text generation and embedding: the packaged models, any local one, any OpenAI-compatible endpoint."""
