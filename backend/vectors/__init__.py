"""Vectors that somebody brings along, read from files: numpy's, safetensors, Parquet. Nothing is ever unpickled."""
