"""The values that everybody speaks in: specs, text sets, results, activations, recipes, runs."""
