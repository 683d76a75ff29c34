"""Defects of faust-streaming 0.15.3 that lose or repeat events, one file each, with its cure."""
