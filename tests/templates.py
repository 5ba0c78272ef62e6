"""Chat templates that differ from `pocket`'s in how an answer begins."""

from typing import Any


def lead_answers(tokenizer: Any, lead: str) -> Any:
    """The tokenizer of `pocket`, with a template that writes `lead` before every answer, as those of Llama 2 and Mistral write a space."""
    tokenizer.chat_template = tokenizer.chat_template.replace(
        "{{ message['content'] }}", f"{{{{ '{lead}' if message['role'] == 'assistant' }}}}{{{{ message['content'] }}}}"
    )
    return tokenizer
