"""Searching settings: what may vary, how a trial is scored, and what is kept of all trials."""
