"""Other systems' files as files in the wire's fields: cleaned, counted, in constant memory.

A source (MovieLens, Gorse, Metarank, or any CSV, JSON Lines or Parquet) yields records with the
fields of the wire; each is normalised, checked as a worker would check it, compared with all that
came before, and written; what is dropped is counted by its reason, with examples.
"""

from stream.convert.plan import Plan
from stream.convert.report import Report
from stream.convert.run import convert

__all__ = ["Plan", "Report", "convert"]
