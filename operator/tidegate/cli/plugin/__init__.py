"""`kubectl tidegate`: a rollout as people watch and steer it. What is to be written, and what is to be shown, is decided purely."""
