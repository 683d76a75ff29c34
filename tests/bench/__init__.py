"""What `headwater bench` measures; run from a clone, never installed."""
