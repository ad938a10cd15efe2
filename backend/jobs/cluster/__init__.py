"""Jobs on a Ray cluster: the only place that knows of Ray."""
