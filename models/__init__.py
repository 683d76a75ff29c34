"""Learners that adapt to every user and item from a stream of events; no Kafka, clock or disk."""
