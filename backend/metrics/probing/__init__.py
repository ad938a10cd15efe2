"""Classifier probes: networks trained on a layer, and the search for their setting."""

from backend.metrics.probing.kernel import all_settings, fit_probe, search_setting

__all__ = ["all_settings", "fit_probe", "search_setting"]
