"""From a CacheTier to its store."""
