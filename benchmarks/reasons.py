"""Why a target is missed, by the benchmark and the row: found by looking where the time goes, and written beside every row that misses."""

WHY: dict[tuple[str, str, str], str] = {
    ("kernels_similarity", "CKA of 13 layers, 872 x 768, biased", "pair by pair"): "both sides multiply Gram matrices at the machine's rate, 14 of them in the other's for each of ours; products are most of ours, and the quicker a machine multiplies, the less there is to gain (6.7 to 13.6, by machine)",
    ("kernels_similarity", "CKA of 13 layers, 872 x 768, debiased", "pair by pair"): "as for the biased one",
    ("kernels_similarity", "CKA of 13 layers, 872 x 768, debiased", "formula of torch_cka"): "34 to 51 on two machines; as for the biased one",
    ("kernels_similarity", "CKA of 13 layers, 5,000 x 768, biased", "pair by pair"): "most of ours are products at the machine's rate; 17 on both machines that it was measured on",
    ("kernels_similarity", "CKA of 13 layers, 5,000 x 768, debiased", "pair by pair"): "29 to 41 on two machines; most of ours are products at the machine's rate",
    ("kernels_neurons", "greedy salient dimensions, 2 classes, 2,000 x 768, step 1", "scikit-learn, candidate by candidate"): "a quarter of ours is standardising the rows, most of the rest passes of numpy over blocks of 16 candidates; on a busy machine, which slows the other's many small calls more, it was 49",
    ("kernels_neurons", "greedy salient dimensions, 2 classes, 2,000 x 768, step 5", "scikit-learn, candidate by candidate"): "as for step 1; on a busy machine it was 52",
    ("layouts", "principal components of 10,001 x 384 in 6 layers, cached activations: the maps", "scikit-learn's PCA"): "0.13 s of ours are products in float64, at the machine's rate, as long as nearly all of the other takes: its covariances are float32, and its shares of the variance are off by 7e-4; centring, twice, and the components are the rest",
    ("layouts", "principal components of 10,001 x 384 in 6 layers, cached activations: from the start to the maps shown", "scikit-learn's PCA"): "as for the maps; the lengths of the rows, the look whether all is finite, and the file that the page reads are the 0.05 s more",
    ("layouts", "principal components of 10,001 x 384 in 6 layers, cached activations: the maps and their quality", "scikit-learn's PCA"): "the quality of the maps, of 2,500 rows with their neighbours among all 10,001 in each layer, is nearly all of it, and the other measures none; the maps are shown before it, which has a row of its own",
    ("layouts", "UMAP, first use of an installation, 2,000 x 384", "umap-learn in a fresh process"): "both compile umap's functions, ours keeps them for the next start (the row above)",
    ("kernels_direct_probe", "TREC, 6 labels, 1,500 rows x 384", "published: a support-vector machine for the end state alone"): "the other asks of 15 pairs of labels only, as ours does; ours decides them by exact linear programs in 0.33 s, and the support-vector machine took 10 s on an earlier day",
    ("extraction", "7 layers x 3 poolings of 1,000 texts with minilm, CPU", "plain loop, batches of 32"): "batches of like length save the loop's padding, which is half of its tokens here; of what is left three quarters are the model's products, at the machine's own rate",
    ("starting_race", "from the start to the three figures of Overview", "the build before (501e2b3 of 2026-12-01)"): "4 of the seconds read torch and transformers, once instead of twice, 2 are the forward pass over 440 reviews; on two cores, beside the browser and the dashboard",
}  # fmt: skip


def why_missed(name: str, what: str, against: str) -> str:
    """The reason, or nothing where none was written down."""
    return WHY.get((name, what, against), "")
