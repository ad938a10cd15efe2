"""The papers whose analyses are here: what each is called in short, and where it can be read."""

from dataclasses import dataclass

GPTOLOGY = "GPTology"
MATTON = "Matton & de Oliveira"
ZHOU = "Zhou & Srikumar (2022)"
RAZZHIGAEV = "Razzhigaev et al. (2024)"


@dataclass(frozen=True, slots=True)
class Publication:
    """A paper as its own first page names it; ``year`` is 0 and ``address`` empty where that names none."""

    title: str
    authors: str
    year: int = 0
    address: str = ""

    @property
    def shown_address(self) -> str:
        """The address as people cite it."""
        return self.address.removeprefix("https://").replace("arxiv.org/abs/", "arXiv:").rstrip("/")


PAPERS = {
    GPTOLOGY: Publication(
        "GPTology: The Impact of Fine-Tuning on the Geometry of GPT-2", "an anonymous submission to ACL"
    ),
    MATTON: Publication(
        "Emergent Properties of Finetuned Language Representation Models",
        "Alexandre Matton and Luke de Oliveira",
        2019,
        "https://arxiv.org/abs/1910.10832",
    ),
    ZHOU: Publication(
        "A Closer Look at How Fine-tuning Changes BERT",
        "Yichu Zhou and Vivek Srikumar",
        2022,
        "https://aclanthology.org/2022.acl-long.75/",
    ),
    RAZZHIGAEV: Publication(
        "The Shape of Learning: Anisotropy and Intrinsic Dimensions in Transformer-Based Models",
        "Anton Razzhigaev, Matvey Mikhalchuk, Elizaveta Goncharova, Ivan Oseledets, Denis Dimitrov and Andrey Kuznetsov",
        2024,
        "https://arxiv.org/abs/2311.05928",
    ),
}
