"""What the page Similarity offers: which layers are compared, by which measure, as a matrix or along depth."""

from pages._kit.state import ask

WITHIN, BETWEEN, DIFFERENCE = "Within one model", "Between two models", "Difference of two models"
GRID = "All models"
EACH = "Each model alone"
MATRIX, DIAGONAL = "Matrix", "Along depth"
CKA, NEIGHBOURS = "CKA", "Shared neighbours"


def choose_measure(mode: str) -> str:
    """How two layers are compared; a difference and a grid of models are of CKA."""
    if mode not in (WITHIN, BETWEEN):
        return CKA
    return ask.segmented_control(
        "Measure", [CKA, NEIGHBOURS], default=CKA, key="similarity_measure", label_visibility="collapsed"
    )


def choose_view() -> str:
    """The matrix or the line along depth."""
    return ask.segmented_control(
        "View", [MATRIX, DIAGONAL], default=MATRIX, key="similarity_view", label_visibility="collapsed"
    )


def undrawn(shape: tuple[int, ...]) -> str:
    """What to know of two models of unequal depth: which layers have no partner, and that equal numbers are not equal depths."""
    extra = abs(shape[0] - shape[1])
    if not extra:
        return ""
    which = "first" if shape[0] > shape[1] else "second"
    return (
        f" The {which} model has {extra} more, which are not drawn, and layers of one number lie at different depths of the "
        "two: the matrix shows every pair."
    )
