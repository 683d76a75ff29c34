"""Training: the sequence net by torch, and the gate from which partitions start."""
