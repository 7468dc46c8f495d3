"""The models that Detoxify publishes."""

from dataclasses import dataclass
from typing import Final

RELEASES: Final = "https://github.com/unitaryai/detoxify/releases/download/"


@dataclass(frozen=True, slots=True)
class Known:
    """A model that Detoxify publishes.

    ``sha256`` holds the digits in the file's name. ``megabytes`` is four bytes for each weight of
    its architecture.
    """

    name: str
    file: str
    sha256: str
    encoder: str
    megabytes: int
    languages: str = "English"
    licence: str = "Apache-2.0"

    @property
    def url(self) -> str:
        """Where Detoxify fetches it from."""
        return RELEASES + self.file

    @property
    def version(self) -> str:
        """The release that holds it, with the digits that tell it from a later one."""
        return f"{self.file.partition('/')[0]}-{self.sha256}"


KNOWN: Final = {
    known.name: known
    for known in (
        Known(
            "original",
            "v0.1-alpha/toxic_original-c1212f89.ckpt",
            "c1212f89",
            "bert-base-uncased",
            438,
        ),
        Known(
            "unbiased", "v0.3-alpha/toxic_debiased-c7548aa0.ckpt", "c7548aa0", "roberta-base", 499
        ),
        Known(
            "multilingual",
            "v0.4-alpha/multilingual_debiased-0b549669.ckpt",
            "0b549669",
            "xlm-roberta-base",
            1112,
            "English, French, Spanish, Italian, Portuguese, Turkish, Russian",
        ),
        Known(
            "original-small",
            "v0.1.2/original-albert-0e1d6498.ckpt",
            "0e1d6498",
            "albert-base-v2",
            47,
        ),
        Known(
            "unbiased-small",
            "v0.1.2/unbiased-albert-c8519128.ckpt",
            "c8519128",
            "albert-base-v2",
            47,
        ),
    )
}
