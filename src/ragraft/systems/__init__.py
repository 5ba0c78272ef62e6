"""A system answers requests: retrieval, a prompt, a generator and the citations of what it wrote."""
