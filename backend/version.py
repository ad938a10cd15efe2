"""The version of Embedscope, for the package, for results and for people; this is the one place it stands at."""

__version__ = "0.1.0"
VERSION_HEADER = "Embedscope-Version"  # of every answer of the service
