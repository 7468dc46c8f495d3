"""Perspective's attributes and the labels that answer them."""

from __future__ import annotations

from typing import Final

_LABELS: Final = {
    "TOXICITY": "toxicity",
    "SEVERE_TOXICITY": "severe_toxicity",
    "IDENTITY_ATTACK": "identity_attack",
    "INSULT": "insult",
    "PROFANITY": "obscene",
    "THREAT": "threat",
    "SEXUALLY_EXPLICIT": "sexual_explicit",
}

LABEL_OF: Final[dict[str, str]] = _LABELS | {f"{name}_EXPERIMENTAL": label for name, label in _LABELS.items()}
"""Attribute -> label; which of these a model has is `Engine.labels`'s to say."""

SERVED_ELSEWHERE: Final = frozenset(LABEL_OF) | {
    "AFFINITY_EXPERIMENTAL", "ALIENATION_EXPERIMENTAL", "ATTACK_ON_AUTHOR", "ATTACK_ON_COMMENTER", "COMPASSION_EXPERIMENTAL",
    "CURIOSITY_EXPERIMENTAL", "FEARMONGERING_EXPERIMENTAL", "FLIRTATION", "GENERALIZATION_EXPERIMENTAL", "INCOHERENT",
    "INFLAMMATORY", "LIKELY_TO_REJECT", "MORAL_OUTRAGE_EXPERIMENTAL", "NUANCE_EXPERIMENTAL", "OBSCENE",
    "PERSONAL_STORY_EXPERIMENTAL", "REASONING_EXPERIMENTAL", "RESPECT_EXPERIMENTAL", "SCAPEGOATING_EXPERIMENTAL", "SPAM",
    "TOXICITY_FAST", "UNSUBSTANTIAL",
}
"""What Google's API knew: `dropUnsupportedAttributes` leaves these out; a misspelt name stays an error."""
