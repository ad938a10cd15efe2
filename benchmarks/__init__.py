"""Time, memory and error of the kernels and the app, each beside the usual way: ``python -m benchmarks``."""
