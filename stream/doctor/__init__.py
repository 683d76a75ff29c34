"""What is wrong with an installation: facts are gathered in one place and judged in another.

`facts` holds what was seen; `kafka`, `records`, `quorum`, `pages` and `disk` see it; `cluster`,
`events`, `work` and `worker` turn it into findings without looking at anything else.
"""
