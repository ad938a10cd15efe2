"""Values as digests, as JSON and as documents."""
