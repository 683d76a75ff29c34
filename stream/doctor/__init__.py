"""What is wrong with an installation: facts are gathered in one place and judged in another.

`facts` holds what was seen, `kafka`, `quorum`, `pages` and `disk` see it, and the judges turn it
into findings without looking at anything else.
"""
