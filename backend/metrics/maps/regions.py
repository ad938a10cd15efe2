"""Names for the regions of a map: the words that are frequent in one part of it and not in the others. No model is asked."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.metrics.neighbors.kernel import sampled_rows

_MOST_FITTED = 10_000  # points that regions and words are found from
_ROWS_EACH = 30  # points for each region, at least, on average
_MOST_REGIONS = 10
_N_WORDS = 3
_WORD = r"(?u)\b[^\W\d_][\w'’-]*\w\b"  # two characters or more, the first a letter


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a map: its centre, how many of the points that were looked at lie in it, and its words, the most telling first."""

    x: float
    y: float
    n_points: int
    words: tuple[str, ...]


def name_regions(
    layers: npt.NDArray[np.floating], documents: Sequence[str], *, seed: int, n_regions: int | None = None
) -> tuple[tuple[Region, ...], ...]:
    """For each map of ``layers`` (n_layers, n_points, 2) its regions, the largest first, named by the points' ``documents``.

    Regions are k-means clusters of the places on the map, each layer's own: ``n_regions`` of them, or one for each 30 points, from 2
    to 10. Words come from class-based TF-IDF (Grootendorst 2022) with the weighting of BM25 and square roots of frequencies: of a
    word with the share p of its region's words, f times on the map, ``sqrt(p) log(1 + (A - f + 0.5) / (f + 0.5))``, A being the mean
    number of words in a region. A word must be in two documents or more, and more frequent in its region than on the map; the commonest words of English (the
    list of scikit-learn) are left out, those of other languages weigh little.
    Beyond 10,000 points a part of them is looked at, drawn by ``seed``. A map without coordinates, or of fewer than 10 points, has
    no regions; a region without such a word is left out.
    """
    rows = sampled_rows(len(documents), _MOST_FITTED, seed)
    counts, words = _word_counts([documents[row] for row in rows])
    return tuple(_regions(layer[rows], counts, words, seed, n_regions) for layer in layers)


def _word_counts(documents: Sequence[str]) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.str_]]:  # a sparse matrix
    """How often each word is in each document (n_documents, n_words), sparse, and the words."""
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import CountVectorizer

    try:
        vectorizer = CountVectorizer(token_pattern=_WORD, min_df=2, stop_words="english")
        counts = vectorizer.fit_transform(documents)
    except ValueError:  # not a single word in two documents
        return csr_matrix((len(documents), 0)), np.array([], dtype=np.str_)
    return counts, vectorizer.get_feature_names_out()


def _regions(
    coords: npt.NDArray[np.floating],
    counts: npt.NDArray[np.object_],
    words: npt.NDArray[np.str_],
    seed: int,
    n_regions: int | None,
) -> tuple[Region, ...]:
    from sklearn.cluster import KMeans

    n_points = len(coords)
    if n_points < 10 or not len(words) or not np.isfinite(coords).all():
        return ()
    wanted = min(_MOST_REGIONS, max(2, n_points // _ROWS_EACH)) if n_regions is None else n_regions
    places = np.unique(coords, axis=0)
    if len(places) < wanted:
        return ()
    found = KMeans(wanted, n_init=4, random_state=seed).fit(np.asarray(coords, np.float64))
    member = np.eye(wanted)[found.labels_]
    inside = np.asarray((counts.T @ member).T)  # (n_regions, n_words)
    sizes, telling = member.sum(axis=0), _weights(inside)
    regions = []
    for number, (x, y) in enumerate(found.cluster_centers_.tolist()):
        best = np.argsort(-telling[number], kind="stable")[:_N_WORDS]
        named = tuple(str(words[word]) for word in best if telling[number, word] > 0)
        if named:
            regions.append(Region(x, y, int(sizes[number]), named))
    return tuple(sorted(regions, key=lambda region: (-region.n_points, region.words)))


def _weights(inside: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How telling each word is for each region (n_regions, n_words); 0 for one that is not more frequent there than everywhere."""
    totals = inside.sum(axis=1, keepdims=True)
    everywhere = inside.sum(axis=0)
    share = np.divide(inside, totals, out=np.zeros_like(inside), where=totals > 0)
    mean = totals.mean()
    rare = np.log(np.maximum(1 + (mean - everywhere + 0.5) / (everywhere + 0.5), 1.0))
    above = share > everywhere / everywhere.sum()
    return np.asarray(np.where(above, np.sqrt(share) * rare, 0.0))
