"""What Tidegate promises, on a real cluster: a folder a promise. It is a package so that its clusters end with its last test."""
