"""Kafka and Faust: topics, schemas, settings, the worker's wiring and the command line."""
