"""Comparing text whatever the case of its letters, as Event Ruler does: letter by letter.

A letter of the pattern stands for its small and its capital form, which may have several letters (ß and SS).
"""

import re


def ignoring_case(text: str, *, backwards: bool = False) -> re.Pattern[str]:
    """Return an expression that matches a text in any case; backwards, it reads text turned around."""
    letters = [_forms(letter) for letter in text]
    if backwards:
        letters = [{form[::-1] for form in forms} for forms in reversed(letters)]
    return re.compile("".join(_either(forms) for forms in letters), re.DOTALL)


def _forms(letter: str) -> set[str]:
    return {letter, letter.lower(), letter.upper()}


def _either(forms: set[str]) -> str:
    if len(forms) == 1:
        return re.escape(forms.pop())
    return f"(?:{'|'.join(re.escape(form) for form in sorted(forms))})"
