"""The dev cluster's own tests, which share one that ends with the last of them."""
