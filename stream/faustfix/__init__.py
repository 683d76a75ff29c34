"""Defects of faust-streaming 0.15.3 that lose or repeat events, one file each, with its cure."""

import logging

# What Faust's own code says in our subclasses; without it our modules would seem to be speaking.
FAUST_LOG = logging.getLogger("faust.headwater")
