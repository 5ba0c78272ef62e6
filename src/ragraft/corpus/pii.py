"""Personal data that can be told by its form. In: text. Out: what was found; nothing is written.

E-mail addresses, telephone numbers (international, and those of the North American plan with their separators), IBANs (check digits by
ISO 13616), card numbers (Luhn, ISO/IEC 7812-1) and social security numbers of the United States.
"""

from __future__ import annotations

import re

_MAIL = re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b")
_PHONE = re.compile(r"(?<!\w)\+\d[\d ()/-]{7,18}\d\b")
_NATIONAL = re.compile(r"(?<![\w-])(?:\([2-9]\d\d\) ?|[2-9]\d\d[-. ])[2-9]\d\d[-. ]\d{4}(?![\w-])")
"""Area code and exchange start with 2 to 9 (NANP)."""
_SSN = re.compile(r"(?<![\w-])(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\w-])")
"""As the Social Security Administration assigns them."""
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b")
_CARD = re.compile(r"\b\d(?:[ -]?\d){12,18}\b")


def personal(text: str) -> frozenset[str]:
    """Each finding without spaces and punctuation between its characters."""
    found = {m[0].casefold() for m in _MAIL.finditer(text)}
    found |= {_bare(m[0]) for rule in (_PHONE, _NATIONAL, _SSN) for m in rule.finditer(text)}
    found |= {_bare(m[0]) for m in _IBAN.finditer(text) if _iban(_bare(m[0]))}
    return frozenset(found | {_bare(m[0]) for m in _CARD.finditer(text) if _luhn(_bare(m[0]))})


def _bare(text: str) -> str:
    return re.sub(r"[ ()/.-]", "", text)


def _iban(text: str) -> bool:
    return int("".join(str(int(c, 36)) for c in text[4:] + text[:4])) % 97 == 1


def _luhn(digits: str) -> bool:
    doubled = (sum(divmod(2 * int(d), 10)) for d in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0
