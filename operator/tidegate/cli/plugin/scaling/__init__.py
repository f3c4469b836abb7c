"""`kubectl tidegate scale`: why a model has as many engines as it has."""
