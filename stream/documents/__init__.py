"""The public topics as documents that other tools read: JSON Schemas and AsyncAPI."""
